"""Items that do not behave: one that stays, one that is taken away, and flaps that do not answer."""

from __future__ import annotations

import pytest
from fakebin import BATTERY, GLASS, ITEM, Bin
from trayscene import Watcher, tray, with_item

from edge.errors import TriggerError
from edge.model import Box, Fault, FlapReport, Frame, Outcome, Phase, Problem, Signal
from edge.testing import FakeFlap, blank_frame

LYING = [*ITEM[:-1], *[Phase.SETTLED] * 60]


def told_by(bin_: Bin) -> tuple[list[Outcome], list[list[str]]]:
    """Outcomes, and the problems in the state before every frame."""
    told: list[list[str]] = []

    def look() -> bool:
        told.append([fault.problem.value for fault in bin_.reporter.state.faults])
        return False

    events = bin_.run(should_stop=look)
    return [event.outcome for event in events], told


def test_an_item_that_does_not_fall_is_tried_twice_then_a_jam_until_the_tray_is_clear() -> None:
    bin_ = Bin([*LYING, Phase.EMPTY, *ITEM])
    outcomes, told = told_by(bin_)
    assert outcomes == [Outcome.JAM, Outcome.SORTED]
    assert told[len(LYING)] == ["jam"]
    assert told[-1] == []
    assert bin_.flap.moves == ["recycling"] * 3


def test_a_servo_that_does_not_answer_is_told_and_tried_no_more_until_the_next_item() -> None:
    bin_ = Bin([*LYING, Phase.EMPTY, *ITEM], flap=FakeFlap(fails={1}))
    outcomes, told = told_by(bin_)
    assert outcomes == [Outcome.FLAP_ERROR, Outcome.SORTED]
    assert told[len(LYING)] == ["flap_failed"]
    assert told[-1] == [], "healed by the move that worked"
    assert bin_.flap.moves == ["recycling"] * 2


class StandsOpen(FakeFlap):
    """The first move fails, and so does the way back to rest, at first."""

    def __init__(self) -> None:
        super().__init__(fails={1})
        self.tries = 0

    def sort(self, compartment: str) -> FlapReport:
        report = super().sort(compartment)
        self.at_rest = report.ok
        return report

    def rest(self) -> bool:
        self.tries += 1
        self.at_rest = self.tries > len(ITEM)
        return self.at_rest


def test_a_flap_that_stands_open_is_driven_to_rest_before_the_next_item_is_taken() -> None:
    bin_ = Bin([*ITEM * 2, *[Phase.EMPTY] * 3, *ITEM], flap=StandsOpen())
    outcomes, _ = told_by(bin_)
    assert outcomes == [Outcome.FLAP_ERROR, Outcome.SORTED], "what was put down meanwhile fell unseen, or was taken"
    assert bin_.flap.at_rest


def test_an_item_that_came_while_the_camera_was_away_is_not_dropped_for_the_one_before_it() -> None:
    seen: list[Frame | Fault] = [blank_frame(i / 10) for i in range(60)]
    seen.insert(5, Fault("camera", "it is away", Problem.CAMERA_LOST))  # the flap drew too much
    signals = [*ITEM[:-1], *[Phase.SETTLED] * 40, Phase.EMPTY, *ITEM]
    bin_ = Bin(signals, answers=[GLASS, GLASS, GLASS, BATTERY], seen=seen)
    outcomes, told = told_by(bin_)
    assert outcomes == [Outcome.JAM, Outcome.SORTED]
    assert ["jam"] in told
    assert bin_.flap.moves == ["recycling", "hazard"]


def test_the_next_item_that_was_put_down_before_the_tray_was_seen_empty_does_not_follow_the_one_before_it() -> None:
    hurried = [*ITEM[:-1], *[Phase.MOVING] * 5, *[Phase.SETTLED] * 40, Phase.EMPTY, *ITEM]
    bin_ = Bin(hurried, answers=[GLASS, GLASS, GLASS, BATTERY])
    outcomes, told = told_by(bin_)
    assert outcomes == [Outcome.JAM, Outcome.SORTED]
    assert ["jam"] in told
    assert bin_.flap.moves == ["recycling", "hazard"]


