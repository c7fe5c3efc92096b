"""What is wrong in a configuration, in words: of one key, and between several. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic_core import ErrorDetails

from edge.settings.section import ID_PATTERN


def explained(detail: ErrorDetails) -> str:
    """One of pydantic's, with its key and what to write instead."""
    # pydantic puts the union's tag into the path of a compartment; the user wrote no such key
    where = [str(part) for part in detail["loc"]]
    if len(where) > 2 and where[0] == "compartments" and where[2] in ("servo", "solenoid", "chute"):
        del where[2]
    key = ".".join(where) or "file"
    match detail["type"]:
        case "missing":
            return f"{key}: missing; add it"
        case "extra_forbidden":
            return f"{key}: unknown key; correct its spelling or remove it"
        case "value_error":
            return f"{key}: {detail['ctx']['error']}"
        case "union_tag_invalid":
            return f"{key}: unknown kind {detail['ctx']['tag']!r}; write {detail['ctx']['expected_tags']}"
        case "string_pattern_mismatch" if detail["ctx"]["pattern"] == ID_PATTERN:
            return f"{key}: write only a-z, 0-9, _ and -, not {_shown(detail['input'])}"
    return f"{key}: {detail['msg'][0].lower()}{detail['msg'][1:]}, not {_shown(detail['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
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
