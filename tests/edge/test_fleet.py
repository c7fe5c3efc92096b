"""What a subscriber makes of the messages of several bins."""

from __future__ import annotations

import json

import pytest
from rich.console import Console
from sample_event import sample_event

from edge.adapters.broker_settings import BrokerSettings
from edge.fleet import Fleet, take
from edge.model import Fault, ModelId, Problem
from edge.state import BinState, with_fault
from edge.watching import view
from edge.wire import event_json, state_json

STATE = BinState("a", ModelId("m", "1", "0" * 64), "1", state="ready", items=7, by_compartment={"glass": 7})


def after(*messages: tuple[str, bytes]) -> Fleet:
    fleet = Fleet()
    for topic, payload in messages:
        fleet, _ = take(fleet, topic, payload)
    return fleet


def event(seq: int) -> tuple[str, bytes]:
    return "smartbin/a/event", event_json(sample_event(event_id=f"e{seq}", seq=seq, bin_id="a"))


def test_each_bin_is_what_it_said_last() -> None:
    fleet = after(
        ("smartbin/a/status", b"online"),
        ("smartbin/a/state", state_json(STATE)),
        ("some/where/b/status", b"offline"),
        ("smartbin/a/reply/pause", b"{}"),
    )
    assert (fleet.bins["a"].word, fleet.bins["b"].word) == ("ready", "offline")
    assert fleet.by_compartment == {"glass": 7}


def test_an_event_counts_once_and_a_gap_is_missing_until_it_comes() -> None:
    fleet = after(event(4), event(5), event(5), event(8))
    assert (fleet.bins["a"].items, fleet.bins["a"].missing) == (3, 2)
    fleet, late = take(fleet, *event(6))
    assert late is not None
    assert fleet.bins["a"].missing == 1
    assert fleet.bins["a"].last is not None
    assert fleet.bins["a"].last.seq == 8


@pytest.mark.parametrize("payload", [b"", b"null", b"[1]", b'{"schema":2}', b"\xff", b"[" * 30_000, b'{"schema":1}'])
@pytest.mark.parametrize("name", ["state", "event"])
def test_what_cannot_be_read_is_counted_and_changes_nothing(name: str, payload: bytes) -> None:
    fleet = after(("smartbin/a/state", state_json(STATE)), (f"smartbin/a/{name}", payload))
    if (name, payload) == ("state", b'{"schema":1}'):
        return  # a state with nothing in it
    assert fleet.strange == 1
    assert fleet.bins["a"].word == "ready"


def test_numbers_whose_sum_cannot_be_written_are_nobodys() -> None:
    digits = b"9" * 4300  # Python reads no more of them, and writes no more
    counted = b'{"schema":1,"by_compartment":{"x":%s}}' % digits
    topic, payload = event(2)
    far = [(topic, payload.replace(b'"seq":2', b'"seq":' + seq)) for seq in (b"-" + digits, digits)]
    fleet = after(("p/a/state", counted), ("p/b/state", counted), *far)
    assert fleet.strange == 4
    view(fleet, BrokerSettings("+"), connected=True)


def test_the_table_shows_bins_problems_and_totals() -> None:
    hot = with_fault(STATE, Fault("temperature", "hot", Problem.OVERHEATED))
    fleet = after(("p/a/state", state_json(hot)), ("p/b/status", b"offline"), ("p/b/state", b"{}"))
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115 # it only records
    console.print(view(fleet, BrokerSettings("+"), connected=False))
    text = console.export_text()
    for word in ("does not answer", "overheated", "offline", "glass 7", "1 messages that could not be read"):
        assert word in text
    console.file.close()


def test_a_bare_state_does_not_break_the_table() -> None:
    fleet = after(("p/a/state", json.dumps({"schema": 1}).encode()))
    assert view(fleet, BrokerSettings("+"), connected=True)
