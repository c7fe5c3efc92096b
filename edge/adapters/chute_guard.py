"""A light barrier across the opening of the bin: a hand that reaches in breaks it, an item that lies there does not."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

import gpiozero

from edge.adapters.pins import gpio_errors, unusable
from edge.errors import HardwareError


class Guard(Protocol):
    """Says whether something is where a flap could hurt it."""

    def broken(self) -> bool:
        """Looked at every few milliseconds while a flap moves."""


class NoGuard:
    """A bin without a barrier."""

    def broken(self) -> bool:
        """Never."""
        return False


class BeamGuard:
    """The barrier's receiver on a GPIO pin, with the Pi's pull-up.

    broken_is_low: what the output does when the beam is broken, usual for open-collector receivers. A receiver that is
    low while it sees the light is the safer one: with broken_is_low=False a cut cable counts as a hand.
    """

    def __init__(self, pin: int, *, pin_factory: Any, broken_is_low: bool = True) -> None:
        try:
            # With a pull-up gpiozero calls the low level active.
            self._sensor = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=pin_factory)
        except gpio_errors() as error:
            raise HardwareError(f"[flaps] guard_pin: {unusable(pin, error)}") from error
        self._broken_is_low = broken_is_low

    def broken(self) -> bool:
        """Also while the pin cannot be read: nothing moves unseen."""
        try:
            return bool(self._sensor.is_active) == self._broken_is_low
        except gpio_errors():
            return True

    def close(self) -> None:
        """Give the pin back. Twice is fine."""
        self._sensor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
