"""A line between bin and broker that a test can disturb."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class BrokerLine:
    """Listens on `port` of this machine and carries every connection to the port `target`. lines: how many came."""

    def __init__(self, target: int) -> None:
        self.lines = 0
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._server]
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def admits(self, near: socket.socket) -> bool:
        """Whether a new connection is carried on; one that is not is closed here."""
        return True

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Begin to carry both ways, in threads of their own."""
        raise NotImplementedError

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                self.lines += 1
                if self.admits(near):
                    far = socket.create_connection(("127.0.0.1", self._target))
                    self._open += [near, far]
                    self.carry(near, far)
