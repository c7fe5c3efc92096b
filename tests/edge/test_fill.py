"""From echoes to "nearly full": the arithmetic, the thread that measures, and what the state says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import pytest
from broker_fixtures import wait_until
from fakebin import Bin
from gpiozero.pins.mock import MockFactory, MockTriggerPin

from edge.adapters.fill_gauges import PING_EVERY_S, FillGauges, Measure, Sensor, several, ultrasonic
from edge.fill import Reach, is_full, level, share
from edge.model import Phase, Problem
from edge.state import Fill

REACH = Reach(empty_cm=60.0, full_cm=10.0)
SENSOR = Sensor(trigger_pin=5, echo_pin=6, reach=REACH)


@pytest.mark.parametrize(("cm", "expected"), [(60, 0.0), (10, 1.0), (35, 0.5), (80, 0.0), (3, 1.0)])
def test_the_share_is_between_empty_and_full(cm: float, expected: float) -> None:
    assert share(cm, REACH) == pytest.approx(expected)


def test_one_stray_echo_changes_nothing_and_too_few_say_nothing() -> None:
    assert level([35.0, 34.0, 2.5, 36.0, 35.0], REACH) == pytest.approx(0.5)
    assert level([None, 35.0, None, 35.0, 35.0], REACH) == pytest.approx(0.5)
    assert level([None, 35.0, None, 35.0], REACH) is None


def test_full_stays_full_until_there_is_clearly_room() -> None:
    assert not is_full(0.79, 0.8, was_full=False)
    assert is_full(0.8, 0.8, was_full=False)
    assert is_full(0.71, 0.8, was_full=True)
    assert not is_full(0.69, 0.8, was_full=True)


def test_levels_come_from_a_thread_and_one_dead_sensor_does_not_stop_the_others() -> None:
    def opened(sensor: Sensor) -> AbstractContextManager[Measure]:
        if sensor.trigger_pin == 7:
            raise OSError("Input/output error")
        return nullcontext(lambda: 35.0)

    gauges = FillGauges({"dead": Sensor(7, 8, REACH), "a": SENSOR}, opened, every_s=3600)
    wait_until(lambda: len(gauges.levels()) == 2)
    assert gauges.levels() == {"dead": None, "a": pytest.approx(0.5)}
    gauges.close()
    gauges.close()
    assert "fill-gauges" not in {thread.name for thread in threading.enumerate()}


def test_closing_interrupts_a_look_and_what_it_had_heard_so_far_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.adapters.fill_gauges.PINGS", 10**9)  # no look is over before it is interrupted
    pinged = threading.Event()

    def measure() -> float | None:
        pinged.set()
        return None

    gauges = FillGauges({"a": SENSOR}, lambda _: nullcontext(measure), every_s=3600)
    assert pinged.wait(10)
    gauges.close()
    assert gauges.levels() == {}, "with some pings of many nothing is known"


def test_without_sensors_no_thread_is_started() -> None:
    gauges = FillGauges({}, lambda _: nullcontext(lambda: None), every_s=3600)
    assert gauges.levels() == {}
    assert "fill-gauges" not in {thread.name for thread in threading.enumerate()}
    gauges.close()


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


def test_gpiozero_measures_an_echo(pins: MockFactory) -> None:
    echo = pins.pin(SENSOR.echo_pin)
    pins.pin(SENSOR.trigger_pin, pin_class=MockTriggerPin, echo_pin=echo, echo_time=0.002)
    with ultrasonic(pins, SENSOR) as measure:
        heard = [cm for cm in several(measure, partial(time.sleep, PING_EVERY_S)) if cm is not None]
    assert heard, "0.002 s there and back are 34 cm; a busy computer makes it longer"
    assert min(heard) > 20


def test_gpiozero_hears_no_echo_as_nothing_not_as_full(pins: MockFactory) -> None:
    with ultrasonic(pins, SENSOR) as measure:
        assert measure() is None


def test_the_state_tells_levels_and_warns_of_a_full_or_silent_compartment() -> None:
    levels = iter([0.5, 0.85, 0.75, 0.6, None])
    current: float | None = 0.0

    def fill() -> Fill:
        nonlocal current
        current = next(levels, current)
        return Fill({"glass": current}, alert_at=0.8)

    bin_ = Bin([Phase.EMPTY], fill=fill)
    bin_.run()
    told = []
    for _ in range(5):
        bin_.reporter.tell(0.0)
        state = bin_.states[-1]
        told.append((state.fill["glass"], [warning.problem for warning in state.warnings], state.state))
    full, silent = [Problem.COMPARTMENT_FULL], [Problem.FILL_UNKNOWN]
    assert [warned for _, warned, _ in told] == [full, full, [], silent, silent]
    assert {state for _, _, state in told} <= {"starting", "ready"}, "a full compartment is no fault"
