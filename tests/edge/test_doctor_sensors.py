"""What doctor says of the door, the light barrier in the chute and the fill sensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory
from small_config import SMALL

from edge import config, fittings
from edge.checkup import checks_for, obstacle_now
from edge.doctor import Level, run_checks
from edge.doctor_sensors import check_fill, check_way
from edge.fill import Reach
from edge.model import Problem

REACH = Reach(empty_cm=60.0, full_cm=10.0)


def said(of: Sequence[float | None]) -> tuple[Level, str]:
    (finding,) = run_checks([check_fill({"glass": REACH}, lambda _: of)])
    return finding.level, finding.text


def test_a_fill_sensor_is_told_with_what_it_measures() -> None:
    assert said([35.0] * 9) == (Level.OK, "glass: 35 cm, 50% full")
    assert said([62.0] * 9) == (Level.OK, "glass: 62 cm, 0% full")
    assert said([None, 35.0, *[None] * 7]) == (Level.WARN, "glass: 1 echoes of 9")
    assert said([80.0] * 9)[0] is Level.WARN, "it stands on something else than empty_cm says"


@pytest.mark.parametrize("problem", [Problem.DOOR_OPEN, Problem.HAND_IN_CHUTE])
def test_what_is_in_the_way_is_a_warning_with_a_remedy(problem: Problem) -> None:
    (finding,) = run_checks([check_way(lambda: problem)])
    assert (finding.level, finding.text) == (Level.WARN, f"nothing may move: {problem}")
    assert finding.remedy
    (finding,) = run_checks([check_way(lambda: None)])
    assert finding.level is Level.OK


CONFIG = (
    SMALL.replace('driver = "mock"', 'driver = "DRIVER"\nguard_pin = 22')
    + """fill = { trigger_pin = 23, echo_pin = 24, empty_cm = 60, full_cm = 10 }
[door]
pin = 25
"""
)


def settings(driver: str) -> config.Settings:
    return config.parse(CONFIG.replace("DRIVER", driver), {}, base=Path("/"))


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> MockFactory:
    """The Pi's pins are mock pins; no other hardware is asked for."""
    factory = MockFactory()
    monkeypatch.setattr(fittings, "real_pins", lambda: factory)
    return factory


def test_the_door_is_told_before_the_hand_that_reaches_in_through_it(factory: MockFactory) -> None:
    with fittings.guard_for(settings("gpio"), factory) as guard:
        assert guard is not None
        factory.pin(22).drive_low()
        assert guard.obstacle() is Problem.DOOR_OPEN
        factory.pin(25).drive_low()
        assert guard.obstacle() is Problem.HAND_IN_CHUTE


def checked(driver: str, name: str) -> list[tuple[Level, str]]:
    checks = [check for check in checks_for(settings(driver)) if check.name == name]
    return [(finding.level, finding.text) for finding in run_checks(checks)]


@pytest.mark.usefixtures("factory")
def test_the_real_pins_are_asked() -> None:
    assert checked("gpio", "fill") == [(Level.WARN, "all: 0 echoes of 9")]
    assert checked("gpio", "door, barrier") == [(Level.WARN, "nothing may move: door_open")]


@pytest.mark.parametrize("name", ["fill", "door, barrier"])
def test_mock_pins_are_not_asked(name: str) -> None:
    assert [level for level, _ in checked("mock", name)] == [Level.SKIP]


def test_on_mock_pins_nothing_is_in_the_way() -> None:
    assert obstacle_now(settings("mock")) is None, "the door's pull-up alone would mean that it is open"
