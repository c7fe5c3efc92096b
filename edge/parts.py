"""What the loop is made of. app.py puts the real parts together, tests put in those of edge.testing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.decision import Policy
from edge.delivery import Delivery
from edge.model import Correction, ModelId
from edge.ports import Camera, Classifier, Flap, Inbox, Keeper, Notifier, Observer, Outbox, Trigger
from edge.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Clock:
    """monotonic_s: for durations. wall: RFC 3339 UTC, for people. synced: whether wall is to be believed."""

    monotonic_s: Callable[[], float]
    wall: Callable[[], str]
    synced: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Rules:
    """votes: classifications an item. margin: how far around the item's box. clear_s: how long it may take to fall.

    emptied_by_door: whether every compartment counts as emptied once the door was open. pictures: whether the tray may
    be shown to whoever sends commands.
    """

    bin_id: str
    votes: int
    margin: float
    clear_s: float
    emptied_by_door: bool = False
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the loop works with."""

    camera: Camera
    trigger: Trigger
    classifier: Classifier
    flap: Flap
    outbox: Outbox
    delivery: Delivery
    reporter: Reporter
    notifier: Notifier
    policy: Policy
    rules: Rules
    model: ModelId
    clock: Clock
    new_id: Callable[[], str]
    observers: Sequence[Observer] = ()
    inbox: Inbox | None = None  # None where commands are off
    ask_reload: Callable[[], str | None] = lambda: None  # what is wrong with the new configuration
    keeper: Keeper | None = None  # None where nothing can be taught
    ask_update: Callable[[], str | None] | None = None  # why a look for newer models cannot begin; None where it is off
    teach: Callable[[], None] = lambda: None  # begins a lesson and returns; raises SmartBinError
    corrected: Sequence[Callable[[Correction], None]] = ()  # who is told what an item really was; return at once
    use_model: Callable[[str], None] = lambda _: None  # a package, a head, or the base of either; raises SmartBinError
