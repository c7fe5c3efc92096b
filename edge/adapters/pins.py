"""GPIO pins through gpiozero: taking the real ones or mock ones, and saying what is wrong with one.

Factories are passed on explicitly; gpiozero's global default is never set. A program opens one real factory and shares
it: gpiozero keeps the pins of all its local factories in one table, so closing a second one would release every pin.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from gpiozero import GPIODevice, GPIOPinInUse, GPIOZeroError, PinInvalidPin
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge.errors import FlapError

NO_LIBRARY = (
    "the GPIO library is missing ({error}): on a Raspberry Pi `sudo apt install python3-lgpio` and use a venv made "
    'with --system-site-packages; on a computer without pins write flaps.driver = "mock"'
)
NO_CHIP = (
    "cannot open the GPIO chip ({error}): check that this is a Raspberry Pi, that /dev/gpiochip0 is there, and that "
    "the user is in group gpio (`sudo usermod -aG gpio $USER`, then log in again)"
)
BAD_PIN = "GPIO{pin} does not exist on this board ({error}): pins are BCM numbers 0..27, not positions on the header"
TAKEN = (
    "GPIO{pin} is in use ({error}): check that no other key of the configuration names it, that no second program has "
    "it (is the service running? `gpioinfo` tells), and that no dtoverlay or dtparam in /boot/firmware/config.txt "
    "claims it"
)
DENIED = "GPIO{pin} may not be used ({error}): the user must be in group gpio (`sudo usermod -aG gpio $USER`)"
UNUSABLE = "GPIO{pin} cannot be used ({error}): check the pin number and that no dtoverlay or other program uses it"


def gpio_errors() -> tuple[type[Exception], ...]:
    """Everything that a pin may raise. For `except gpio_errors() as error`.

    lgpio is not imported for this: importing it starts a thread and leaves a pipe in the working directory.
    """
    lgpio = sys.modules.get("lgpio")
    return (GPIOZeroError, OSError) if lgpio is None else (GPIOZeroError, OSError, lgpio.error)


def real_pins() -> Any:
    """gpiozero's factory for the pins of this Pi; the caller closes it. Raises FlapError."""
    try:
        from edge.adapters.lgpio_pins import open_factory  # noqa: PLC0415 - only a Pi has lgpio; see gpio_errors
    except ImportError as error:
        raise FlapError(NO_LIBRARY.format(error=error)) from error
    try:
        return open_factory()
    except gpio_errors() as error:
        raise FlapError(NO_CHIP.format(error=error)) from error


def mock_pins() -> Any:
    """Pins that only remember what they are told."""
    return MockFactory(pin_class=_MockPin)


class _MockPin(MockPWMPin):  # type: ignore[misc] # gpiozero ships no types
    """gpiozero's keeps every state it ever had, which a bin that runs for months must not."""

    def clear_states(self) -> None:
        super().clear_states()
        self.states: deque[Any] = deque([self.states[-1]], maxlen=16)


def claim(pin: int, factory: Any) -> None:
    """Take a pin as input and give it back; no flap moves. Raises FlapError where it cannot be had."""
    try:
        GPIODevice(pin, pin_factory=factory).close()
    except gpio_errors() as error:
        raise unusable(pin, error) from error


def unusable(pin: int, error: Exception) -> FlapError:
    """Why a pin cannot be had, and what to check."""
    text = str(error).lower()
    if isinstance(error, PinInvalidPin):
        message = BAD_PIN
    elif isinstance(error, GPIOPinInUse) or "busy" in text:
        message = TAKEN
    elif isinstance(error, PermissionError) or "permission" in text or "not permitted" in text:
        message = DENIED
    else:
        message = UNUSABLE
    return FlapError(message.format(pin=pin, error=error))
