"""Connections that say nothing, say it too slowly, or never read what they are told are ended, and those that only wait
give way when there are many: otherwise a few hundred of them keep everybody out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_WITHIN_S = 10.0
READ_WITHIN_S = 30.0
MOST_CONNECTIONS = 512  # well below 1024, the files that a process may have open
ROOM_FROM = 128  # connections; from here on those give way that wait for longer than PATIENCE_S
PATIENCE_S = 1.0  # a request that is on its way is here within it


class PatientProtocol(H11Protocol):
    """uvicorn's own, with limits on how long the head of a request and the reading of an answer may take.

    Bodies: see uploads.
    """

    headers_within_s = HEADERS_WITHIN_S
    read_within_s = READ_WITHIN_S
    most_connections, room_from, patience_s = MOST_CONNECTIONS, ROOM_FROM, PATIENCE_S
    waits_since_s = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The time runs."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # to be told as soon as something is not taken
        self._watch()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """The time ends with the head, and runs again with the first byte of the next one."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """What was sent is not read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.read_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It was read."""
        super().resume_writing()
        self._unread = _cancelled(self._unread)

    def on_response_complete(self) -> None:
        """From now on it waits."""
        self.waits_since_s = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """No time runs."""
        self._deadline, self._unread = _cancelled(self._deadline), _cancelled(self._unread)
        super().connection_lost(exc)

    @property
    def waits(self) -> bool:
        """Whether nothing is being answered."""
        cycle: Any = self.cycle  # None until the first request
        return cycle is None or bool(cycle.response_complete)

    def _watch(self) -> None:
        if not self.waits:
            self._deadline = _cancelled(self._deadline)
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_within_s, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self.waits:
            self.transport.close()

    def _make_room(self) -> None:
        self.waits_since_s = self.loop.time()
        if len(self.connections) <= self.room_from:
            return
        waiting = [one for one in self.connections if isinstance(one, PatientProtocol) and one.waits]
        oldest = min(waiting, key=lambda one: one.waits_since_s)
        waited_s = self.waits_since_s - oldest.waits_since_s
        if len(self.connections) > self.most_connections or waited_s > self.patience_s:
            self.connections.discard(oldest)  # else it is chosen again until it is gone
            oldest.transport.close()


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
