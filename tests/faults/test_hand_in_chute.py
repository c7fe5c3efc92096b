"""A hand in the chute while a flap moves: everything stops at once, and closes by itself when the hand is gone.

With gpiozero's mock pins: what the servo's pin shows is read back from the pin, not from the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from fakebin import ITEM, Bin
from gpiozero.pins.mock import MockFactory

from edge.adapters.flaps import GpioFlaps
from edge.adapters.guards import PinGuard
from edge.adapters.pins import mock_pins
from edge.flap_settings import AnyFlap, FlapSettings, ServoFlap, SolenoidFlap
from edge.model import Outcome, Phase, Problem
from edge.testing import FakeClock, FakeFlap

GUARD_PIN, SERVO_PIN, COIL_PIN = 22, 12, 5
FLAPS: dict[str, AnyFlap] = {
    "servo": ServoFlap(SERVO_PIN, open_s=0.6, settle_s=0.4),
    "coil": SolenoidFlap(COIL_PIN, pulse_s=0.5),
}


def hand_guard(factory: MockFactory, broken_is_low: bool = True) -> PinGuard:
    return PinGuard(
        GUARD_PIN,
        problem=Problem.HAND_IN_CHUTE,
        key="flaps.guard_pin",
        pin_factory=factory,
        blocked_is_low=broken_is_low,
    )


class Bench:
    """Flaps on mock pins with a guard; `at` lets something happen at a moment of the clock that the flaps sleep on."""

    def __init__(self, broken_is_low: bool = True) -> None:
        self.clock = FakeClock()
        self.at: list[tuple[float, Callable[[], None]]] = []
        self.factory: MockFactory = mock_pins()
        self._broken_is_low = broken_is_low
        guard = hand_guard(self.factory, broken_is_low)
        self.hand(False)
        self.flaps = GpioFlaps(
            FlapSettings(FLAPS), self.factory, sleep=self.sleep, clock=lambda: self.clock.now_s, guard=guard
        )
        self.clock.now_s = 0.0

    def hand(self, there: bool) -> None:
        pin = self.factory.pin(GUARD_PIN)
        if there == self._broken_is_low:
            pin.drive_low()
        else:
            pin.drive_high()

    def shows(self, pin: int) -> float:
        return float(self.factory.pin(pin).state)

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        while self.at and self.at[0][0] <= self.clock.now_s:
            self.at.pop(0)[1]()


@pytest.fixture(params=[True, False], ids=["broken is low", "broken is high"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    yield bench
    bench.hand(False)
    bench.flaps.close()


@pytest.mark.parametrize(("name", "pin"), [("servo", SERVO_PIN), ("coil", COIL_PIN)])
def test_a_hand_stops_the_move_at_once_and_nothing_is_driven(bench: Bench, name: str, pin: int) -> None:
    driven: list[float] = []
    bench.at = [(0.2, lambda: driven.append(bench.shows(pin))), (0.2, lambda: bench.hand(True))]
    report = bench.flaps.sort(name)
    assert driven[0] > 0, "it was moving"
    assert bench.shows(pin) == 0, "no pulse, no current"
    assert (report.ok, report.problem) == (False, Problem.HAND_IN_CHUTE)
    assert report.ms <= 230, "within a few looks at the guard, not at the end of the step"


def test_it_does_not_close_on_the_hand_and_closes_when_it_is_gone(bench: Bench) -> None:
    bench.at = [(0.2, lambda: bench.hand(True))]
    bench.flaps.sort("servo")
    servo = bench.factory.pin(SERVO_PIN)
    servo.clear_states()
    assert not bench.flaps.rest()
    assert [float(shown.state) for shown in servo.states] == [0.0], "not for a moment"
    assert bench.shows(SERVO_PIN) == 0
    assert bench.flaps.blocked()
    bench.hand(False)
    closing: list[float] = []
    bench.at = [(bench.clock.now_s + 0.1, lambda: closing.append(bench.shows(SERVO_PIN)))]
    assert bench.flaps.rest()
    assert closing[0] > 0, "driven to rest"
    assert bench.flaps.sort("servo").ok


def test_a_hand_while_the_flap_closes_stops_it_too(bench: Bench) -> None:
    bench.at = [(0.7, lambda: bench.hand(True))]
    assert bench.flaps.sort("servo").problem is Problem.HAND_IN_CHUTE
    assert bench.shows(SERVO_PIN) == 0


def test_nothing_moves_at_all_with_a_hand_there_from_the_start(bench: Bench) -> None:
    bench.hand(True)
    coil = bench.factory.pin(COIL_PIN)
    coil.clear_states()
    report = bench.flaps.sort("coil")
    assert [float(shown.state) for shown in coil.states] == [0.0], "not for a moment"
    assert (report.ok, report.ms, report.problem) == (False, 0.0, Problem.HAND_IN_CHUTE)


def test_a_program_that_hangs_does_not_close_on_a_hand_either(bench: Bench) -> None:
    bench.at = [(0.2, lambda: bench.hand(True)), (0.2, bench.flaps._hanging)]  # the timer calls it
    bench.flaps.sort("servo")
    assert bench.shows(SERVO_PIN) == 0


def test_a_bin_that_starts_on_a_hand_moves_nothing_until_it_is_gone() -> None:
    factory = mock_pins()
    with hand_guard(factory) as guard:
        factory.pin(GUARD_PIN).drive_low()
        with closing(GpioFlaps(FlapSettings(FLAPS), factory, sleep=lambda _: None, guard=guard)) as flaps:
            assert not flaps.at_rest
            assert not flaps.rest()
            assert factory.pin(SERVO_PIN).state == 0
            factory.pin(GUARD_PIN).drive_high()
            assert flaps.rest()
            assert flaps.at_rest


@pytest.mark.parametrize("obstacle", [Problem.HAND_IN_CHUTE, Problem.DOOR_OPEN])
def test_what_is_in_the_way_at_start_is_told_and_the_first_item_waits_for_flaps_at_rest(obstacle: Problem) -> None:
    rests: list[bool] = []
    flap = FakeFlap(before_move=lambda: rests.append(flap.at_rest))
    flap.obstacle, flap.at_rest = obstacle, False
    phases: list[Phase] = [Phase.EMPTY, *[Phase.SETTLED] * 9, Phase.EMPTY]
    bin_ = Bin(phases, flap=flap)
    frames = iter(range(len(phases)))
    told: list[tuple[str, ...]] = []

    def watch() -> bool:
        flap.obstacle = obstacle if next(frames) < 4 else None
        told.append(tuple(fault.problem for fault in bin_.reporter.state.faults))
        return False

    assert [event.outcome for event in bin_.run(should_stop=watch)] == [Outcome.SORTED]
    assert rests == [True]
    assert told[1:5] == [(obstacle,)] * 4
    assert told[5] == ()


def test_a_hand_that_stays_for_a_minute_is_told_it_may_be_a_cut_cable() -> None:
    flap = FakeFlap()
    bin_ = Bin([Phase.EMPTY] * 9, flap=flap, clock=FakeClock(step_s=4.0))
    frames = iter(range(9))
    told: list[tuple[str, ...]] = []

    def watch() -> bool:
        flap.obstacle = Problem.HAND_IN_CHUTE if next(frames) < 8 else None
        told.append(tuple(fault.problem for fault in bin_.reporter.state.faults))
        return False

    bin_.run(should_stop=watch)
    assert told[1] == ()
    assert told[-1] == ("hand_in_chute",)
    assert not bin_.reporter.state.faults


def test_a_cut_cable_of_a_receiver_that_is_low_in_the_light_counts_as_a_hand() -> None:
    factory = mock_pins()
    with hand_guard(factory, broken_is_low=False) as guard:
        assert guard.obstacle() is Problem.HAND_IN_CHUTE, "the pull-up alone"


def test_the_event_and_the_state_say_so_and_the_bin_goes_on_by_itself() -> None:
    phases: list[Phase] = [*ITEM[:-1], *[Phase.SETTLED] * 5, *[Phase.EMPTY] * 3, *ITEM]
    first = iter([True])
    seen_states: list[tuple[tuple[str, ...], bool]] = []

    def reach_in() -> None:
        flap.obstacle = Problem.HAND_IN_CHUTE if next(first, False) else None

    flap = FakeFlap(before_move=reach_in)
    bin_ = Bin(phases, flap=flap)
    frames = iter(range(len(phases)))

    def watch() -> bool:
        number = next(frames)
        seen_states.append((tuple(f.problem for f in bin_.reporter.state.faults), flap.at_rest))
        flap.obstacle = flap.obstacle if number < 8 else None
        return False

    events = bin_.run(should_stop=watch)
    assert [event.outcome for event in events] == [Outcome.FLAP_ERROR, Outcome.SORTED]
    assert events[0].reason == "a hand was in the chute"
    assert events[0].flap is not None
    assert events[0].flap.problem is Problem.HAND_IN_CHUTE
    assert seen_states[7] == (("hand_in_chute",), False)
    assert seen_states[9] == ((), True), "at rest and healed with the first frame without the hand"
    assert not bin_.reporter.state.faults


def test_no_item_is_voted_on_while_a_hand_is_in_the_chute() -> None:
    flap = FakeFlap()
    flap.obstacle = Problem.HAND_IN_CHUTE
    bin_ = Bin([Phase.EMPTY, *[Phase.SETTLED] * 10], flap=flap)
    assert bin_.run() == []
    assert flap.moves == []
