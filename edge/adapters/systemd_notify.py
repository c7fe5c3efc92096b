"""Tells systemd how things are: the sd_notify protocol, one datagram a message."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class SystemdNotifier:
    """Implements ports.Notifier. Without NOTIFY_SOCKET (a terminal, a container) it does nothing."""

    def __init__(
        self,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """environ: where systemd puts NOTIFY_SOCKET and WATCHDOG_USEC. clock: monotonic seconds."""
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name  # @: Linux's abstract namespace
        self._clock, self._sleep = clock, sleep
        self._every_s = int(environ.get("WATCHDOG_USEC") or 0) / 4e6  # a quarter: three messages may get lost
        self._fed_s = float("-inf")

    def ready(self, status: str) -> None:
        """Start-up is over."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_one_line(status)}")

    def progress(self) -> None:
        """A frame was handled: feed the watchdog, a few times within its period."""
        now_s = self._clock()
        if self._every_s and now_s - self._fed_s >= self._every_s:
            self._fed_s = now_s
            self._send("WATCHDOG=1")

    def wait(self, seconds: float) -> None:
        """For a flap on its way, which may take longer than the watchdog waits: it is fed meanwhile."""
        until_s = self._clock() + seconds
        while (left_s := until_s - self._clock()) > 0:
            self._sleep(min(left_s, self._every_s or left_s))
            self.progress()

    def stopping(self) -> None:
        """A clean stop began."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                # the loop must not wait for a service manager that is busy
                sock.setblocking(False)
                sock.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd does not hear (%s): %s; check NOTIFY_SOCKET", message.partition("=")[0], error)


def _one_line(text: str) -> str:
    """A line break would begin another assignment."""
    return " ".join(text.splitlines())
