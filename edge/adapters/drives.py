"""One output pin: a servo or a solenoid, told a value at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, Protocol

from gpiozero import AngularServo, DigitalOutputDevice

from edge.adapters.deadman import NewTimer, Timer
from edge.adapters.pins import gpio_errors, unusable
from edge.flap_plan import pins
from edge.flap_settings import AnyFlap, ChuteFlap, ServoFlap, SolenoidFlap

log = logging.getLogger(__name__)


class Drive(Protocol):
    """A pin that moves something."""

    def set(self, value: float | None) -> None:
        """Degrees for a servo, 1 for a solenoid; None ends all pulses. Raises one of gpio_errors()."""

    def close(self) -> None:
        """End all pulses and give the pin back."""


class ServoDrive:
    """Does not move until it is told to; a servo without pulses stays where it is, and quiet."""

    def __init__(self, pin: int, flap: ServoFlap | ChuteFlap, factory: Any) -> None:
        self._servo = AngularServo(
            pin,
            initial_angle=None,
            min_angle=flap.min_angle,
            max_angle=flap.max_angle,
            min_pulse_width=flap.min_pulse_ms / 1000,
            max_pulse_width=flap.max_pulse_ms / 1000,
            pin_factory=factory,
        )

    def set(self, value: float | None) -> None:
        """value: the angle in degrees, or None to end the pulses."""
        self._servo.angle = value

    def close(self) -> None:
        """The servo stays where it is."""
        self._servo.close()


class SolenoidDrive:
    """A coil that goes off by itself after max_on_s, so that a program that hangs cannot burn it."""

    def __init__(self, flap: SolenoidFlap, factory: Any, timer: NewTimer) -> None:
        self._coil = DigitalOutputDevice(flap.pin, active_high=flap.active_high, pin_factory=factory)
        self._pin = flap.pin
        self._max_on_s = flap.max_on_s
        self._new_timer = timer
        self._limit: Timer | None = None

    def set(self, value: float | None) -> None:
        """value: 1 for on, None for off."""
        if self._limit is not None:
            self._limit.cancel()
        if value:
            self._limit = self._new_timer(self._max_on_s, self._too_long)
            self._limit.start()
            self._coil.on()
        else:
            self._coil.off()

    def close(self) -> None:
        """Off. Between close and the next start only a resistor at the transistor's gate holds it off."""
        if self._limit is not None:
            self._limit.cancel()
        self._coil.close()

    def _too_long(self) -> None:
        log.error("the solenoid at GPIO%d was on for %g s and was switched off", self._pin, self._max_on_s)
        try:
            self._coil.off()
        except gpio_errors() as error:
            log.error("the solenoid at GPIO%d cannot be switched off: %s; cut its power", self._pin, error)


def open_drives(flaps: Iterable[AnyFlap], factory: Any, timer: NewTimer, stack: ExitStack) -> dict[int, Drive]:
    """Take every pin once; compartments of one chute share theirs. Raises FlapError; `stack` closes what was opened."""
    drives: dict[int, Drive] = {}
    for flap in flaps:
        for pin in pins(flap):
            if pin not in drives:
                drives[pin] = _open(pin, flap, factory, timer)
                stack.callback(drives[pin].close)
    return drives


def _open(pin: int, flap: AnyFlap, factory: Any, timer: NewTimer) -> Drive:
    try:
        if isinstance(flap, SolenoidFlap):
            return SolenoidDrive(flap, factory, timer)
        return ServoDrive(pin, flap, factory)
    except gpio_errors() as error:
        raise unusable(pin, error) from error
