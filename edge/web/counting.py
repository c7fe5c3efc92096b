"""What the API counts, for /metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

from edge.model import ModelId
from edge.verdict import Verdict
from edge.version import VERSION

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counts:
    """Of one server."""

    def __init__(self, model: ModelId, others: Iterable[Collector] = ()) -> None:
        """others: what else there is to tell."""
        self._registry = CollectorRegistry()
        self._pictures = Counter(
            "smartbin_classify_pictures",
            "Pictures by what became of them",
            ["outcome", "label"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "smartbin_classify_seconds", "From the request to its answer", registry=self._registry
        )
        for other in others:
            self._registry.register(other)
        info = Gauge("smartbin_info", "1", ["version", "model", "model_version"], registry=self._registry)
        info.labels(VERSION, model.name, model.version).set(1)

    def answered(self, verdicts: Iterable[Verdict], seconds: float) -> None:
        """One request."""
        for verdict in verdicts:
            self._pictures.labels(verdict.outcome.value, verdict.label or "").inc()
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """In Prometheus's format."""
        return bytes(generate_latest(self._registry))
