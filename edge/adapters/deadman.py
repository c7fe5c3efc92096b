"""A timer that acts when the program does not come back in time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Timer as ThreadTimer
from typing import Protocol, TypeAlias


class Timer(Protocol):
    """What is used of threading.Timer; tests pass one that follows their fake clock."""

    def start(self) -> None:
        """Begin to count."""

    def cancel(self) -> None:
        """Forget it; does nothing once it acted."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has been cancelled or has acted."""


NewTimer: TypeAlias = Callable[[float, Callable[[], None]], Timer]


def new_timer(seconds: float, act: Callable[[], None]) -> Timer:
    """A timer in a thread of its own, which does not keep the program alive."""
    timer = ThreadTimer(seconds, act)
    timer.daemon = True
    return timer
