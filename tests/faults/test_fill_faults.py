"""Fill sensors that fail, and compartments that fill up: the bin says so and goes on sorting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from broker_fixtures import wait_until
from fakebin import ITEM, Bin

from edge.adapters.fill_gauges import FillGauges, Measure, Sensor
from edge.fill import Reach
from edge.model import Outcome, Phase, Problem
from edge.state import BinState, Fill

SENSOR = Sensor(trigger_pin=5, echo_pin=6, reach=Reach(empty_cm=60.0, full_cm=10.0))
EVERY_S = 0.02


class Heap:
    """What the sensor measures; None: no echo. An OSError: the kernel does not give the pin."""

    def __init__(self) -> None:
        self.seen: float | OSError | None = 60.0

    @contextmanager
    def opened(self, _: Sensor) -> Iterator[Measure]:
        yield self._measure

    def _measure(self) -> float | None:
        if isinstance(self.seen, OSError):
            raise self.seen
        return self.seen


def told(heap: Heap, *seen: float | OSError | None) -> list[BinState]:
    """The state after each of these was measured, and after an item was sorted meanwhile."""
    states = []
    with closing(FillGauges({"glass": SENSOR}, heap.opened, EVERY_S, ping_every_s=0.001)) as gauges:
        bin_ = Bin([*ITEM, Phase.EMPTY], fill=lambda: Fill(gauges.levels(), alert_at=0.8))
        assert [event.outcome for event in bin_.run()] == [Outcome.SORTED]
        for heap.seen in seen:
            expected = None if not isinstance(heap.seen, float) else (60.0 - heap.seen) / 50.0
            wait_until(lambda expected=expected: gauges.levels().get("glass", -1.0) == expected)  # type: ignore[misc]  # bound now
            bin_.reporter.tell(0.0)
            states.append(bin_.states[-1])
    return states


def problems(states: list[BinState]) -> list[list[Problem]]:
    assert all(state.faults == () for state in states), "none of it keeps the bin from sorting"
    return [[warning.problem for warning in state.warnings] for state in states]


def test_a_sensor_without_echo_is_told_and_heals_with_the_first_echo() -> None:
    states = told(Heap(), 35.0, None, 35.0)
    assert problems(states) == [[], [Problem.FILL_UNKNOWN], []]
    assert [state.fill["glass"] for state in states] == [0.5, None, 0.5]


def test_a_pin_that_cannot_be_read_is_the_same_and_the_thread_lives_on() -> None:
    states = told(Heap(), OSError("Input/output error"), 35.0)
    assert problems(states) == [[Problem.FILL_UNKNOWN], []]


def test_a_full_compartment_is_told_until_it_is_clearly_emptier() -> None:
    states = told(Heap(), 21.0, 20.0, 22.5, 26.0)
    assert problems(states) == [[], [Problem.COMPARTMENT_FULL], [Problem.COMPARTMENT_FULL], []]


def test_a_sensor_that_hangs_stops_neither_the_loop_nor_its_end() -> None:
    hangs, let_go = threading.Event(), threading.Event()

    def measure() -> float | None:
        hangs.set()
        let_go.wait(30)
        return None

    @contextmanager
    def opened(_: Sensor) -> Iterator[Measure]:
        yield measure

    gauges = FillGauges({"glass": SENSOR}, opened, EVERY_S)
    assert hangs.wait(10)
    bin_ = Bin(ITEM, fill=lambda: Fill(gauges.levels()))
    assert [event.outcome for event in bin_.run()] == [Outcome.SORTED]
    gauges.close()
    let_go.set()
