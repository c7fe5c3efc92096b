"""Who is let in. Beyond what there is room for, connections wait at the door, in the kernel, and none is turned away.

Those that only wait inside give way when there are many: otherwise a few hundred of them keep everybody out.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

MOST_CONNECTIONS = 512  # well below 1024, the files that a process may have open
ROOM_FROM = 128  # from here on those give way that have waited for PATIENCE_S
PATIENCE_S = 2.0  # a request that is on its way is here within it
WHEN_FULL_S = 0.5  # instead of it, while others stand at the door
AT_ONCE = 32
AGAIN_S = 0.05


class Guest(Protocol):
    """A connection. waits_since_s: of the loop's time; None while it is being answered."""

    @property
    def waits_since_s(self) -> float | None:
        """See Guest."""

    def leave(self) -> None:
        """It is closed."""


class Door:
    """guests: all connections, kept by those themselves."""

    def __init__(
        self, guests: Callable[[], Collection[Guest]], most: int = MOST_CONNECTIONS, room_from: int = ROOM_FROM
    ) -> None:
        self._guests = guests
        self._most, self._room_from = most, room_from

    async def keep(self, listener: socket.socket, connection: Callable[[], asyncio.Protocol]) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        while True:
            try:
                lines = await _arrived(listener)
            except OSError:  # it went again, or there are no more files
                await asyncio.sleep(AGAIN_S)
                continue
            let_in = (loop.connect_accepted_socket(connection, line) for line in lines)
            await asyncio.gather(*let_in, return_exceptions=True)  # one that has gone again is no matter for the others
            self.make_room(loop.time(), len(lines))
            while len(self._guests()) >= self._most:
                await asyncio.sleep(AGAIN_S)
                self.make_room(loop.time(), AT_ONCE)

    def make_room(self, now_s: float, places: int) -> None:
        """Has as many leave as are too many, those first that have waited longest."""
        guests = self._guests()
        if (many := min(places, len(guests) - self._room_from)) <= 0:
            return
        waiting = [(since_s, guest) for guest in guests if (since_s := guest.waits_since_s) is not None]
        waiting.sort(key=lambda one: one[0])
        patience_s = PATIENCE_S if len(guests) < self._most else WHEN_FULL_S
        for since_s, guest in waiting[:many]:
            if now_s - since_s >= patience_s:
                guest.leave()


async def _arrived(listener: socket.socket) -> list[socket.socket]:
    """Who stands at the door, at least one."""
    first, _ = await asyncio.get_running_loop().sock_accept(listener)
    lines = [first]
    with suppress(OSError):
        while len(lines) < AT_ONCE:
            lines.append(listener.accept()[0])
    return lines
