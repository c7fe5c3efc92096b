"""Errors as application/problem+json (RFC 9457): a status, a title that does not change, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ApiError(Exception):
    """What a client did wrong, or why it has to wait. more: further members of the answer."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more


def response(
    status: int, detail: str, headers: Mapping[str, str] | None = None, more: Mapping[str, Any] | None = None
) -> Response:
    """A problem as it is sent."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(more or {}),
    }
    return Response(json.dumps(body, ensure_ascii=False), status, dict(headers or {}), MEDIA_TYPE)


def on_api_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for ApiError."""
    assert isinstance(error, ApiError)
    return response(error.status, error.detail, error.headers, error.more)


def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for what it finds itself: no such path, a wrong method."""
    assert isinstance(error, HTTPException)
    details = {
        HTTPStatus.NOT_FOUND: "there is nothing at this path; /docs lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not for this path; the header Allow names what is",
    }
    detail = details.get(HTTPStatus(error.status_code), str(error.detail))
    return response(error.status_code, detail, error.headers)
