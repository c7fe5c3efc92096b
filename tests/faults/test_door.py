"""The door through which the bin is emptied: nothing moves while it is open."""

from __future__ import annotations

import pytest
from fakebin import ITEM, Bin

from edge.adapters.guards import Guards, PinGuard
from edge.adapters.pins import mock_pins
from edge.model import Outcome, Phase, Problem
from edge.testing import FakeFlap


def test_no_item_is_taken_while_the_door_is_open_and_the_state_says_so() -> None:
    flap = FakeFlap()
    flap.obstacle = Problem.DOOR_OPEN
    bin_ = Bin([Phase.EMPTY, *[Phase.SETTLED] * 10], flap=flap)
    assert bin_.run() == []
    assert flap.moves == []
    assert [fault.problem for fault in bin_.reporter.state.faults] == [Problem.DOOR_OPEN]


@pytest.mark.parametrize("empties", [True, False])
def test_it_goes_on_by_itself_once_closed_and_counts_from_nothing_where_asked(empties: bool) -> None:
    flap = FakeFlap()
    phases: list[Phase] = [*ITEM, *[Phase.EMPTY] * 3, *ITEM]
    bin_ = Bin(phases, flap=flap, emptied_by_door=empties)
    frames = iter(range(len(phases)))

    def watch() -> bool:
        flap.obstacle = Problem.DOOR_OPEN if next(frames) in (7, 8) else None
        return False

    assert [event.outcome for event in bin_.run(should_stop=watch)] == [Outcome.SORTED, Outcome.SORTED]
    assert not bin_.reporter.state.faults
    assert bin_.outbox.since_emptied == {"recycling": 1 if empties else 2}


def test_a_door_that_opens_while_a_flap_moves_stops_it() -> None:
    opened = iter([Problem.DOOR_OPEN])
    flap = FakeFlap(before_move=lambda: setattr(flap, "obstacle", next(opened, None)))
    phases: list[Phase] = [*ITEM[:-1], *[Phase.SETTLED] * 2, *[Phase.EMPTY] * 3, *ITEM]
    bin_ = Bin(phases, flap=flap)
    frames = iter(range(len(phases)))

    def watch() -> bool:
        flap.obstacle = flap.obstacle if next(frames) < 7 else None
        return False

    events = bin_.run(should_stop=watch)
    assert [(event.outcome, event.reason) for event in events] == [
        (Outcome.FLAP_ERROR, "the door was opened"),
        (Outcome.SORTED, None),
    ]
    assert flap.at_rest


def test_a_full_disk_keeps_no_flap_from_rest_and_the_counts_are_reset_once_it_takes_it() -> None:
    flap = FakeFlap()
    flap.at_rest = False
    bin_ = Bin([Phase.EMPTY] * 8, flap=flap, emptied_by_door=True)
    bin_.outbox.since_emptied = {"recycling": 3}
    bin_.outbox.full = True
    frames = iter(range(8))
    rests: list[bool] = []

    def watch() -> bool:
        number = next(frames)
        rests.append(flap.at_rest)
        flap.obstacle = Problem.DOOR_OPEN if number < 2 else None
        bin_.outbox.full = number < 5
        return False

    bin_.run(should_stop=watch)
    assert rests[3], "with the first frame after the door was closed"
    assert bin_.outbox.since_emptied == {}


def test_a_switch_whose_cable_is_cut_counts_as_open() -> None:
    factory = mock_pins()
    with PinGuard(23, problem=Problem.DOOR_OPEN, key="door.pin", pin_factory=factory, blocked_is_low=False) as door:
        guards = Guards([door])
        assert guards.obstacle() is Problem.DOOR_OPEN, "the pull-up alone"
        factory.pin(23).drive_low()
        assert guards.obstacle() is None
    assert Guards().obstacle() is None
