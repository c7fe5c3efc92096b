"""Items that do not behave: one that stays, one that is taken away, and flaps that do not answer."""

from __future__ import annotations

from fakebin import BATTERY, GLASS, ITEM, Bin

from edge.model import Outcome, Phase
from edge.testing import FakeFlap

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


def test_an_item_that_is_taken_away_after_a_failed_drop_clears_the_bin() -> None:
    bin_ = Bin([*ITEM[:-1], *[Phase.SETTLED] * 15, Phase.EMPTY, *ITEM])
    outcomes, _ = told_by(bin_)
    assert outcomes == [Outcome.SORTED, Outcome.SORTED], "the tray was seen empty after the second try"
