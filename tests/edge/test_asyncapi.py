"""The published description of the messages: up to date, whole, and true of real messages."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_event import sample_event

from edge.asyncapi import document
from edge.commands import REQUESTS
from edge.model import Correction, Fault, ModelId, Outcome, Problem
from edge.state import BinState, Health, Shadow, Teaching, Updates, counted, with_fault
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


ITEMS = [sample_event(outcome=outcome) for outcome in Outcome]
NONE = sample_event(flap=None, reason="unsure", image="glass/1.jpg", top=())
BARE = BinState("a", ModelId("m", "1", "0" * 64), "1")
SHADOW = Shadow("m-2", "comparing", 50, 200, 0.96, 0.98, 0.02, 0.04, 80.0, 92.4)
FULL = replace(
    with_fault(counted(BARE, NONE), Fault("camera", "check its cable", Problem.CAMERA_LOST)),
    fill={"organic": 0.5, "hazard": None},
    since_emptied={"organic": 3},
    corrections=2,
    health=Health(61.5, True, "away", 3, False, True, "changed", "full", "damaged"),
    updates=Updates(True, "2026-11-26T12:00:00+00:00", False, "no network", SHADOW),
    teaching=Teaching(True, "0001", "better"),
)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *(("event", event_json(event)) for event in (*ITEMS, NONE)),
        *(("state", state_json(state)) for state in (BARE, FULL)),
        ("correction", correction_json(Correction("e1", "a", "2026-11-24T10:00:00.000Z", False, "not-an-item"))),
    ],
)
def test_a_validator_takes_every_message_and_none_that_is_damaged(name: str, message: bytes) -> None:
    validators = pytest.importorskip("jsonschema_rs", reason="jsonschema-rs is not installed (schemathesis brings it)")
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    validator = validators.Draft202012Validator(schema)
    sent = json.loads(message)
    validator.validate(sent)
    for key in sent:
        assert not validator.is_valid({other: value for other, value in sent.items() if other != key}), key
        assert not validator.is_valid({**sent, key: [[3]]}), key


PARSE = """
const { Parser } = require("@asyncapi/parser");
const text = require("fs").readFileSync(process.argv[1], "utf8");
new Parser().parse(text).then(({ document, diagnostics }) => {
  const wrong = diagnostics.filter(({ severity }) => severity <= 1); // errors and warnings
  console.log(JSON.stringify([document?.version(), wrong.map(({ message, path }) => `${path.join("/")}: ${message}`)]));
});
"""


def test_the_parser_of_asyncapi_itself_finds_nothing_wrong() -> None:
    """Where there is one: npm install @asyncapi/parser, and NODE_PATH says where."""
    node = shutil.which("node")
    places = [Path(place) for place in os.environ.get("NODE_PATH", "").split(os.pathsep) if place]
    if node is None or not any((place / "@asyncapi" / "parser").is_dir() for place in places):
        pytest.skip("node with @asyncapi/parser on NODE_PATH is not there")
    command = [node, "-e", PARSE, str(FOLDER / "asyncapi.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["3.0.0", []]
