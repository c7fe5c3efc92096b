"""How many requests are worked on at a time; whoever comes beyond that, or at the end, is told to come back."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web.problems import response

MOST_REQUESTS = 128
ENDS = "the page is ended or started anew; ask again"
ALWAYS = "/healthz"  # cheap, and a server that is busy is well


class Crowd:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, most: int = MOST_REQUESTS) -> None:
        self._app = app
        self._most = most
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if self._now >= self._most and scope["path"] != ALWAYS:
            busy = response(HTTPStatus.SERVICE_UNAVAILABLE, "too many are asking; ask again", {"Retry-After": "2"})
            await busy(scope, receive, send)
            return
        places = 1
        self._now += places

        async def answer(message: Message) -> None:
            nonlocal places
            self._now -= places  # who takes the answer slowly takes nobody's place
            places = 0
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:  # the server ends, and has waited for this long enough
            if not places:
                raise
            await response(HTTPStatus.SERVICE_UNAVAILABLE, ENDS, {"Retry-After": "2"})(scope, receive, send)
        finally:
            self._now -= places
