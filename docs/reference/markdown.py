"""Small pieces of Markdown, made of JSON Schema and of docstrings. Pure."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

MOST_VALUES = 9  # of an enumeration that is written out
_BOUNDS = (
    ("minimum", "from {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "to {}"),
    ("exclusiveMaximum", "below {}"),
    ("maxLength", "at most {} characters"),
    ("pattern", "`{}`"),
)
_WORDS = {"integer": "whole number", "string": "text"}
_FORMATS = {"path": "path", "binary": "bytes", "date": "date", "date-time": "time (RFC 3339)"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a `|` in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def code(value: object) -> str:
    """A value as JSON (which TOML reads as well) in backquotes; text without its quotes where that is one word."""
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`"


def described(docstring: str, keys: Collection[str]) -> tuple[str, dict[str, str]]:
    """(what stands before the first key, key -> text) of a docstring with parts like `max_s: no longer` or `a, b: c`.

    A part begins a line, or follows a full stop or a semicolon.
    """
    docstring = inspect.cleandoc(docstring)
    if not keys:
        return _flat(docstring), {}
    key = "|".join(sorted(map(re.escape, keys), key=len, reverse=True))
    parts = re.split(rf"(?:^|(?<=[.;]\s))((?:{key})(?:, (?:{key}))*):\s+", docstring, flags=re.MULTILINE)
    texts: dict[str, str] = {}
    for names, text in zip(parts[1::2], parts[2::2], strict=True):
        texts |= dict.fromkeys(names.split(", "), _flat(text).removesuffix("."))
    return _flat(parts[0]), texts


def kind(schema: Schema) -> str:
    """What a value of this schema may be, in words."""
    if "anyOf" in schema or "oneOf" in schema:
        return _either(schema.get("anyOf") or schema["oneOf"])
    if "const" in schema:
        return code(schema["const"])
    if len(schema.get("enum", ())) > MOST_VALUES and "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    word = _FORMATS.get(schema.get("format", "")) or _word(schema)
    bounds = [text.format(_number(schema[name])) for name, text in _BOUNDS if name in schema]
    return ", ".join([word, " ".join(bounds)] if bounds else [word])


def _either(choices: Sequence[Schema]) -> str:
    kinds = [kind(choice) for choice in choices if choice.get("type") != "null"]
    nothing = ["null"] if len(kinds) < len(choices) else []
    return " or ".join(dict.fromkeys(kinds + nothing))


def _word(schema: Schema) -> str:
    known: str | list[str] = schema.get("type", "anything")
    if isinstance(known, list):
        return " or ".join(_WORDS.get(name, name) for name in known)
    if known == "boolean":
        return "`true`, `false`"
    if known != "array":
        return _WORDS.get(known, known)
    if "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])}: {kind(schema['prefixItems'][0])}"
    return f"list: {kind(schema.get('items', {}))}"


def _number(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value


def _flat(text: str) -> str:
    return " ".join(text.split()).rstrip(";")
