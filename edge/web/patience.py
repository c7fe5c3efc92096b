"""Connections that say nothing, or say it too slowly, are ended: otherwise a few hundred of them keep everybody out."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_WITHIN_S = 10.0


class PatientProtocol(H11Protocol):
    """uvicorn's own, with a limit on the time that the head of a request may take. Bodies: see uploads."""

    headers_within_s = HEADERS_WITHIN_S
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The time runs."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """The time ends with the head, and runs again with the first byte of the next one."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """No time runs."""
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        cycle: Any = self.cycle  # None until the first request
        if cycle is not None and not cycle.response_complete:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_within_s, self._give_up)

    def _give_up(self) -> None:
        cycle: Any = self.cycle
        self._deadline = None
        if cycle is None or cycle.response_complete:
            self.transport.close()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
