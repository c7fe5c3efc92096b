"""The page of every topic with its message, made from the AsyncAPI document. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from markdown import Schema, described, kind, table

from edge.asyncapi import document

MESSAGES = {"BinState": "as on `state`"}  # not told twice
HEAD = """\
# MQTT

Every topic of a bin, all with QoS 1. `smartbin` is `mqtt.prefix`, `{bin}` is `bin.id`. Each message is one JSON
object of which `schema` is 1; that number changes only when a reader would have to. Home Assistant's discovery comes
besides, on `homeassistant/device/{bin}/config`.

`Problem` is one of the names in [What goes wrong](../FAULTS.md). For programs there are [JSON Schemas and the
AsyncAPI document](../mqtt/README.md) from which this page is made; who may read and write what stands in
[Security](../SECURITY.md).

"""


def page() -> str:
    """Markdown."""
    made = document()
    parts = [HEAD]
    for action, title in (("send", "What a bin says"), ("receive", "What a bin hears (with `mqtt.commands = true`)")):
        names = [
            operation["channel"]["$ref"].rpartition("/")[2]
            for operation in made["operations"].values()
            if operation["action"] == action
        ]
        parts.append(f"## {title}\n")
        parts += [_channel(made["channels"][name]) for name in names]
    return "\n".join(parts).rstrip() + "\n"


def _channel(channel: Schema) -> str:
    payload = channel["messages"]["message"]["payload"]
    text = described(channel["description"], payload.get("properties", ()))[0]
    rows = list(_rows(payload, ""))
    body = table(("key", "value", "what"), rows) if rows else f"The message: {kind(payload)}\n"
    return f"### {channel['address']}\n\n{text[:1].upper()}{text[1:].removesuffix('.')}.\n\n{body}"


def _rows(schema: Schema, above: str) -> Iterator[tuple[str, str, str]]:
    """The keys of an object and of the objects in it; `[]` for the elements of a list."""
    keys = schema.get("properties", {})
    texts = described(schema.get("description", ""), keys)[1]
    for key, value in keys.items():
        below = _object(value)
        name = f"{above}{key}" + ("[]" if below and value.get("type") == "array" else "")
        own = texts.get(key) or (value.get("description") or (below or {}).get("description") or "")
        what = described(own, (below or value).get("properties", ()))[0] if own else ""
        yield f"`{name}`", _kind(value, below), what.removesuffix(".")
        if below and below.get("title") not in MESSAGES:
            yield from _rows(below, f"{name}.")


def _kind(value: Schema, below: Schema | None) -> str:
    if not below:
        return kind(value)
    if below.get("title") in MESSAGES:
        return MESSAGES[below["title"]] + " or null"
    word = "list of objects" if value.get("type") == "array" else "object"
    return word + (" or null" if {"type": "null"} in value.get("anyOf", ()) else "")


def _object(value: Schema) -> Schema | None:
    """The object with keys of its own that a value is, or may be, or is a list of."""
    choices = [value, value.get("items", {}), *value.get("anyOf", ())]
    return next((choice for choice in choices if isinstance(choice, dict) and "properties" in choice), None)
