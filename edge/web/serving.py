"""Running the API on an address until told to stop."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from edge.errors import ConfigError
from edge.web.patience import PatientProtocol

BACKLOG = 128  # also how many are let in before any of them is heard
KEEP_ALIVE_S = 15
STOP_WITHIN_S = 1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError: the port is taken, may not be had, or the host is not ours."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            [f"cannot listen on {host}:{port} ({error.strerror or error}); choose another --port or --host"]
        ) from error


def serve(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Until SIGTERM or SIGINT. ready: called once requests are answered."""
    _Server(configured(app), ready).run([listener])


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
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


class _Server(uvicorn.Server):
    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
