"""`smartbin run` against a real Mosquitto with a real subscriber: every item, every movement, exactly one event."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from pathlib import Path

import pytest
from bin_process import (
    KEEPS_EVERYTHING,
    ROUTES,
    BinProcess,
    coloured_pictures,
    config_text,
    kill_again_and_again,
    unique_events,
)
from broker_fixtures import MakeBroker, Mosquitto, wait_until

from edge import app
from edge.adapters import paho_publisher
from edge.flap_settings import ServoFlap
from edge.model import Outcome
from edge.wire import parse_event

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_every_item_is_sorted_and_published_once(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    pictures = coloured_pictures(tmp_path / "pictures", each=5)
    listener = mosquitto.listen("smartbin/e2e/#")
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path))
    bin_.start()
    assert bin_.wait() == 0, bin_.log
    wait_until(lambda: listener.payloads("smartbin/e2e/status")[-1:] == [b"offline"])
    events = [parse_event(payload) for payload in listener.payloads("smartbin/e2e/event")]
    listener.close()
    assert [event.seq for event in events] == list(range(1, 41))
    assert len({event.event_id for event in events}) == 40
    for event in events:
        truth = str(event.image).split("/")[0]
        assert event.label == truth
        assert event.label in ROUTES[event.compartment]
        assert event.outcome is Outcome.SORTED
    state = json.loads(listener.payloads("smartbin/e2e/state")[-1])
    assert (state["state"], state["items"]) == ("stopped", 40)
    assert b"online" in listener.payloads("smartbin/e2e/status")
    assert bin_.movements().total() == 40


def test_kill_9_of_bin_and_broker_loses_no_movement(tiny_model: Path, tmp_path: Path, make_broker: MakeBroker) -> None:
    mosquitto = make_broker(*KEEPS_EVERYTHING)
    pictures = coloured_pictures(tmp_path / "pictures", each=3)
    listener = mosquitto.listen("smartbin/e2e/event")
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path))
    items = kill_again_and_again(bin_, mosquitto, random.Random(1), least=5, most=7, SMARTBIN_CAMERA__LOOP="true")
    bin_.start()
    assert bin_.wait() == 0, bin_.log
    last = int(re.findall(r"\bitem seq=(\d+)", bin_.log)[-1])
    wait_until(lambda: len(unique_events(listener.payloads("smartbin/e2e/event"))) >= last)
    events = unique_events(listener.payloads("smartbin/e2e/event"))
    listener.close()
    assert [event.seq for event in events] == list(range(1, len(events) + 1)), "no gap"
    told = {name: sum(event.compartment == name for event in events) for name in ROUTES}
    moved = bin_.movements()
    assert moved.total() >= items
    for name, count in moved.items():
        assert count <= told[name], f"{name} moved {count} times, events tell of {told[name]}"
    unfinished = sum(event.outcome is Outcome.INTERRUPTED for event in events)
    assert unfinished <= 5, "at most one item a kill"
    assert len(events) - unfinished <= moved.total(), "no event without its movement"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_asked_with_flaps_at_rest_and_offline_said(
    tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto, number: signal.Signals
) -> None:
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    listener = mosquitto.listen("smartbin/e2e/status")
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True))
    bin_.start()
    bin_.wait_for_items(2)
    bin_.terminate(number)
    assert bin_.wait(within_s=30) == 0
    wait_until(lambda: listener.payloads("smartbin/e2e/status")[-1:] == [b"offline"])
    listener.close()
    pulses = [line.split("value=")[1] for line in bin_.log.splitlines() if "pulse pin=" in line]
    assert pulses[-1].startswith("0 "), "the last thing every servo is told is its rest position"


def test_what_a_stop_waits_for_is_less_than_two_seconds() -> None:
    """The longest: a servo has just begun to move, and the broker is frozen. `make bench` measures it."""
    move_s = ServoFlap(12).open_s + ServoFlap(12).settle_s
    assert move_s + app.LAST_ACK_S + paho_publisher.CLOSE_S + paho_publisher.JOIN_S < 2.0


def test_a_frozen_broker_does_not_hold_up_a_stop(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True))
    bin_.start()
    bin_.wait_for_items(2)
    os.kill(mosquitto.pid, signal.SIGSTOP)
    bin_.wait_for_items(bin_.items + 1)
    bin_.terminate()
    assert bin_.wait(within_s=paho_publisher.ACK_S / 2) == 0, "it did not wait until the broker is given up"
    os.kill(mosquitto.pid, signal.SIGCONT)


def test_sorts_without_a_broker_and_delivers_later(tiny_model: Path, tmp_path: Path, make_broker: MakeBroker) -> None:
    mosquitto = make_broker()
    mosquitto.stop()
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path))
    bin_.start()
    assert bin_.wait() == 0, "a broker that is away is no reason to fail"
    mosquitto.start()
    listener = mosquitto.listen("smartbin/e2e/event")
    bin_.start()
    assert bin_.wait() == 0
    wait_until(lambda: len(listener.payloads("smartbin/e2e/event")) >= 16)
    events = unique_events(listener.payloads("smartbin/e2e/event"))
    listener.close()
    assert [event.seq for event in events] == list(range(1, 17)), "eight from each run"
