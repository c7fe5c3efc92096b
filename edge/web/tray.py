"""The tray as it is now. The bin makes pictures of it only while somebody looks. For one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

ASK_EVERY_S = 2.0  # well below the time for which the bin goes on
FRESH_S = 3.0  # of a hot bin, which looks at few frames, a picture comes less often than twice a second
WITHIN_S = 3.0


class Tray:
    """take() is given every picture; ask() tells the bin that somebody looks."""

    def __init__(self, ask: Callable[[], object], monotonic_s: Callable[[], float]) -> None:
        self._ask = ask
        self._monotonic_s = monotonic_s
        self._asked_s = self._taken_s = float("-inf")
        self._jpeg = b""
        self._came = asyncio.Event()

    def take(self, jpeg: bytes) -> None:
        """The newest one."""
        self._jpeg, self._taken_s = jpeg, self._monotonic_s()
        self._came.set()

    async def picture(self, within_s: float = WITHIN_S) -> bytes | None:
        """A JPEG that shows the present, waited for where nobody looked before; None when none comes in time."""
        now_s = self._monotonic_s()
        if now_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s = now_s
            self._ask()
        if now_s - self._taken_s >= FRESH_S:
            self._came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._came.wait()
        return self._jpeg if self._monotonic_s() - self._taken_s < FRESH_S else None
