"""The published description of the messages: up to date, whole, and true of real messages."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sample_event import sample_event

from edge.asyncapi import document
from edge.commands import REQUESTS
from edge.model import Correction, ModelId
from edge.state import BinState
from edge.wire import correction_json, event_json, state_json

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "mqtt"


def test_the_files_in_docs_are_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("write", FOLDER / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.files().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "run `make docs-pages`"


def test_every_topic_is_there_and_every_operation_has_its_channel() -> None:
    made = document()
    assert made["asyncapi"].startswith("3.")
    addresses = {channel["address"].removeprefix("smartbin/{bin}/") for channel in made["channels"].values()}
    assert addresses == {
        "status",
        "state",
        "event",
        "correction",
        "picture",
        "reply/{command}",
        *(f"cmd/{name}" for name in REQUESTS),
    }
    for channel in made["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"])
    for operation in made["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in made["channels"]
    assert "$defs" not in json.dumps(made)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("event", event_json(sample_event())),
        ("correction", correction_json(Correction("e1", "a", "2026-11-24T10:00:00.000Z", True, "glass"))),
        ("state", state_json(BinState("a", ModelId("m", "1", "0" * 64), "1"))),
    ],
)
def test_a_real_message_has_the_keys_that_are_required(name: str, message: bytes) -> None:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    sent = json.loads(message)
    assert set(schema["required"]) == set(sent) == set(schema["properties"])
