"""The Telegraf configuration against real messages: every path leads to a value of its type. Telegraf is not run."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sample_event import sample_event

from edge.model import ModelId
from edge.state import BinState, Health
from edge.wire import event_json, state_json

FILE = Path(__file__).resolve().parents[2] / "docs" / "dashboards" / "telegraf.conf"
INPUTS: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["inputs"]["mqtt_consumer"]
STATE = replace(BinState("b", ModelId("m", "1", "ab"), "1"), health=Health(50.0, under_voltage=False))
MESSAGES = {
    "smartbin/+/event": json.loads(event_json(sample_event())),
    "smartbin/+/state": json.loads(state_json(STATE)),
}
TYPES: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "string": str}


def at(message: Any, path: str) -> Any:
    """As much of GJSON as is used: keys, and # for how many."""
    for key in path.split("."):
        message = len(message) if key == "#" else message[key]
    return message


def parts(kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    for one in INPUTS:
        for parser in one["json_v2"]:
            yield from ((one["topics"][0], part) for part in parser[kind])


def test_every_input_keeps_its_session_under_a_name_of_its_own() -> None:
    assert [one["topics"] for one in INPUTS] == [[topic] for topic in MESSAGES]
    assert len({one["client_id"] for one in INPUTS}) == len(INPUTS)
    assert all((one["qos"], one["persistent_session"], one["data_format"]) == (1, True, "json_v2") for one in INPUTS)


@pytest.mark.parametrize(("topic", "part"), [*parts("field"), *parts("tag")])
def test_every_path_leads_to_a_value_of_its_type(topic: str, part: dict[str, str]) -> None:
    assert set(part) <= {"path", "rename", "type"}
    assert isinstance(at(MESSAGES[topic], part["path"]), TYPES[part.get("type", "string")])


def test_the_time_is_where_it_is_looked_for() -> None:
    (parser,) = INPUTS[0]["json_v2"]
    assert datetime.fromisoformat(at(MESSAGES["smartbin/+/event"], parser["timestamp_path"])).tzinfo is not None
