"""The pictures in a request: the fields `file` of a form, or the body itself. Bounded in size, number and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from edge.web.problems import ApiError

MAX_BYTES = 10_000_000  # of one request
MAX_FILES = 20
MOST_HELD = 40_000_000  # bytes of all requests at a time
MOST_SENDING = 64  # requests: who sends slowly keeps nobody from looking at something else
WITHIN_S = 30.0  # to send it all
_UNNAMED = "image"


@dataclass(frozen=True, slots=True)
class Upload:
    """name: what the client calls it."""

    name: str
    content: bytes


Take = Callable[[int], None]


class Room:
    """How much all that is being uploaded may take together: many requests of few bytes, or few of many."""

    def __init__(self, most_bytes: int = MOST_HELD, most_sending: int = MOST_SENDING) -> None:
        self._free = most_bytes
        self._places = most_sending

    @contextmanager
    def shared(self) -> Iterator[Take]:
        """Yields what takes a number of bytes until the end. Both raise ApiError 503."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if count > self._free:
                raise _too_much()
            self._free -= count
            taken += count

        if not self._places:
            raise _too_much()
        self._places -= 1
        try:
            yield take
        finally:
            self._places += 1
            self._free += taken


def _too_much() -> ApiError:
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE, "too much is being uploaded; ask again", headers={"Retry-After": "2"}
    )


async def uploads(
    request: Request, max_bytes: int = MAX_BYTES, within_s: float = WITHIN_S, take: Take = lambda _: None
) -> list[Upload]:
    """At least one. take: told of every byte that is kept. Raises ApiError: 400, 408, 413, and what take raises."""
    try:
        async with arriving("the pictures", within_s):
            return await _uploads(request, max_bytes, take)
    except (MultiPartException, MultipartParseError, ValueError) as error:  # the last: of a charset that cannot be
        raise ApiError(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {error}") from error


@asynccontextmanager
async def arriving(what: str, within_s: float = WITHIN_S) -> AsyncIterator[None]:
    """Around what waits for a request's body. Raises ApiError: 408 for one that takes longer, 400 for one that ends."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        raise ApiError(HTTPStatus.REQUEST_TIMEOUT, f"{what} did not arrive within {within_s:g} s") from error
    except ClientDisconnect as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "the connection ended early") from error


async def _uploads(request: Request, max_bytes: int, take: Take) -> list[Upload]:
    body = _bounded(request, max_bytes, take)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        content = b"".join([chunk async for chunk in body])
        if not content:
            raise ApiError(HTTPStatus.BAD_REQUEST, "send a picture: as the body, or as the field `file` of a form")
        return [Upload(_UNNAMED, content)]
    found = await _form_files(request.headers, body, max_bytes)
    if not found:
        raise ApiError(HTTPStatus.BAD_REQUEST, "the form has no picture; put each into a field called `file`")
    return found


async def _form_files(headers: Headers, body: AsyncGenerator[bytes, None], max_bytes: int) -> list[Upload]:
    parser = MultiPartParser(headers, body, max_files=MAX_FILES, max_fields=MAX_FILES)
    parser.spool_max_size = max_bytes  # a card wears: nothing goes to the disk
    form = await parser.parse()
    try:
        files = [file for name, file in form.multi_items() if name == "file" and isinstance(file, UploadFile)]
        # some charsets give what no other text can hold
        names = [(file.filename or _UNNAMED).encode(errors="replace").decode() for file in files]
        return [Upload(name, await file.read()) for name, file in zip(names, files, strict=True)]
    finally:
        await form.close()


async def _bounded(request: Request, max_bytes: int, take: Take) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {max_bytes / 1e6:g} MB; make the pictures smaller"
            )
        take(len(chunk))
        yield chunk
