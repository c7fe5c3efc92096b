"""What is wrong in a configuration, in words: of one key, and between several. Pure."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from edge.addresses import without_secrets
from edge.settings.section import ID_PATTERN

_KINDS = ("servo", "solenoid", "chute")
_TOML = 'text stands in "quotes", true and false are small, commas part what stands in [brackets]'


def explained(detail: ErrorDetails, schema: dict[str, Any]) -> str:
    """One of pydantic's, with its key and what to write instead.

    schema: the JSON Schema of the whole file; without it unknown keys are not compared with those that there are.
    """
    where = _written(detail["loc"])
    if where[:2] == ["camera", "roi"]:
        where = where[:2]
    key = ".".join(where) or "file"
    match detail["type"]:
        case "missing" if re.fullmatch(r"compartments\.[^.]+\.pin", key):
            said = "missing; every compartment has a flap: add the BCM number of the pin that moves it"
        case "missing":
            said = "missing; add it"
        case "extra_forbidden":
            said = f"unknown key; {_meant(where[-1], keys_at(schema, detail['loc'][:-1]), schema)}"
        case "value_error":
            said = without_secrets(str(detail["ctx"]["error"]))
        case "union_tag_invalid":
            said = f"unknown kind {detail['ctx']['tag']!r}; write {detail['ctx']['expected_tags']}"
        case _ if key == "camera.roi":
            said = "write [x, y, width, height] as fractions of the picture, each 0 to 1"
        case _:
            said = f"{_wanted(key, detail)}, not {_shown(detail['input'])}"
    return f"{key}: {said}"


def _wanted(key: str, detail: ErrorDetails) -> str:
    """What is to stand there."""
    if re.search(r"(^|[._])pin$", key):
        return "write its BCM number alone, 0 to 27 (GPIO12 is 12; its position on the header is another number)"
    if detail["type"] == "tuple_type":
        return "write a list in square brackets, as [640, 480]"
    if detail["type"] == "string_pattern_mismatch" and detail["ctx"]["pattern"] == ID_PATTERN:
        return "write only a-z, 0-9, _ and -"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]}"


def _written(loc: Sequence[str | int]) -> list[str]:
    """The keys as the user wrote them: pydantic adds a union's tag, and a word of its own for a table's name itself."""
    where = [str(part) for part in loc]
    if len(where) > 2 and where[0] == "compartments" and where[2] in _KINDS:
        del where[2]
    return where[:-1] if where[-1:] == ["[key]"] else where


def _meant(key: str, known: Sequence[str], schema: dict[str, Any]) -> str:
    """What an unknown key may have been meant to be."""
    if near := difflib.get_close_matches(key, known, n=1):
        return f"did you mean {near[0]}?"
    elsewhere = [name for name in schema.get("properties", ()) if key in keys_at(schema, (name,))]
    if elsewhere:
        return f"it belongs into {' or '.join(f'[{name}]' for name in elsewhere)}"
    return f"here may stand {', '.join(known)}" if known else "correct its spelling or remove it"


def keys_at(schema: dict[str, Any], path: Sequence[str | int]) -> list[str]:
    """The keys that a table may have; none where no table is. path: as in an error's `loc`, with a union's tag."""
    node = _followed(schema, schema)
    for part in path:
        if part in node.get("properties", {}):
            node = node["properties"][part]
        elif part in (tags := node.get("discriminator", {}).get("mapping", {})):
            node = {"$ref": tags[part]}
        else:
            named = node.get("patternProperties") or {"": node.get("additionalProperties")}
            node = next(iter(named.values()))
        node = _followed(node if isinstance(node, dict) else {}, schema)
    return list(node.get("properties", {}))


def _followed(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to, also of a table that may be left out."""
    for choice in node.get("anyOf", ()):
        if "$ref" in choice:
            node = choice
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def not_toml(text: str, error: Exception) -> str:
    """What is wrong with a text that is no TOML, and in which line. error: tomllib's.

    Of the line only the key: the value may be a camera's address with its password, also where "=" was forgotten.
    """
    found = re.search(r"at line (\d+)", str(error))
    lines = text.split("\n")  # as tomllib counts them
    if found is None or not 1 <= (number := int(found[1])) <= len(lines):
        return f"not valid TOML: {error}"
    key = re.split("""[=:"']""", lines[number - 1], maxsplit=1)[0].strip()
    return f"not valid TOML: {error}: {_shown(key)}; {_TOML}"


