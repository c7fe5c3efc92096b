"""How many requests are answered at a time; whoever comes beyond that is told to come back."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from edge.web.problems import response

MOST_REQUESTS = 128
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
            # the connection stays: what is still being sent would be met by a reset, which eats this answer
            busy = response(HTTPStatus.SERVICE_UNAVAILABLE, "too many are asking; ask again", {"Retry-After": "2"})
            await busy(scope, receive, send)
            return
        self._now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1
