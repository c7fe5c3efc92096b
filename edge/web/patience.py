"""Connections that say nothing, say it too slowly, or never read what they are told, are ended."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_WITHIN_S = 10.0
READ_WITHIN_S = 30.0


class PatientProtocol(H11Protocol):
    """uvicorn's own, with limits on how long the head of a request and the reading of an answer may take.

    Bodies: see uploads. Implements door.Guest.
    """

    headers_within_s = HEADERS_WITHIN_S
    read_within_s = READ_WITHIN_S
    _since_s = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The time runs."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # to be told as soon as something is not taken
        self._since_s = self.loop.time()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """The time ends with the head."""
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """To nonsense, unless an answer has begun: what comes then of a body only ends the line."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True  # what is still worked on is answered to nobody

    def pause_writing(self) -> None:
        """What was sent is not read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.read_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It was read."""
        super().resume_writing()
        self._has_read()

    def on_response_complete(self) -> None:
        """From now on it waits."""
        self._since_s = self.loop.time()
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """No time runs."""
        self._forget()
        self._has_read()
        super().connection_lost(exc)

    @property
    def waits_since_s(self) -> float | None:
        """See Guest."""
        cycle: Any = self.cycle  # None until the first request
        return self._since_s if cycle is None or cycle.response_complete else None

    def leave(self) -> None:
        """See Guest. What came while this process had to wait for others is heard first."""
        self.loop.call_later(0, self._leave)

    def _watch(self) -> None:
        if self.waits_since_s is None:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_within_s, self._give_up)

    def _leave(self) -> None:
        if self.waits_since_s is not None:
            self.transport.close()

    def _give_up(self) -> None:
        self._deadline = None
        self._leave()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _has_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
