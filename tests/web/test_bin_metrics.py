"""What /metrics of a bin says, made from its messages; Prometheus's own tool finds nothing to complain about."""

from __future__ import annotations

import asyncio
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_fixtures import PROMTOOL
from sample_event import sample_event

from edge import state as states
from edge.feed import Kind, Packet
from edge.model import Correction, Fault, ModelId, Outcome, Problem, Timing
from edge.state import BinState, Health
from edge.testing import FakeClock
from edge.web.bin_metrics import StateCollector
from edge.web.bin_server import _corrector
from edge.web.counting import Counts
from edge.web.history import History
from edge.web.item_metrics import ItemMetrics
from edge.web.tray import Tray
from edge.web.view import View
from edge.wire import correction_json, event_json, state_json

MODEL = ModelId("m", "1", "ab")
STATE = states.ready(BinState("b", MODEL, "1"))


def metrics(*packets: Packet) -> str:
    """As a bin's web process says them that was told this."""

    async def told() -> str:
        items = ItemMetrics("b", {"glass": "recycling", "trash": "landfill"}, "landfill")
        history = History(Path("/dev/null/history.db"))  # an impossible place: it is kept in memory
        view = View((history.add, items.count), Tray(lambda: None, FakeClock()), _corrector(history, items))
        counts = Counts(MODEL, [StateCollector(view, "b"), *items.collectors], "b")
        for packet in packets:
            view.take(packet)
        return counts.text().decode()

    return asyncio.run(told())


def said(label: str, event_id: str) -> Packet:
    return Packet(Kind.CORRECTION, correction_json(Correction(event_id, "b", "2026-11-24T10:00:00.000Z", True, label)))


def told(state: BinState) -> Packet:
    return Packet(Kind.STATE, state_json(state))


def item(**changes: Any) -> Packet:
    return Packet(Kind.ITEM, event_json(sample_event(**changes)))


def value(text: str, name: str, **labels: str) -> float | None:
    """Of the one series with these labels."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = [s.value for s in samples if s.name == name and {**labels, "bin": "b"} == s.labels]
    assert len(found) <= 1
    return found[0] if found else None


def test_before_the_bin_has_spoken_it_is_down_and_nothing_else_is_claimed() -> None:
    text = metrics()
    assert value(text, "smartbin_up") == 0
    assert value(text, "smartbin_events_waiting") is None
    assert value(text, "smartbin_items_total", outcome="sorted", label="glass", compartment="recycling") == 0


def test_items_are_counted_by_outcome_label_and_compartment() -> None:
    jam = item(outcome=Outcome.JAM)
    text = metrics(item(), item(), jam, item(outcome=Outcome.ABSTAINED, label="trash", compartment="landfill"))
    counted = {"label": "glass", "compartment": "recycling"}
    assert value(text, "smartbin_items_total", outcome="sorted", **counted) == 2
    assert value(text, "smartbin_items_total", outcome="jam", **counted) == 1
    assert value(text, "smartbin_items_total", outcome="abstained", label="trash", compartment="landfill") == 1


def test_corrections_are_counted_by_where_it_fell_and_where_that_belongs() -> None:
    events = [item(event_id=f"e{number}", compartment="recycling") for number in range(4)]
    labels = ("trash", "trash", "glass", "not-an-item", 'any text\n{of} "somebody"')
    told = [said(label, f"e{min(number, 3)}") for number, label in enumerate(labels)]
    text = metrics(*events, *told, said("trash", "long-ago"))

    def counted(fell: str, meant: str) -> float | None:
        return value(text, "smartbin_corrections_total", compartment=fell, meant=meant)

    assert (counted("recycling", "landfill"), counted("recycling", "recycling")) == (2, 1)
    assert counted("recycling", "nowhere") == 2, "what is no item, and what no compartment takes"
    assert counted("landfill", "recycling") == 0, "there from the start"
    assert len(re.findall("^smartbin_corrections_total", text, re.M)) == 2 * 3, "however many labels there are"


def test_times_are_in_seconds_and_probabilities_in_their_buckets() -> None:
    text = metrics(item(timing_ms=Timing(settle=300, inference=41, decide=0.2, total=1190), confidence=0.97))
    assert value(text, "smartbin_stage_seconds_sum", stage="total") == pytest.approx(1.19)
    assert value(text, "smartbin_stage_seconds_bucket", stage="inference", le="0.025") == 0
    assert value(text, "smartbin_stage_seconds_bucket", stage="inference", le="0.05") == 1
    assert value(text, "smartbin_stage_seconds_bucket", stage="decide", le="0.0005") == 1
    assert value(text, "smartbin_confidence_ratio_bucket", of="label", le="0.95") == 0
    assert value(text, "smartbin_confidence_ratio_bucket", of="label", le="0.99") == 1


def test_the_state_is_told_with_every_problem_present_or_not() -> None:
    state = states.with_fault(STATE, Fault("camera", "gone", Problem.CAMERA_LOST))
    health = Health(temperature_c=61.5, clock_synced=False, broker_connects=3, under_voltage=True)
    text = metrics(told(replace(state, queued=4, dropped=5, fill={"recycling": 0.5, "organic": None}, health=health)))
    assert value(text, "smartbin_up") == 1
    assert value(text, "smartbin_problem", problem="camera_lost", severity="fault") == 1
    assert value(text, "smartbin_problem", problem="overheated", severity="warning") == 0
    assert value(text, "smartbin_problems_total", problem="camera_lost") == 1
    assert value(text, "smartbin_problems_total", problem="jam") == 0
    assert value(text, "smartbin_events_waiting") == 4
    assert value(text, "smartbin_events_dropped_total") == 5
    assert value(text, "smartbin_broker_connects_total") == 3
    assert value(text, "smartbin_temperature_celsius") == 61.5
    assert (value(text, "smartbin_under_voltage"), value(text, "smartbin_clock_synced")) == (1, 0)
    assert value(text, "smartbin_throttled") is None, "what a computer does not tell is not claimed"
    assert value(metrics(told(replace(STATE, health=Health(throttled=True)))), "smartbin_throttled") == 1
    assert value(text, "smartbin_fill_ratio", compartment="recycling") == 0.5
    assert value(text, "smartbin_fill_ratio", compartment="organic") is None


def test_a_stopped_bin_is_down() -> None:
    assert value(metrics(told(states.stopped(STATE))), "smartbin_up") == 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_finds_nothing_to_complain_about() -> None:
    full = replace(STATE, fill={"recycling": 0.5}, since_emptied={"recycling": 3}, health=Health(50.0, True))
    text = metrics(told(full), item())
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
