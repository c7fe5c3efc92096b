"""Values -> JSON and back. Every message carries the schema number; a consumer checks it before anything else.

Fractions (probabilities, shares) keep four decimals, larger numbers (milliseconds, degrees) one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import DEFAULT_REF_TEMPLATE

from edge.model import Correction, SortEvent

SCHEMA = 1
Kind = TypeVar("Kind")
_EVENTS = TypeAdapter(SortEvent)
_CORRECTIONS = TypeAdapter(Correction)


def event_json(event: SortEvent) -> bytes:
    """One event as it is stored and published. Raises ValueError for a number that JSON cannot hold (nan, infinity)."""
    return _message(event)


def correction_json(correction: Correction) -> bytes:
    """One correction as it is stored and published."""
    return _message(correction)


def parse_correction(payload: bytes) -> Correction:
    """What correction_json wrote. Unknown keys are ignored. Raises ValueError that says what does not fit."""
    return _parsed(payload, _CORRECTIONS, "correction")


def state_json(state: object) -> bytes:
    """Any frozen dataclass as a message: the bin's state. Raises TypeError when it is none."""
    return _message(state)


def parse_event(payload: bytes) -> SortEvent:
    """What event_json wrote. Unknown keys are ignored. Raises ValueError that says what does not fit."""
    return _parsed(payload, _EVENTS, "sort event")


def event_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an event, made from SortEvent itself."""
    return message_schema(SortEvent)


def message_schema(kind: type, ref_template: str = DEFAULT_REF_TEMPLATE) -> dict[str, Any]:
    """JSON Schema (2020-12) of a frozen dataclass as event_json and state_json write it: every key always there.

    ref_template: how it refers to its $defs, where those are put somewhere else.
    """
    schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template=ref_template)
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part["required"] = list(part["properties"])
    schema["properties"] = {"schema": {"const": SCHEMA, "type": "integer"}, **schema["properties"]}
    schema["required"] = ["schema", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _parsed(payload: bytes, kind: TypeAdapter[Kind], name: str) -> Kind:
    try:
        message = json.loads(payload)
        schema = message.get("schema") if isinstance(message, dict) else None
        if schema != SCHEMA:
            raise ValueError(f"not a {name} of schema {SCHEMA} but of {schema!r}; update the program that reads it")
        return kind.validate_python(message)
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a {name}: {error}") from error


def _message(value: object) -> bytes:
    if not is_dataclass(value):
        raise TypeError(f"only dataclasses are messages, not {type(value).__name__}")
    message = {"schema": SCHEMA, **_plain(value)}
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any) -> Any:
    # dataclasses.asdict cannot copy the read-only mappings that frozen values hold
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 4 if abs(value) <= 1 else 1)
    return value
