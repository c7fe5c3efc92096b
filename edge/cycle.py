"""The life of one item on the tray: vote, drop, wait until the tray is empty, try again, call it a jam. Pure.

ARMED --settled--> VOTING --(loop: dropped)--> DROPPED --empty--> ARMED
                                                 | still occupied after clear_s, and still
                                               RETRIED --empty--> ARMED
                                                 | still occupied after clear_s
                                                STUCK  --empty--> ARMED

A drop after which the camera was away has no second try: what lies there then may be another item. Nor has one after
which nothing lies still for a minute: that is a jam, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from edge.model import Phase, Signal

HAND_S = 60.0  # who reaches in is gone by then: what is there for longer is no hand


class Stage(Enum):
    """Where the item is in its life."""

    ARMED = auto()
    VOTING = auto()
    DROPPED = auto()
    RETRIED = auto()
    STUCK = auto()


class Action(Enum):
    """What the loop has to do with this frame."""

    WAIT = auto()
    VOTE = auto()
    FORGET = auto()  # the item moved or left during the vote: its votes are void
    RETRY = auto()  # it did not fall, and lies still: drop again what goes the same way
    JAM = auto()  # it did not fall, and there is no other try
    CLEAR = auto()  # the tray is empty after a drop: the item is done


@dataclass(frozen=True, slots=True)
class Cycle:
    """since_s: the frame time from which the tray has been waited for, None before the first frame after a drop."""

    stage: Stage = Stage.ARMED
    since_s: float | None = None


def step(cycle: Cycle, signal: Signal, at_s: float, clear_s: float) -> tuple[Cycle, Action]:
    """One frame. at_s: its time on the camera's clock; clear_s: how long an item may take to leave the tray."""
    if cycle.stage in (Stage.ARMED, Stage.VOTING):
        return _before_drop(cycle, signal)
    if signal.phase is Phase.EMPTY:
        return Cycle(), Action.CLEAR
    if cycle.since_s is None:
        return replace(cycle, since_s=at_s), Action.WAIT
    if cycle.stage is Stage.STUCK or at_s - cycle.since_s < clear_s:
        return cycle, Action.WAIT
    if cycle.stage is Stage.DROPPED and signal.phase is not Phase.SETTLED:
        # what moves may be a hand: nothing moves under it, at the second try either
        for_long = at_s - cycle.since_s > clear_s + HAND_S
        return _jam() if for_long and signal.phase is Phase.MOVING else (cycle, Action.WAIT)
    return _still_there(cycle)


def dropped(cycle: Cycle) -> Cycle:
    """The flap has returned to rest after the first drop."""
    return replace(cycle, stage=Stage.DROPPED, since_s=None)


def stuck(cycle: Cycle) -> Cycle:
    """Nothing more may move until the tray was seen empty."""
    return replace(cycle, stage=Stage.STUCK, since_s=None)


def unseen(cycle: Cycle) -> Cycle:
    """The camera, or what says that something lies there, is away."""
    return Cycle(Stage.RETRIED) if cycle.stage in (Stage.DROPPED, Stage.RETRIED) else cycle


def _before_drop(cycle: Cycle, signal: Signal) -> tuple[Cycle, Action]:
    if signal.phase is Phase.SETTLED:
        return Cycle(Stage.VOTING), Action.VOTE
    return Cycle(), Action.FORGET if cycle.stage is Stage.VOTING else Action.WAIT


def _still_there(cycle: Cycle) -> tuple[Cycle, Action]:
    if cycle.stage is Stage.DROPPED:
        return Cycle(Stage.RETRIED), Action.RETRY
    return _jam()


def _jam() -> tuple[Cycle, Action]:
    return Cycle(Stage.STUCK), Action.JAM
