"""A light barrier across the tray: an infrared break-beam sensor on a GPIO pin."""

from __future__ import annotations

from typing import Any

import gpiozero

from edge.adapters.pins import gpio_errors, unusable
from edge.errors import HardwareError, TriggerError
from edge.model import WHOLE_FRAME, Frame, Phase, Signal

UNREADABLE = "the light barrier at GPIO{pin} cannot be read ({error}): check `gpioinfo` and the kernel's log (`dmesg`)"


class BeamTrigger:
    """ports.Trigger: an item is there while the beam is broken. Where it lies the beam does not know: box is the frame.

    broken_is_low: what the sensor's output does when the beam is broken; usual for open-collector ones, which need the
    pull-up. settle_frames: for so many frames in a row the beam must be broken, so that a hand passing is no item.
    """

    def __init__(self, pin: int, *, pin_factory: Any, settle_frames: int = 3, broken_is_low: bool = True) -> None:
        self._pin = pin
        self._settle_frames = settle_frames
        self._broken_for = 0
        try:
            # With a pull-up gpiozero calls the low level active.
            self._sensor = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=pin_factory)
        except gpio_errors() as error:
            raise HardwareError(f"[trigger] pin: {unusable(pin, error)}") from error
        self._broken_is_low = broken_is_low

    def observe(self, frame: Frame) -> Signal:
        """Look at the beam. The frame only sets the pace. Raises TriggerError while the pin cannot be read."""
        del frame
        try:
            broken = bool(self._sensor.is_active) == self._broken_is_low
        except gpio_errors() as error:
            self._broken_for = 0  # what lies there when it is back may be something else
            raise TriggerError(UNREADABLE.format(pin=self._pin, error=error)) from error
        self._broken_for = self._broken_for + 1 if broken else 0
        if not broken:
            return Signal(Phase.EMPTY)
        if self._broken_for < self._settle_frames:
            return Signal(Phase.MOVING, change=1.0)
        return Signal(Phase.SETTLED, WHOLE_FRAME, change=1.0)

    def close(self) -> None:
        """Give the pin back. Twice is fine."""
        self._sensor.close()
