"""Running the API on an address until told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from edge.web.door import Door
from edge.web.patience import HEADERS_WITHIN_S, PatientProtocol

STOP_WITHIN_S = 1


def serve(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Until SIGTERM or SIGINT. ready: called once requests are answered."""
    Server(configured(app), ready).run([listener])


def address(host: str, listener: socket.socket) -> str:
    """Where a browser on this computer finds what listens."""
    name = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}/"


def configured(app: ASGIApp) -> uvicorn.Config:
    """What is the same wherever it runs."""
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # whoever sends nonsense must not fill the journal
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=round(HEADERS_WITHIN_S),
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


class Server(uvicorn.Server):
    """uvicorn's own behind a Door. ready: called once requests are answered."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None], door: Callable[..., Door] = Door) -> None:
        super().__init__(settings)
        self._ready = ready
        self._door = door(lambda: self.server_state.connections)
        self._open: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        await super().startup([])
        self._open = [asyncio.create_task(self._door.keep(listener, self._connection)) for listener in sockets or []]
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        for task in self._open:
            task.cancel()
        await super().shutdown(sockets)

    def _connection(self) -> asyncio.Protocol:
        return PatientProtocol(self.config, self.server_state, self.lifespan.state)
