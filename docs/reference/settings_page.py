"""The page of every key of the configuration, made from edge/config.py and edge/settings: docstrings, schema. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown import Schema, code, described, kind, table

from edge.config import Settings
from edge.settings.moving import CompartmentSettings

HEAD = """\
# Configuration

One TOML file, `/etc/smart-bin/config.toml` on a Pi. Every key can also be given as an environment variable
`SMARTBIN_<SECTION>__<KEY>`, as `SMARTBIN_MQTT__HOST`. Relative paths are relative to the file's folder. Pins are BCM
numbers.

`smartbin check-config` names every mistake at once, before anything moves: an unknown key, a value out of range, a
label routed twice, one pin used twice, a file that is not there.

"""


def page() -> str:
    """Markdown."""
    schema = Settings.model_json_schema()
    return HEAD + "\n".join(_sections(schema, "", schema)).rstrip() + "\n"


def _sections(schema: Schema, above: str, node: Schema) -> list[str]:
    """Every table below `node`, in the order of the code. above: its own name, with a dot at its end."""
    found = []
    for key, value in node["properties"].items():
        name, parts = above + key, _tables(schema, value)
        if _by_name(value):
            found += _named(schema, f"{name}.NAME", parts)
        elif parts:
            found += _section(schema, name, parts[0])
    return found


def _section(schema: Schema, name: str, part: Schema) -> list[str]:
    text = _without_name(described(part["description"], part["properties"])[0])
    return [f"## [{name}]\n\n{text}\n\n{_keys(schema, part, part['properties'])}", *_sections(schema, f"{name}.", part)]


def _named(schema: Schema, name: str, parts: list[Schema]) -> list[str]:
    """What tables whose name is free, and that are of several kinds, have in common; then each kind."""
    keys = [key for key in parts[0]["properties"] if all(key in part["properties"] for part in parts) and key != "kind"]
    common = {
        "description": CompartmentSettings.__doc__,  # not in the schema, which knows no base class
        "properties": {key: parts[0]["properties"][key] for key in keys},
    }
    found = _section(schema, name, common)
    kinds = [_kind_of_table(schema, part, [key for key in part["properties"] if key not in keys]) for part in parts]
    return [found[0], *kinds, *found[1:]]


def _kind_of_table(schema: Schema, part: Schema, keys: Sequence[str]) -> str:
    text = described(part["description"], part["properties"])[0].partition(": ")[2]
    own = [key for key in keys if key != "kind"]
    return f"### kind = {code(part['properties']['kind']['const'])}\n\n{_capital(text)}\n\n{_keys(schema, part, own)}"


def _keys(schema: Schema, part: Schema, keys: Any) -> str:
    texts = _texts(part)
    rows = []
    for key in keys:
        value = part["properties"][key]
        if not _tables(schema, value):
            rows.append((f"`{key}`", _kind(value), _default(part, key), texts.get(key, "")))
    return table(("key", "value", "default", "what it does"), rows) if rows else ""


def _texts(part: Schema) -> dict[str, str]:
    keys = part["properties"]
    said = {key: value["description"] for key, value in keys.items() if "description" in value}
    return said | described(part["description"], keys)[1]


def _kind(value: Schema) -> str:
    """Without null: TOML has none, a key that is not given is that."""
    return kind(value).removesuffix(" or null").replace("object", "table")


def _default(part: Schema, key: str) -> str:
    if key in part.get("required", ()):
        return "**needed**"
    default = part["properties"][key].get("default")
    return "" if default in (None, [], {}) else code(default)


def _tables(schema: Schema, value: Schema) -> list[Schema]:
    """The tables that a value may be; none for a plain value."""
    choices = [value, *value.get("anyOf", ()), *_by_name(value).get("oneOf", ())]
    names = [choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice]
    return [schema["$defs"][name] for name in names if "properties" in schema["$defs"][name]]


def _by_name(value: Schema) -> Schema:
    return next(iter(value.get("patternProperties", {}).values()), {})


def _without_name(text: str) -> str:
    """`[camera]: where ...` -> `Where ...`"""
    text = text.partition("]")[2].lstrip(":. ") if text.startswith("[") else text
    return _capital(text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
