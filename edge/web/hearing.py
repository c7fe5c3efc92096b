"""A request is heard to its end before it is answered: closing on what still comes is a reset, and eats the answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

WITHIN_S = 2.0  # who sends for longer has to live with the reset
_HAS_BODY = {b"content-length", b"transfer-encoding"}


class Hearing:
    """An ASGI application around another. What that does not read of a request is read and thrown away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        names = {name for name, _ in scope["headers"]}
        # who expects to be told to go on has sent nothing yet, and reads the answer instead
        comes = bool(names & _HAS_BODY) and b"expect" not in names

        async def hear() -> Message:
            nonlocal comes
            message = await receive()
            comes = comes and bool(message.get("more_body", False))
            return message

        async def answer(message: Message) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(WITHIN_S):
                    while comes:
                        await hear()
            await send(message)

        await self._app(scope, hear, answer)
