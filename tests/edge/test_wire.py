"""What goes over the wire, byte for byte, and its schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.model import FlapReport, LabelProbability, ModelId, Outcome, SortEvent, Timing
from edge.state import BinState

EVENT = SortEvent(
    event_id="0198",
    bin_id="lobby-1",
    seq=412,
    time="2026-11-24T14:03:05.120Z",
    clock_synced=True,
    outcome=Outcome.SORTED,
    label="glass",
    confidence=0.970049,
    compartment="recycling",
    compartment_confidence=0.99,
    reason=None,
    top=(LabelProbability("glass", 0.97), LabelProbability("plastic", 0.02)),
    votes=3,
    flap=FlapReport(ok=True, ms=812.04),
    timing_ms=Timing(settle=300.0, inference=41.0, decide=0.20004, total=1190.0),
    model=ModelId("garbage10", "1.2.0", "ab12"),
)


def test_an_event_is_written_exactly_so() -> None:
    assert wire.event_json(EVENT) == (
        b'{"schema":1,"event_id":"0198","bin_id":"lobby-1","seq":412,"time":"2026-11-24T14:03:05.120Z",'
        b'"clock_synced":true,"outcome":"sorted","label":"glass","confidence":0.97,"compartment":"recycling",'
        b'"compartment_confidence":0.99,"reason":null,"top":[{"label":"glass","p":0.97},{"label":"plastic","p":0.02}],'
        b'"votes":3,"flap":{"ok":true,"ms":812.0,"problem":null},'
        b'"timing_ms":{"settle":300.0,"inference":41.0,"decide":0.2,"total":1190.0},'
        b'"model":{"name":"garbage10","version":"1.2.0","sha256":"ab12"},"image":null}'
    )


def test_reading_gives_back_what_was_written() -> None:
    read = wire.parse_event(wire.event_json(EVENT))
    assert read == replace(EVENT, confidence=0.97, flap=FlapReport(True, 812.0), timing_ms=Timing(300, 41, 0.2, 1190))
    assert isinstance(read.outcome, Outcome)


def test_unknown_keys_of_a_newer_program_are_ignored() -> None:
    message = json.loads(wire.event_json(EVENT)) | {"weight_g": 12}
    assert wire.parse_event(json.dumps(message).encode()).seq == 412


@given(
    p=st.floats(0, 1),
    ms=st.floats(0, 1e9),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    outcome=st.sampled_from(Outcome),
    flap=st.none() | st.builds(FlapReport, st.booleans(), st.floats(0, 1e6)),
)
def test_any_event_comes_back_within_the_rounding(
    p: float, ms: float, text: str, outcome: Outcome, flap: FlapReport | None
) -> None:
    event = replace(
        EVENT,
        confidence=p,
        label=text,
        reason=text,
        outcome=outcome,
        flap=flap,
        timing_ms=Timing(total=ms),
        top=(LabelProbability(text, p),),
    )
    payload = wire.event_json(event)
    read = wire.parse_event(payload)
    assert (read.label, read.reason, read.outcome) == (text, text, outcome)
    assert read.confidence == pytest.approx(p, abs=0.00005)
    assert read.timing_ms.total == pytest.approx(ms, abs=0.051)
    assert wire.event_json(read) == payload


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_hold_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.event_json(replace(EVENT, confidence=number))


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not a sort event"),
        (b"\xff\xfe\x00", "not a sort event"),
        (b"[]", "of None"),
        (b'{"schema":2}', "update the program"),
        (b'{"schema":1}', "event_id"),
        (wire.event_json(EVENT).replace(b'"sorted"', b'"thrown"'), "outcome"),
        (wire.event_json(EVENT).replace(b"412", b'"many"'), "seq"),
        (wire.event_json(EVENT)[:-9], "not a sort event"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(payload: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wire.parse_event(payload)


def check(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> None:
    """As much of JSON Schema as ours use; every key must be allowed and there."""
    if "$ref" in schema:
        return check(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        kinds: dict[str, Any] = {"null": type(None), "string": str, "number": (int, float), "boolean": bool}
        option = next(o for o in schema["anyOf"] if isinstance(value, kinds.get(o.get("type", ""), dict)))
        return check(value, option, root)
    if "const" in schema:
        assert value == schema["const"]
    if "enum" in schema:
        assert value in schema["enum"]
    if "properties" in schema:
        assert list(value) == schema["required"] == list(schema["properties"])
        for key, part in schema["properties"].items():
            check(value[key], part, root)
    for item in value if schema.get("type") == "array" else ():
        check(item, schema["items"], root)
    return None


@pytest.mark.parametrize("flap", [None, FlapReport(True, 1.0)])
def test_the_schema_describes_what_is_written(flap: FlapReport | None) -> None:
    schema = wire.event_schema()
    check(json.loads(wire.event_json(replace(EVENT, flap=flap))), schema, schema)
    assert schema["properties"]["schema"] == {"const": 1, "type": "integer"}
    assert set(schema["$defs"]["Outcome"]["enum"]) == {"sorted", "abstained", "jam", "flap_error", "interrupted"}


def test_the_state_is_written_with_its_read_only_counts() -> None:
    state = BinState(bin_id="lobby-1", model=EVENT.model, version="1.0", by_label=MappingProxyType({"glass": 2}))
    message = json.loads(wire.state_json(state))
    assert list(message)[:2] == ["schema", "bin_id"]
    assert message["schema"] == 1
    assert message["by_label"] == {"glass": 2}
    assert message["last"] is None
    schema = wire.message_schema(BinState)
    assert list(message) == schema["required"]


def test_any_frozen_dataclass_is_a_message_and_nothing_else_is() -> None:
    @dataclass(frozen=True)
    class Small:
        values: tuple[float, ...] = (0.123456, 22.222)
        names: dict[str, list[str]] = field(default_factory=lambda: {"a": ["b"]})

    assert wire.state_json(Small()) == b'{"schema":1,"values":[0.1235,22.2],"names":{"a":["b"]}}'
    with pytest.raises(TypeError, match="dict"):
        wire.state_json({"state": "ready"})
