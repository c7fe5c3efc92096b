"""What the API counts, for /metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.registry import Collector

from edge.model import ModelId
from edge.verdict import Verdict
from edge.version import VERSION

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counts:
    """Of one server."""

    def __init__(self, model: ModelId, others: Iterable[Collector] = (), bin_id: str = "") -> None:
        """others: what else there is to tell. bin_id: of the bin whose page it is."""
        # else one more line for each counter: when it began, by a clock that is not to be trusted
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client left it untyped
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
        names = ["bin", "version", "model", "model_version"]
        info = Gauge("smartbin_build_info", "1; its labels say what runs", names, registry=self._registry)
        info.labels(bin_id, VERSION, model.name, model.version).set(1)

    def answered(self, verdicts: Iterable[Verdict], seconds: float) -> None:
        """One request."""
        for verdict in verdicts:
            self._pictures.labels(verdict.outcome.value, verdict.label or "").inc()
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """In Prometheus's format."""
        return bytes(generate_latest(self._registry))
