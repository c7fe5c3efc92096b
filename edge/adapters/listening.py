"""A socket that listens on an address, or why it cannot."""

from __future__ import annotations

import socket

from edge.errors import ConfigError

BACKLOG = 4096  # nothing is kept here of who waits; from more on the kernel resets some


def listen(host: str, port: int, instead: str) -> socket.socket:
    """A listening socket. instead: which settings choose another address.

    Raises ConfigError: the port is taken, may not be had, or the host is not ours.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:  # the latter: no name of a computer can be like that
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]  # Python repeats the address
        raise ConfigError([f"cannot listen on {host}:{port} ({reason}); choose another {instead}"]) from error
    # its connections have it from here; else what is told waits until the last was acknowledged, 40 ms on Linux
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
