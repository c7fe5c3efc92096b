from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import gpiozero
import pytest

from edge.adapters.flaps import GpioFlaps
from edge.adapters.pins import claim, mock_pins, real_pins, unusable
from edge.errors import FlapError
from edge.flap_settings import FlapSettings, ServoFlap


class FakeLgpio(ModuleType):
    """The calls of lgpio that gpiozero makes for an output pin; remembers the PWM it was told."""

    SET_PULL_NONE = SET_PULL_UP = SET_PULL_DOWN = RISING_EDGE = FALLING_EDGE = BOTH_EDGES = 0

    class error(Exception):  # noqa: N801, N818 - lgpio's own name
        pass

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.chip_error: str | None = None
        self.busy: set[int] = set()
        self.outputs: set[int] = set()
        self.pwm: list[tuple[int, float, float]] = []
        self.high: dict[int, bool] = {}
        self.chips_open = 0

    def gpiochip_open(self, chip: int) -> int:
        if self.chip_error:
            raise self.error(self.chip_error)
        self.chips_open += 1
        return 1

    def gpiochip_close(self, handle: int) -> None:
        self.chips_open -= 1

    def gpio_claim_input(self, handle: int, gpio: int, flags: int = 0) -> None:
        if gpio in self.busy:
            raise self.error("GPIO busy")
        self.outputs.discard(gpio)

    def gpio_claim_output(self, handle: int, gpio: int, level: int = 0) -> None:
        self.outputs.add(gpio)

    def gpio_get_mode(self, handle: int, gpio: int) -> int:
        return 2 * (gpio in self.outputs)

    def gpio_read(self, handle: int, gpio: int) -> int:
        return 0

    def gpio_write(self, handle: int, gpio: int, level: int) -> None:
        self.high[gpio] = bool(level)

    def tx_pwm(self, handle: int, gpio: int, frequency: float, duty: float) -> None:
        self.pwm.append((gpio, frequency, duty))
        self.high[gpio] = True  # it begins within a pulse, and ends within one


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLgpio]:
    fake = FakeLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    for name in ("gpiozero.pins.lgpio", "edge.adapters.lgpio_pins"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA02082)
    yield fake
    assert gpiozero.Device.pin_factory is None
    for name in ("gpiozero.pins.lgpio", "edge.adapters.lgpio_pins"):
        sys.modules.pop(name, None)


def test_a_servo_on_a_pi_gets_pulses_finer_than_a_per_cent(lgpio: FakeLgpio) -> None:
    with GpioFlaps(FlapSettings({"a": ServoFlap(12, rest=-90, open=30)}), sleep=lambda seconds: None) as flaps:
        lgpio.pwm.clear()
        assert flaps.sort("a").ok
        duties = [round(duty, 3) for _, frequency, duty in lgpio.pwm if frequency and duty]
    # 30 degrees is a pulse of 1.833 ms and -90 degrees one of 0.5 ms, both in 20 ms; each change is told in two calls
    assert duties == [9.167, 9.167, 2.5]
    assert lgpio.pwm[-1][1:] == (0, 0)


def test_a_servo_at_rest_is_not_left_in_the_middle_of_a_pulse(lgpio: FakeLgpio) -> None:
    with GpioFlaps(FlapSettings({"a": ServoFlap(12)}), sleep=lambda seconds: None) as flaps:
        assert lgpio.high == {12: False}
        assert flaps.sort("a").ok
        assert lgpio.high == {12: False}


def test_closing_the_flaps_closes_the_chip_that_they_opened(lgpio: FakeLgpio) -> None:
    flaps = GpioFlaps(FlapSettings({"a": ServoFlap(12)}), sleep=lambda seconds: None)
    assert lgpio.chips_open == 1
    flaps.close()
    assert lgpio.chips_open == 0
    assert 12 not in lgpio.outputs


def test_a_pin_that_is_busy_at_the_end_keeps_neither_the_others_nor_the_chip(lgpio: FakeLgpio) -> None:
    with real_pins() as factory:
        for pin in (12, 17, 22):
            factory.pin(pin).function = "output"
        lgpio.busy = {17}
    assert lgpio.outputs == {17}
    assert lgpio.chips_open == 0


def test_a_chip_that_may_not_be_opened_says_what_to_check(lgpio: FakeLgpio) -> None:
    lgpio.chip_error = "can not open gpiochip"
    with pytest.raises(FlapError, match=r"cannot open the GPIO chip \(can not open gpiochip\).*group gpio"):
        real_pins()


def test_a_computer_that_is_no_pi_says_so(lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_revision() -> int:
        raise gpiozero.PinUnknownPi("unable to locate Pi revision")

    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", no_revision)
    with pytest.raises(FlapError, match="check that this is a Raspberry Pi"):
        real_pins()


def test_a_pin_held_by_another_program_says_what_to_check(lgpio: FakeLgpio) -> None:
    lgpio.busy = {12}
    with real_pins() as factory:
        with pytest.raises(FlapError, match=r"GPIO12 is in use \(GPIO busy\).*second program.*dtoverlay"):
            claim(12, factory)
        claim(13, factory)
    with pytest.raises(FlapError, match="GPIO12 is in use"):
        GpioFlaps(FlapSettings({"a": ServoFlap(12)}), sleep=lambda seconds: None)
    assert lgpio.chips_open == 0


def test_without_the_library_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    monkeypatch.delitem(sys.modules, "edge.adapters.lgpio_pins", raising=False)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    with pytest.raises(FlapError, match=r"apt install python3-lgpio.*driver = .mock."):
        real_pins()


def test_claiming_leaves_a_pin_free_and_unchanged() -> None:
    factory: Any = mock_pins()
    claim(12, factory)
    claim(12, factory)
    assert factory.pin(12).function == "input"
    factory.pin(12).assert_states([False])
    assert len(factory.pin(12).states) == 1


def test_claiming_a_pin_that_this_program_uses_fails() -> None:
    factory: Any = mock_pins()
    with gpiozero.LED(12, pin_factory=factory), pytest.raises(FlapError, match="GPIO12 is in use"):
        claim(12, factory)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "group gpio"),
        (gpiozero.PinInvalidPin("99 is not a valid pin name"), "BCM numbers"),
        (gpiozero.GPIOPinInUse("pin GPIO7 is already in use"), "dtoverlay"),
        (OSError("strange"), r"cannot be used \(strange\)"),
    ],
)
def test_every_reason_says_what_to_check(error: Exception, words: str) -> None:
    with pytest.raises(FlapError, match=f"GPIO7 .*{words}"):
        raise unusable(7, error)
