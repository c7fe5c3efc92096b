"""The life of one item, from a settled tray to an empty one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cycle import Action, Cycle, Stage, dropped, step, stuck, unseen
from edge.model import Phase, Signal

CLEAR_S = 2.0


def actions(cycle: Cycle, phases: list[Phase], start_s: float = 0.0) -> tuple[Cycle, list[Action]]:
    """Ten frames a second."""
    taken = []
    for i, phase in enumerate(phases):
        cycle, action = step(cycle, Signal(phase), start_s + i / 10, CLEAR_S)
        taken.append(action)
    return cycle, taken


def test_votes_only_while_the_item_lies_still() -> None:
    _, taken = actions(Cycle(), [Phase.LEARNING, Phase.EMPTY, Phase.MOVING, Phase.SETTLED, Phase.SETTLED])
    assert taken == [Action.WAIT, Action.WAIT, Action.WAIT, Action.VOTE, Action.VOTE]


@pytest.mark.parametrize("phase", [Phase.MOVING, Phase.EMPTY, Phase.LEARNING])
def test_votes_are_void_when_the_item_moves_or_leaves(phase: Phase) -> None:
    _, taken = actions(Cycle(), [Phase.SETTLED, phase, phase])
    assert taken == [Action.VOTE, Action.FORGET, Action.WAIT]


def test_an_item_is_sorted_once_and_the_tray_must_be_empty_before_the_next() -> None:
    cycle, taken = actions(dropped(Cycle(Stage.VOTING)), [Phase.SETTLED] * 10 + [Phase.MOVING, Phase.EMPTY])
    assert taken == [Action.WAIT] * 11 + [Action.CLEAR]
    assert cycle == Cycle()


def test_an_item_that_stays_is_dropped_again_and_then_called_a_jam() -> None:
    cycle, taken = actions(dropped(Cycle(Stage.VOTING)), [Phase.SETTLED] * 80)
    assert taken.count(Action.RETRY) == 1
    assert taken.count(Action.JAM) == 1
    assert taken.index(Action.RETRY) == 20, "clear_s after the first frame that followed the drop"
    assert cycle.stage is Stage.STUCK


@pytest.mark.parametrize("phase", [Phase.MOVING, Phase.LEARNING])
def test_the_second_try_waits_while_a_hand_may_be_there(phase: Phase) -> None:
    _, taken = actions(dropped(Cycle(Stage.VOTING)), [*[Phase.SETTLED] * 5, *[phase] * 50, Phase.SETTLED])
    assert taken == [*[Action.WAIT] * 55, Action.RETRY]


@pytest.mark.parametrize("stage", [Stage.DROPPED, Stage.RETRIED])
def test_the_time_in_which_nothing_was_seen_is_not_waited_for(stage: Stage) -> None:
    waiting, _ = actions(Cycle(stage), [Phase.MOVING] * 5)
    back, taken = actions(unseen(waiting), [Phase.LEARNING, Phase.EMPTY], start_s=3600)
    assert (back, taken) == (Cycle(), [Action.WAIT, Action.CLEAR])


def test_what_never_lies_still_is_a_jam_in_the_end() -> None:
    """A film in the draught of a fan; no hand stays so long."""
    cycle, taken = actions(dropped(Cycle(Stage.VOTING)), [Phase.MOVING] * 1000)
    assert taken[:600] == [Action.WAIT] * 600
    assert taken.count(Action.JAM) == 1
    assert Action.RETRY not in taken
    assert cycle.stage is Stage.STUCK


def test_in_the_dark_nothing_is_a_jam() -> None:
    _, taken = actions(dropped(Cycle(Stage.VOTING)), [*[Phase.LEARNING] * 1000, Phase.EMPTY])
    assert taken == [*[Action.WAIT] * 1000, Action.CLEAR]


def test_a_jam_ends_with_an_empty_tray() -> None:
    cycle, taken = actions(stuck(Cycle()), [Phase.SETTLED] * 100 + [Phase.EMPTY])
    assert set(taken[:-1]) == {Action.WAIT}
    assert taken[-1] is Action.CLEAR
    assert cycle.stage is Stage.ARMED


@given(st.lists(st.sampled_from(list(Phase)), max_size=200))
def test_whatever_the_tray_shows_nothing_is_dropped_twice_without_an_empty_tray(phases: list[Phase]) -> None:
    cycle, drops = Cycle(), 0
    for i, phase in enumerate(phases):
        cycle, action = step(cycle, Signal(phase), i / 10, CLEAR_S)
        if action is Action.VOTE:
            cycle, drops = dropped(cycle), drops + 1
        if action is Action.RETRY:
            drops += 1
        if action is Action.CLEAR:
            assert phase is Phase.EMPTY
            drops = 0
        assert drops <= 2
