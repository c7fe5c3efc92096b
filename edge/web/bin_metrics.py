"""The bin's state as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.model import Problem
from edge.state import WARNINGS
from edge.web.view import View

_GAUGES = {
    "queued": ("smartbin_events_waiting", "Events that wait for the broker"),
    "uptime_s": ("smartbin_uptime_seconds", "Since the program started"),
    "paused": ("smartbin_paused", "1 while it takes no new item"),
}
_COMPUTER = {
    "temperature_c": ("smartbin_temperature_celsius", "Of the processor"),
    "clock_synced": ("smartbin_clock_synced", "1 while something keeps the clock right"),
    "under_voltage": ("smartbin_under_voltage", "1 while the supply is too weak, or was a moment ago"),
    "throttled": ("smartbin_throttled", "1 while the firmware slows the processor down"),
}
_BY_COMPARTMENT = {
    "fill": ("smartbin_fill_ratio", "How full a compartment is, 0 to 1"),
    "since_emptied": ("smartbin_compartment_items", "Items in a compartment since it was emptied"),
}


class StateCollector(Collector):
    """For a prometheus_client registry. Before the bin has said anything there is nothing but smartbin_up 0."""

    def __init__(self, view: View, bin_id: str) -> None:
        self._view = view
        self._bin = bin_id

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        state = self._view.state
        up = state is not None and state["state"] in ("ready", "fault")
        yield self._gauge("smartbin_up", "1 while the bin runs, also with a fault", up)
        if state is None:
            return
        for key, (name, text) in _GAUGES.items():
            yield self._gauge(name, text, state[key])
        for key, (name, text) in _COMPUTER.items():
            if (value := state["health"][key]) is not None:
                yield self._gauge(name, text, value)
        for key, (name, text) in _BY_COMPARTMENT.items():
            yield self._labelled(GaugeMetricFamily(name, text, labels=["bin", "compartment"]), state[key])
        yield from self._problems(state)
        yield from self._counters(state)

    def _problems(self, state: Mapping[str, Any]) -> Iterator[Metric]:
        now = {fault["problem"] for fault in (*state["faults"], *state["warnings"])}
        present = GaugeMetricFamily(
            "smartbin_problem",
            "1 while there is this problem; a fault keeps the bin from sorting, a warning does not",
            labels=["bin", "problem", "severity"],
        )
        for problem in Problem:
            severity = "warning" if problem in WARNINGS else "fault"
            present.add_metric([self._bin, problem.value, severity], float(problem.value in now))
        yield present
        began = {problem.value: state["by_problem"].get(problem.value, 0) for problem in Problem}
        text = "How often each problem began"
        yield self._labelled(CounterMetricFamily("smartbin_problems", text, labels=["bin", "problem"]), began)

    def _counters(self, state: Mapping[str, Any]) -> Iterator[Metric]:
        for name, text, value in (
            ("smartbin_events_dropped", "Events lost to the outbox's size cap", state["dropped"]),
            ("smartbin_broker_connects", "Connections made to the broker", state["health"]["broker_connects"]),
        ):
            family = CounterMetricFamily(name, text, labels=["bin"])
            family.add_metric([self._bin], float(value))
            yield family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["bin"])
        family.add_metric([self._bin], float(value))
        return family

    def _labelled(self, family: Any, values: Mapping[str, float | None]) -> Metric:
        for label, value in values.items():
            if value is not None:
                family.add_metric([self._bin, label], float(value))
        return family  # type: ignore[no-any-return] # both kinds are metrics
