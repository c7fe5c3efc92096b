"""The bin's state as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.web.view import View

_COUNTS = {
    "by_outcome": ("smartbin_items_by_outcome", "Items by how their handling ended, since the start", "outcome"),
    "by_label": ("smartbin_items_by_label", "Items by label, since the start", "label"),
    "by_compartment": ("smartbin_items_by_compartment", "Items by compartment, since the start", "compartment"),
}
_BY_COMPARTMENT = {
    "fill": ("smartbin_fill_ratio", "How full a compartment is, 0 to 1"),
    "since_emptied": ("smartbin_items_since_emptied", "Items in a compartment since it was emptied"),
}
_SINGLE = {
    "queued": ("smartbin_events_waiting", "Events that wait for the broker"),
    "dropped": ("smartbin_events_dropped", "Events lost to the outbox's size cap"),
    "uptime_s": ("smartbin_uptime_seconds", "Since the program started"),
    "paused": ("smartbin_paused", "1 while it takes no new item"),
}


class StateCollector(Collector):
    """For a prometheus_client registry. Before the bin has said anything there is nothing but smartbin_up 0."""

    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        state = self._view.state
        up = state is not None and state["state"] in ("ready", "fault")
        yield _gauge("smartbin_up", "1 while the bin runs", up)
        if state is None:
            return
        for key, (name, text) in _SINGLE.items():
            yield _gauge(name, text, state[key])
        for key, (name, text, label) in _COUNTS.items():
            yield _labelled(CounterMetricFamily(name, text, labels=[label]), state[key])
        for key, (name, text) in _BY_COMPARTMENT.items():
            yield _labelled(GaugeMetricFamily(name, text, labels=["compartment"]), state[key])
        problems = {fault["problem"]: 1 for fault in (*state["faults"], *state["warnings"])}
        yield _labelled(
            GaugeMetricFamily("smartbin_problem", "1 for each that there is now", labels=["problem"]), problems
        )
        if (temperature_c := state["health"]["temperature_c"]) is not None:
            yield _gauge("smartbin_temperature_celsius", "Of the processor", temperature_c)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _labelled(family: Any, values: Mapping[str, float | None]) -> Metric:
    for label, value in values.items():
        if value is not None:
            family.add_metric([label], value)
    return family  # type: ignore[no-any-return] # both kinds are metrics
