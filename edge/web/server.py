"""The API as an ASGI application: paths, and what each answers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import ModelError
from edge.manifest import Manifest
from edge.verdict import Verdict, VerdictOutcome, to_json_dict
from edge.web import openapi
from edge.web.asking import Asker
from edge.web.counting import CONTENT_TYPE, Counts
from edge.web.crowd import Crowd
from edge.web.hearing import Hearing
from edge.web.limits import Limiter, Rate
from edge.web.passwords import Password, address_of, too_many
from edge.web.problems import ApiError, on_api_error, on_http_error, response
from edge.web.uploads import Room, uploads

PAGES = Path(__file__).parent / "pages"
# No script or style that is not a file of ours, in nobody's frame, and nothing kept by proxies.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Services:
    """What the API works with. rate: of one address, in pictures.

    password: None where everybody may ask. lock: instead of it, what lets only those through who may.
    """

    asker: Asker
    model: Manifest
    counts: Counts
    rate: Rate
    password: Password | None = None
    lock: Callable[[Handler], Handler] | None = None
    monotonic_s: Callable[[], float] = time.monotonic


def create(
    services: Services,
    more: Sequence[BaseRoute] = (),
    home: str = "try.html",
    document: Callable[..., openapi.Document] = openapi.document,
    language: str | None = None,
) -> Starlette:
    """The application. more: further routes. home: the page at /. document: makes the OpenAPI document.

    language: of the pages; None leaves it to the browser.
    """
    api = _Api(services, document)
    routes = [
        Route("/", page(home, language)),
        Route("/docs", page("docs.html", language)),
        *more,
        Route("/healthz", api.healthz),
        Route("/metrics", api.metrics),
        Route("/api/openapi.json", api.openapi),
        Route("/api/v1/model", api.locked(api.model)),
        Route("/api/v1/classify", api.locked(api.classify), methods=["POST"]),
        Mount("/pages", StaticFiles(directory=PAGES)),
    ]
    handlers = {ApiError: on_api_error, HTTPException: on_http_error, ModelError: _on_model_error}
    return Starlette(
        routes=routes,
        exception_handlers=handlers,
        middleware=[Middleware(Hearing), Middleware(_Headers), Middleware(Crowd)],
    )


class _Api:
    def __init__(self, services: Services, document: Callable[..., openapi.Document]) -> None:
        self._services = services
        self._document = document
        self._limiter = Limiter(services.rate)
        self._room = Room()

    def locked(self, handler: Handler) -> Handler:
        """The handler behind the password, where there is one."""
        if self._services.lock is not None:
            return self._services.lock(handler)

        async def checked(request: Request) -> Response:
            if self._services.password is not None:
                self._services.password.check(request)
            return await handler(request)

        return checked

    async def classify(self, request: Request) -> Response:
        began_s = self._services.monotonic_s()
        with self._room.shared() as take:
            pictures = await uploads(request, take=take)
            if wait_s := self._limiter.wait_s(address_of(request), began_s, len(pictures)):
                raise too_many(wait_s)
            verdicts = await self._services.asker.verdicts(pictures)
        self._services.counts.answered(verdicts, self._services.monotonic_s() - began_s)
        return _answer(verdicts)

    async def model(self, _: Request) -> Response:
        return JSONResponse(self._services.model.model_dump(mode="json", by_alias=True))

    async def healthz(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(self, _: Request) -> Response:
        return Response(self._services.counts.text(), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(self._document(locked=self._services.password is not None))


def _answer(verdicts: list[Verdict]) -> Response:
    """One object for one picture, which must be readable then; a list for several."""
    documents = [to_json_dict(verdict) for verdict in verdicts]
    if len(verdicts) > 1:
        return JSONResponse(documents)
    if verdicts[0].outcome is VerdictOutcome.REJECTED:
        return response(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(verdicts[0].reason), more=documents[0])
    return JSONResponse(documents[0])


def _on_model_error(_: Request, error: Exception) -> Response:
    return response(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))


def page(name: str, language: str | None = None) -> Handler:
    """What shows a file of PAGES, which is told the language where it is not the browser's."""

    async def show(_: Request) -> Response:
        if language is None:
            return FileResponse(PAGES / name)
        text = (PAGES / name).read_text(encoding="utf-8")
        return HTMLResponse(text.replace("<html ", f'<html data-language="{language}" ', 1))

    return show


class _Headers:
    """Adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        await self._app(scope, receive, with_headers)
