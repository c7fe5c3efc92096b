"""lgpio's pins for gpiozero, with the servo resolution that gpiozero rounds away.

gpiozero cuts a duty cycle to whole per cent (gpiozero issue 1209): of a servo's 20 ms that leaves steps of 0.2 ms or 18
degrees, and 0.5 ms becomes 0.4 ms, beyond the end stop of many servos.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import lgpio
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin


class FinePwmPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
    """An LGPIOPin whose duty cycle is not rounded, and which ends without an error."""

    _pwm: tuple[float, float] | None  # Hz, per cent

    def _set_state(self, value: float) -> None:
        if not self._pwm:
            super()._set_state(value)
            return
        frequency, _ = self._pwm
        self._pwm = (frequency, value * 100)
        lgpio.tx_pwm(self.factory._handle, self._number, *self._pwm)

    def _set_frequency(self, value: float | None) -> None:
        pulsed = self._pwm
        super()._set_frequency(value)
        if pulsed and not self._pwm:
            # lgpio ends in the middle of a pulse, and the pin would stay high
            lgpio.gpio_write(self.factory._handle, self._number, 0)

    def close(self) -> None:
        # lgpio closes a watched pin 2 ms after telling its own thread to let go of it, and takes it again at once.
        # Where that thread had no time yet the kernel calls the pin busy; it is free as soon as the thread goes on.
        with suppress(lgpio.error):
            super().close()


def open_factory() -> Any:
    """Open the Pi's GPIO chip. Raises lgpio.error, OSError or GPIOZeroError."""
    factory = LGPIOFactory()
    factory.pin_class = FinePwmPin
    return factory
