"""A sort event for tests, with whatever a test wants different."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge.model import FlapReport, LabelProbability, ModelId, Outcome, SortEvent, Timing

_EVENT = SortEvent(
    event_id="0198c1d2-0000-7000-8000-000000000000",
    bin_id="lobby-1",
    seq=0,
    time="2026-11-24T14:03:05.120Z",
    clock_synced=True,
    outcome=Outcome.SORTED,
    label="glass",
    confidence=0.97,
    compartment="recycling",
    compartment_confidence=0.99,
    reason=None,
    top=tuple(LabelProbability(label, 0.1) for label in ("glass", "plastic", "metal", "paper", "cardboard", "trash")),
    votes=3,
    flap=FlapReport(ok=True, ms=812.0),
    timing_ms=Timing(settle=300.0, inference=41.0, decide=0.2, total=1190.0),
    model=ModelId("garbage10", "1.0.0", "ab" * 32),
)


def sample_event(**changes: Any) -> SortEvent:
    """changes: fields of SortEvent."""
    return replace(_EVENT, **changes)
