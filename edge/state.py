"""What a dashboard shows now. Frozen; every change is a pure function of the old state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.model import Fault, ModelId, Outcome, SortEvent


@dataclass(frozen=True, slots=True)
class LastItem:
    """The item handled last."""

    event_id: str
    seq: int
    time: str
    outcome: Outcome
    label: str
    confidence: float
    compartment: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """How the computer is. None where it cannot be told."""

    temperature_c: float | None = None
    clock_synced: bool | None = None
    broker: str | None = None  # what is wrong with the connection, None while it is fine


@dataclass(frozen=True, slots=True)
class BinState:
    """Counts run since the program started; `state` is starting, ready, fault or stopped."""

    bin_id: str
    model: ModelId
    version: str
    state: str = "starting"
    faults: tuple[Fault, ...] = ()
    items: int = 0
    by_label: Mapping[str, int] = field(default_factory=dict)
    by_compartment: Mapping[str, int] = field(default_factory=dict)
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    last: LastItem | None = None
    queued: int = 0
    dropped: int = 0
    uptime_s: int = 0
    health: Health = Health()


def ready(state: BinState) -> BinState:
    """Start-up is over."""
    return replace(state, state="fault" if state.faults else "ready")


def stopped(state: BinState) -> BinState:
    """A clean stop."""
    return replace(state, state="stopped")


def counted(state: BinState, event: SortEvent) -> BinState:
    """One more item was handled."""
    last = LastItem(
        event_id=event.event_id,
        seq=event.seq,
        time=event.time,
        outcome=event.outcome,
        label=event.label,
        confidence=event.confidence,
        compartment=event.compartment,
        reason=event.reason,
    )
    return replace(
        state,
        items=state.items + 1,
        by_label=_plus_one(state.by_label, event.label),
        by_compartment=_plus_one(state.by_compartment, event.compartment),
        by_outcome=_plus_one(state.by_outcome, event.outcome.value),
        last=last,
    )


def with_fault(state: BinState, fault: Fault) -> BinState:
    """A part has a fault; a newer message of the same part replaces the older one."""
    others = tuple(f for f in state.faults if f.part != fault.part)
    return replace(state, faults=(*others, fault), state="fault")


def healed(state: BinState, part: str) -> BinState:
    """A part works again."""
    faults = tuple(f for f in state.faults if f.part != part)
    return ready(replace(state, faults=faults)) if faults != state.faults else state


def summary(state: BinState) -> str:
    """One line for people: the service manager's status and the log."""
    if state.faults:
        return "fault: " + "; ".join(f"{f.part}: {f.message}" for f in state.faults)
    last = f", last {state.last.label} -> {state.last.compartment}" if state.last else ""
    return f"{state.state}: {state.items} items{last}, {state.queued} events queued"


def _plus_one(counts: Mapping[str, int], key: str) -> Mapping[str, int]:
    return {**counts, key: counts.get(key, 0) + 1}
