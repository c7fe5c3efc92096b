"""The AsyncAPI 3 document of what a bin says and hears over MQTT, made from the types that it is made of. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from edge.commands import DOES, REQUESTS, Answer
from edge.model import Correction, SortEvent
from edge.state import BinState
from edge.version import VERSION
from edge.wire import message_schema

Document = dict[str, Any]

_BASE = "smartbin/{bin}/"
_BIN = {"bin": {"description": "the bin's id: a-z, 0-9, _ and -"}}


def document() -> Document:
    """For the prefix `smartbin`; another one is configured as mqtt.prefix."""
    said = {
        "status": ("online or offline; retained, and the last will", {"type": "string", "enum": ["online", "offline"]}),
        "state": ("what a dashboard shows now; retained", _schema(BinState)),
        "event": ("one item, from the disk; at least once, event_id tells", _schema(SortEvent)),
        "correction": ("what somebody said an item really was; at least once, the newest counts", _schema(Correction)),
        "picture": ("the tray as JPEG, after the command snapshot", {"type": "string", "format": "binary"}),
        "reply": ("the answer to a command", _schema(Answer)),
    }
    channels: Document = {
        name: _channel("reply/{command}" if name == "reply" else name, text, schema)
        for name, (text, schema) in said.items()
    }
    operations: Document = {f"send_{name}": _operation("send", name) for name in said}
    for name, kind in REQUESTS.items():
        key = f"cmd_{name.replace('-', '_')}"
        channels[key] = _channel(f"cmd/{name}", DOES.get(name, kind.__doc__ or ""), TypeAdapter(kind).json_schema())
        operations[f"receive_{key}"] = _operation("receive", key)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Smart bin",
            "version": VERSION,
            "description": "What a bin says and hears over MQTT, QoS 1.",
        },
        "channels": channels,
        "operations": operations,
    }


def _schema(kind: type) -> Document:
    return {key: value for key, value in message_schema(kind).items() if key != "$schema"}


def _channel(below: str, text: str, schema: Document) -> Document:
    parameters = {**_BIN, **({"command": {"description": "its name"}} if "{command}" in below else {})}
    return {
        "address": _BASE + below,
        "description": text,
        "parameters": parameters,
        "messages": {"message": {"payload": _inline(schema)}},
    }


def _operation(action: str, channel: str) -> Document:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _inline(schema: Document) -> Document:
    """Without $defs: references would point out of the message."""
    parts = schema.get("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return resolved(parts[node["$ref"].rpartition("/")[2]])
        return {key: resolved(value) for key, value in node.items() if key != "$defs"}

    found: Document = resolved(schema)
    return found
