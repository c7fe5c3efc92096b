"""What keeps every flap from moving: a hand in the opening, which breaks a light barrier there, or an open door."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import gpiozero

from edge.adapters.pins import gpio_errors, unusable
from edge.errors import HardwareError
from edge.model import Problem


class Guard(Protocol):
    """Says whether something is where a flap could hurt it."""

    def obstacle(self) -> Problem | None:
        """Looked at every few milliseconds while a flap moves."""


class Guards:
    """Several as one; with none, nothing is ever in the way."""

    def __init__(self, guards: Sequence[Guard] = ()) -> None:
        self._guards = tuple(guards)

    def obstacle(self) -> Problem | None:
        """What the first of them sees."""
        return next((problem for guard in self._guards if (problem := guard.obstacle()) is not None), None)


class PinGuard:
    """A receiver or a switch on a GPIO pin, with the Pi's pull-up.

    problem: what it means when the pin has the level that blocked_is_low names. Where low is the good level, a cut
    cable counts as blocked, which is safer. key: of the configuration, for the message of HardwareError.
    """

    def __init__(self, pin: int, *, problem: Problem, key: str, pin_factory: Any, blocked_is_low: bool) -> None:
        try:
            # With a pull-up gpiozero calls the low level active.
            self._sensor = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=pin_factory)
        except gpio_errors() as error:
            raise HardwareError(f"{key}: {unusable(pin, error)}") from error
        self._problem, self._blocked_is_low = problem, blocked_is_low

    def obstacle(self) -> Problem | None:
        """Also while the pin cannot be read: nothing moves unseen."""
        try:
            blocked = bool(self._sensor.is_active) == self._blocked_is_low
        except gpio_errors():
            blocked = True
        return self._problem if blocked else None

    def close(self) -> None:
        """Give the pin back. Twice is fine."""
        self._sensor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
