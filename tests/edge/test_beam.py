"""The light barrier on gpiozero's mock pins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPin

from edge.adapters.beam import BeamTrigger
from edge.config import parse
from edge.errors import HardwareError, TriggerError
from edge.fittings import trigger_for
from edge.model import WHOLE_FRAME, Phase
from edge.testing import blank_frame

PIN = 17
CONFIG = """
[bin]
id = "lobby-1"
[camera]
source = "opencv"
[model]
path = "."
[trigger]
kind = "beam"
pin = 17
settle_frames = 1
broken_is_low = {broken_is_low}
[flaps]
driver = "mock"
[compartments.landfill]
labels = ["trash"]
default = true
pin = 16
"""


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


def phases(trigger: BeamTrigger, frames: int) -> list[Phase]:
    return [trigger.observe(blank_frame()).phase for _ in range(frames)]


def test_a_broken_beam_settles_after_some_frames_and_is_empty_at_once_when_free(factory: MockFactory) -> None:
    trigger = BeamTrigger(PIN, settle_frames=3, pin_factory=factory)
    assert phases(trigger, 2) == [Phase.EMPTY] * 2
    factory.pin(PIN).drive_low()
    assert phases(trigger, 5) == [Phase.MOVING, Phase.MOVING, Phase.SETTLED, Phase.SETTLED, Phase.SETTLED]
    signal = trigger.observe(blank_frame())
    assert signal.box == WHOLE_FRAME
    factory.pin(PIN).drive_high()
    assert phases(trigger, 1) == [Phase.EMPTY]
    assert trigger.observe(blank_frame()).box is None


def test_a_passing_hand_is_no_item(factory: MockFactory) -> None:
    trigger = BeamTrigger(PIN, settle_frames=3, pin_factory=factory)
    for _ in range(3):
        factory.pin(PIN).drive_low()
        assert phases(trigger, 2) == [Phase.MOVING] * 2
        factory.pin(PIN).drive_high()
        assert phases(trigger, 1) == [Phase.EMPTY]


def test_a_sensor_that_goes_high_when_broken(factory: MockFactory) -> None:
    trigger = BeamTrigger(PIN, settle_frames=1, broken_is_low=False, pin_factory=factory)
    factory.pin(PIN).drive_low()
    assert phases(trigger, 1) == [Phase.EMPTY]
    factory.pin(PIN).drive_high()
    assert phases(trigger, 1) == [Phase.SETTLED]


@pytest.mark.parametrize(
    ("broken_is_low", "low", "high"), [("true", "settled", "empty"), ("false", "empty", "settled")]
)
def test_the_configuration_says_which_level_a_broken_beam_has(
    factory: MockFactory, tmp_path: Path, broken_is_low: str, low: str, high: str
) -> None:
    settings = parse(CONFIG.format(broken_is_low=broken_is_low), {}, base=tmp_path)
    trigger = trigger_for(settings, factory)
    factory.pin(PIN).drive_low()
    assert trigger.observe(blank_frame()).phase is Phase[low.upper()]
    factory.pin(PIN).drive_high()
    assert trigger.observe(blank_frame()).phase is Phase[high.upper()]


@pytest.mark.parametrize("error", [GPIOZeroError("chip gone"), OSError(5, "Input/output error")])
def test_a_pin_that_cannot_be_read_says_so_and_counts_anew_when_it_can(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unreadable(pin: MockPin) -> int:
        raise error

    trigger = BeamTrigger(PIN, settle_frames=2, pin_factory=factory)
    factory.pin(PIN).drive_low()
    assert phases(trigger, 2) == [Phase.MOVING, Phase.SETTLED]
    with monkeypatch.context() as gone:
        gone.setattr(MockPin, "_get_state", unreadable)
        with pytest.raises(TriggerError, match="GPIO17 cannot be read"):
            trigger.observe(blank_frame())
    assert phases(trigger, 2) == [Phase.MOVING, Phase.SETTLED]


def test_the_pin_is_pulled_up_and_given_back(factory: MockFactory) -> None:
    trigger = BeamTrigger(PIN, pin_factory=factory)
    assert factory.pin(PIN).pull == "up"
    trigger.close()
    trigger.close()
    BeamTrigger(PIN, pin_factory=factory).close()


def test_a_pin_in_use_says_what_to_check(factory: MockFactory) -> None:
    first = BeamTrigger(PIN, pin_factory=factory)
    with pytest.raises(HardwareError, match=r"\[trigger\] pin: GPIO17 is in use.*second program"):
        BeamTrigger(PIN, pin_factory=factory)
    first.close()


def test_a_pin_that_does_not_exist(factory: MockFactory) -> None:
    with pytest.raises(HardwareError, match="GPIO99 does not exist"):
        BeamTrigger(99, pin_factory=factory)
