"""Bins as a subscriber sees them: messages in, what each bin is doing out. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edge.model import SortEvent
from edge.wire import SCHEMA, parse_event

EVENTS_KNOWN = 200  # event_ids of each bin, against events that come twice


@dataclass(frozen=True, slots=True)
class SeenBin:
    """state: the last state message. missing: numbers between events that have not come, since the first one came."""

    bin_id: str
    online: bool | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    last: SortEvent | None = None
    items: int = 0
    missing: int = 0
    known: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """What it does, in one word."""
        if self.online is False:
            return "offline"
        return "paused" if self.state.get("paused") else str(self.state.get("state", "?"))

    @property
    def problems(self) -> tuple[str, ...]:
        """Names of its faults and warnings."""
        return tuple(str(f["problem"]) for key in ("faults", "warnings") for f in self.state.get(key, ()))


@dataclass(frozen=True, slots=True)
class Fleet:
    """bins by id. strange: messages that could not be read."""

    bins: Mapping[str, SeenBin] = field(default_factory=dict)
    strange: int = 0

    @property
    def by_compartment(self) -> Mapping[str, int]:
        """Items of all bins, as their states count them."""
        return sum((Counter(seen.state.get("by_compartment", {})) for seen in self.bins.values()), Counter())


def take(fleet: Fleet, topic: str, payload: bytes) -> tuple[Fleet, SortEvent | None]:
    """One message on PREFIX/BIN/status, state or event; an event that was not known before comes back too."""
    *_, bin_id, name = ["", "", *topic.split("/")]
    seen = fleet.bins.get(bin_id, SeenBin(bin_id))
    try:
        seen, event = _taken(seen, name, payload)
    except (ValueError, TypeError, AttributeError, LookupError):
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


def _state(payload: bytes) -> Mapping[str, Any]:
    state = json.loads(payload)
    if state["schema"] != SCHEMA:
        raise ValueError(f"schema {state['schema']}")
    return dict(state)


def _with_event(seen: SeenBin, event: SortEvent) -> tuple[SeenBin, SortEvent | None]:
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
