"""What became of the items, as Prometheus metrics made from their events and from what people say of them afterwards.

They begin anew with the web process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

from edge.model import Outcome

STAGES = ("settle", "inference", "decide", "total")
# from deciding (below a millisecond) to an item with a second try
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
NOWHERE = "nowhere"  # where an item belongs that is none, or that no compartment takes
RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class ItemMetrics:
    """routes: label -> compartment. What is usual is there from the start, at 0: a rise from nothing shows nowhere."""

    def __init__(self, bin_id: str, routes: Mapping[str, str], default: str) -> None:
        self._items = Counter(
            "smartbin_items", "Items that were dealt with", ["bin", "outcome", "label", "compartment"], registry=None
        )
        self._seconds = Histogram(
            "smartbin_stage_seconds",
            "How long an item took: until it lay still, one look of the model, the decision, all of it",
            ["bin", "stage"],
            buckets=SECONDS,
            registry=None,
        )
        self._confidence = Histogram(
            "smartbin_confidence_ratio",
            "How sure the bin was of the label and of the compartment",
            ["bin", "of"],
            buckets=RATIOS,
            registry=None,
        )
        self._corrections = Counter(
            "smartbin_corrections",
            "Items that somebody said were something else: where they fell, and where that belongs",
            ["bin", "compartment", "meant"],
            registry=None,
        )
        for label, compartment in routes.items():
            self._items.labels(bin_id, Outcome.SORTED.value, label, compartment)
            self._items.labels(bin_id, Outcome.ABSTAINED.value, label, default)
            self._items.labels(bin_id, Outcome.JAM.value, label, compartment)
        compartments = sorted({*routes.values(), default})
        for fell, meant in product(compartments, [*compartments, NOWHERE]):
            self._corrections.labels(bin_id, fell, meant)
        self._stages = {stage: self._seconds.labels(bin_id, stage) for stage in STAGES}
        self._sure = {of: self._confidence.labels(bin_id, of) for of in ("label", "compartment")}
        self._bin = bin_id
        self._routes = routes

    @property
    def collectors(self) -> Sequence[Collector]:
        """For a registry."""
        return (self._items, self._seconds, self._confidence, self._corrections)

    def count(self, event: Mapping[str, Any]) -> None:
        """event: as in wire.py."""
        self._items.labels(self._bin, event["outcome"], event["label"], event["compartment"]).inc()
        for stage, histogram in self._stages.items():
            histogram.observe(event["timing_ms"][stage] / 1000)
        self._sure["label"].observe(event["confidence"])
        self._sure["compartment"].observe(event["compartment_confidence"])

    def corrected(self, fell: str, label: str) -> None:
        """An item was something else. fell: its compartment. label: any text; it becomes no label of a metric."""
        self._corrections.labels(self._bin, fell, self._routes.get(label, NOWHERE)).inc()