def test_an_item_that_is_removed_during_the_vote_leaves_nothing_behind() -> None:
    taken = [Phase.EMPTY, Phase.SETTLED, Phase.SETTLED, Phase.EMPTY]
    bin_ = Bin([*taken, *ITEM], answers=[BATTERY, BATTERY, GLASS])
    (event,) = bin_.run()
    assert (event.label, event.votes, bin_.flap.moves) == ("glass", 3, ["recycling"])
    assert not bin_.reporter.state.faults, "it is no fault"


def test_an_item_that_is_exchanged_during_the_vote_is_voted_on_anew() -> None:
    exchanged = [Phase.EMPTY, Phase.SETTLED, Phase.SETTLED, Phase.MOVING, *ITEM[2:]]
    (event,) = Bin(exchanged, answers=[BATTERY, BATTERY, GLASS]).run()
    assert (event.label, event.votes) == ("glass", 3)


LEFT, RIGHT = Box(0.1, 0.2, 0.2, 0.2), Box(0.6, 0.5, 0.2, 0.2)
TWO: list[Signal | Phase] = [
    Phase.EMPTY,
    *[Signal(Phase.SETTLED, Box(0.1, 0.2, 0.7, 0.5), items=(LEFT, RIGHT))] * 3,
    Phase.EMPTY,
]


def test_two_items_that_go_the_same_way_are_sorted_together_once() -> None:
    bin_ = Bin(TWO, answers=[BATTERY, BATTERY, BATTERY, GLASS, GLASS])
    (event,) = bin_.run()
    assert (event.outcome, event.compartment) == (Outcome.SORTED, "recycling"), "each was asked by itself"
    assert bin_.asked.shapes[3:] == [(19, 19, 3)] * 2, "13 px and a quarter on each side"


def test_two_items_that_go_different_ways_go_to_the_default_and_the_event_says_why() -> None:
    bin_ = Bin(TWO, answers=[GLASS, GLASS, GLASS, GLASS, BATTERY])
    (event,) = bin_.run()
    assert (event.outcome, event.compartment) == (Outcome.ABSTAINED, "landfill")
    assert event.reason == "several items that do not go together: glass to recycling, battery to hazard"
    assert bin_.flap.moves == ["landfill"]


@pytest.mark.parametrize(
    ("boxes", "apart"),
    [
        ([(20, 30, 30, 20), (110, 70, 25, 30)], 2),
        ([(20, 30, 30, 20), (110, 70, 25, 30), (115, 20, 25, 25)], 3),
        ([(20, 30, 60, 40)], 0),
        ([(20, 30, 40, 30), (64, 30, 30, 30)], 0),
        ([(20, 30, 40, 40), (110, 70, 10, 10)], 0),
    ],
    ids=["two", "three", "one", "parts that nearly touch", "an item and a crumb"],
)
def test_the_camera_tells_two_items_from_one_in_parts(boxes: list[tuple[int, int, int, int]], apart: int) -> None:
    watcher, scene = Watcher(), tray()
    watcher.see([scene] * 8)
    for box in boxes:
        scene = with_item(scene, box)
    assert watcher.see([scene] * 6)[-1] is Phase.SETTLED
    assert len(watcher.last.items) == apart


def test_an_item_that_is_taken_away_after_a_failed_drop_clears_the_bin() -> None:
    bin_ = Bin([*ITEM[:-1], *[Phase.SETTLED] * 15, Phase.EMPTY, *ITEM])
    outcomes, _ = told_by(bin_)
    assert outcomes == [Outcome.SORTED, Outcome.SORTED], "the tray was seen empty after the second try"


def test_a_light_barrier_that_cannot_be_read_voids_the_vote_is_told_and_recovers() -> None:
    lost = TriggerError("GPIO17")
    bin_ = Bin([*ITEM[:4], lost, lost, *ITEM[2:]], answers=[BATTERY, BATTERY, GLASS])
    outcomes, told = told_by(bin_)
    assert outcomes == [Outcome.SORTED]
    assert told[5:8] == [["trigger_failed"], ["trigger_failed"], []]
    assert bin_.flap.moves == ["recycling"], "by what lay there when it could be read again"


def test_no_second_try_after_the_light_barrier_was_away() -> None:
    bin_ = Bin([*ITEM[:-1], TriggerError("GPIO17"), *[Phase.SETTLED] * 30])
    outcomes, _ = told_by(bin_)
    assert outcomes == [Outcome.JAM]
    assert bin_.flap.moves == ["recycling"]
