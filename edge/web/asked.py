"""What a request asks for, read and checked: a small JSON object, numbers, words. Raises ApiError 400, 408, 413."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from edge.web.problems import ApiError
from edge.web.uploads import arriving


async def json_object(request: Request, most_bytes: int, example: str) -> dict[str, Any]:
    """The body; none is an empty one. What is too large is not kept."""
    body = b""
    async with arriving("the body"):
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most_bytes} bytes")
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, f"the body is a JSON object, as {example}")
    return found


def whole(request: Request, name: str, default: int, most: int, least: int = 0) -> int:
    """A number of the query."""
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"{name}: write a whole number from {least} to {most}")
    return int(text)


def one_of(request: Request, name: str, words: Sequence[str]) -> str | None:
    """A word of the query; None without it."""
    word = request.query_params.get(name)
    if word is not None and word not in words:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"{name}: write {' or '.join(words)}")
    return word