def _shown(value: Any) -> str:
    text = without_secrets(repr(value))
    return text if len(text) <= 60 else text[:57] + "..."


def across(table: dict[str, Any]) -> list[str]:
    """What is wrong between several keys. Looks at the raw table, so that it is told beside other mistakes."""
    compartments = {n: c for n, c in _table(table, "compartments").items() if isinstance(c, dict)}
    problems = _default_problems(compartments) + _label_problems(compartments) + _pin_problems(table, compartments)
    problems += _needs(table, compartments)
    return problems + _cost_problems(_table(_table(table, "policy"), "costs"), set(compartments))


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _default_problems(compartments: dict[str, dict[str, Any]]) -> list[str]:
    defaults = [name for name, c in compartments.items() if c.get("default") is True]
    if len(defaults) == 1 or not compartments:
        return []
    if not defaults:
        return ["compartments: none is the default; write default = true in the one for items the bin is unsure about"]
    return [f"compartments: {', '.join(defaults)} all say default = true; only one may"]


def _label_problems(compartments: dict[str, dict[str, Any]]) -> list[str]:
    owners: dict[str, list[str]] = {}
    for name, compartment in compartments.items():
        labels = compartment.get("labels")
        for label in labels if isinstance(labels, list) else ():
            owners.setdefault(str(label), []).append(name)
    return [
        f"compartments: label {label!r} is routed twice ({', '.join(names)}); keep it in one"
        for label, names in owners.items()
        if len(names) > 1
    ]


def _pin_problems(table: dict[str, Any], compartments: dict[str, dict[str, Any]]) -> list[str]:
    named = [(f"compartments.{name}.pin", c.get("pin")) for name, c in compartments.items()]
    named += [(f"chute.{key}", _table(table, "chute").get(key)) for key in ("turn_pin", "drop_pin")]
    named.append(("flaps.guard_pin", _table(table, "flaps").get("guard_pin")))
    named.append(("door.pin", _table(table, "door").get("pin")))
    named += [
        (f"compartments.{name}.fill.{key}", _table(compartment, "fill").get(key))
        for name, compartment in compartments.items()
        for key in ("trigger_pin", "echo_pin")
    ]
    if _table(table, "trigger").get("kind") == "beam":
        named.append(("trigger.pin", _table(table, "trigger").get("pin")))
    count = Counter(pin for _, pin in named if isinstance(pin, int))
    return [
        f"{', '.join(key for key, pin in named if pin == twice)}: pin {twice} is used twice; give each its own"
        for twice, n in count.items()
        if n > 1
    ]


def _needs(table: dict[str, Any], compartments: dict[str, dict[str, Any]]) -> list[str]:
    camera, trigger = _table(table, "camera"), _table(table, "trigger")
    problems = []
    if trigger.get("kind") == "beam" and _table(table, "capture").get("mode") == "blurred":
        problems.append('capture.mode: with a beam nobody knows where on the tray the item lies; write "on" or "off"')
    if camera.get("source") == "replay" and "path" not in camera:
        problems.append("camera.path: missing; a replay needs the folder or video to show")
    if camera.get("source") == "picamera2" and not isinstance(camera.get("device", 0), int):
        problems.append("camera.device: picamera2 numbers its cameras; write 0 for the first")
    if trigger.get("kind") == "beam" and "pin" not in trigger:
        problems.append("trigger.pin: missing; a beam needs the GPIO pin of its receiver")
    if any(c.get("kind") == "chute" for c in compartments.values()) and "chute" not in table:
        problems.append('chute: missing; compartments of kind "chute" need [chute] with turn_pin and drop_pin')
    return problems


def _cost_problems(costs: dict[str, Any], compartments: set[str]) -> list[str]:
    named = [*costs, *(name for row in costs.values() if isinstance(row, dict) for name in row)]
    return [
        f"policy.costs: there is no compartment {name!r}; name one of {', '.join(sorted(compartments))}"
        for name in dict.fromkeys(named)
        if name not in compartments
    ]
