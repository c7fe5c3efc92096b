"""Bins as a subscriber sees them: messages in, what each bin is doing out. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeAlias

from pydantic import Field, TypeAdapter

from edge.model import SortEvent
from edge.wire import SCHEMA, parse_event

EVENTS_KNOWN = 200  # event_ids of each bin, against events that come twice
LARGEST = 2**63 - 1  # as SQLite counts; what anybody may write into a message has no end

Number: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST)]


@dataclass(frozen=True, slots=True)
class ToldItem:
    """The last item of a state message."""

    label: str
    compartment: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ToldProblem:
    """A fault or a warning of a state message."""

    problem: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is shown of a state message. What a bin of another version does not say is as here."""

    state: str = "?"
    paused: bool = False
    items: Number | None = None
    queued: Number | None = None
    last: ToldItem | None = None
    fill: Mapping[str, float | None] = field(default_factory=dict)
    by_compartment: Mapping[str, Number] = field(default_factory=dict)
    faults: tuple[ToldProblem, ...] = ()
    warnings: tuple[ToldProblem, ...] = ()


_STATES = TypeAdapter(Told)


@dataclass(frozen=True, slots=True)
class SeenBin:
    """state: the last state message. missing: numbers between events that have not come, since the first one came."""

    bin_id: str
    online: bool | None = None
    state: Told = Told()
    last: SortEvent | None = None
    items: int = 0
    missing: int = 0
    known: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """What it does, in one word."""
        if self.online is False:
            return "offline"
        return "paused" if self.state.paused else self.state.state

    @property
    def problems(self) -> tuple[str, ...]:
        """Names of its faults and warnings."""
        return tuple(told.problem for told in (*self.state.faults, *self.state.warnings))


@dataclass(frozen=True, slots=True)
class Fleet:
    """bins by id. strange: messages that could not be read."""

    bins: Mapping[str, SeenBin] = field(default_factory=dict)
    strange: int = 0

    @property
    def by_compartment(self) -> Mapping[str, int]:
        """Items of all bins, as their states count them."""
        return sum((Counter(seen.state.by_compartment) for seen in self.bins.values()), Counter())


def take(fleet: Fleet, topic: str, payload: bytes) -> tuple[Fleet, SortEvent | None]:
    """One message on PREFIX/BIN/status, state or event; an event that was not known before comes back too."""
    *_, bin_id, name = ["", "", *topic.split("/")]
    seen = fleet.bins.get(bin_id, SeenBin(bin_id))
    try:
        seen, event = _taken(seen, name, payload)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return replace(fleet, strange=fleet.strange + 1), None
    return replace(fleet, bins={**fleet.bins, bin_id: seen}), event


def _taken(seen: SeenBin, name: str, payload: bytes) -> tuple[SeenBin, SortEvent | None]:
    match name:
        case "status":
            return replace(seen, online=payload == b"online"), None
        case "state":
            return replace(seen, state=_state(payload)), None
        case "event":
            return _with_event(seen, parse_event(payload))
    return seen, None


def _state(payload: bytes) -> Told:
    state = json.loads(payload)
    if state["schema"] != SCHEMA:
        raise ValueError(f"schema {state['schema']}")
    return _STATES.validate_python(state)


def _with_event(seen: SeenBin, event: SortEvent) -> tuple[SeenBin, SortEvent | None]:
    if not 0 <= event.seq <= LARGEST:
        raise ValueError(f"no seq of a bin, of {event.seq.bit_length()} bits")
    if event.event_id in seen.known:
        return seen, None
    gap = event.seq - seen.last.seq - 1 if seen.last is not None else 0
    newest = seen.last is None or event.seq > seen.last.seq
    counted = replace(
        seen,
        items=seen.items + 1,
        missing=max(0, seen.missing + (gap if newest else -1)),
        last=event if newest else seen.last,
        known=(*seen.known, event.event_id)[-EVENTS_KNOWN:],
    )
    return counted, event
