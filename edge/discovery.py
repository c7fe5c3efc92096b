"""What Home Assistant is told of a bin, so that it shows up there by itself: one message for the device. Pure.

The form is that of MQTT device discovery (https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.version import VERSION

PREFIX = "homeassistant"
ONLINE_TOPIC = f"{PREFIX}/status"  # says "online" when Home Assistant has started, and wants to be told again

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Announced:
    """What there is to announce. base: of the bin's topics. sensors: compartments with a fill sensor."""

    bin_id: str
    base: str
    model: str
    compartments: Sequence[str]
    sensors: Sequence[str]
    commands: bool
    pictures: bool
    updates: bool


def topic(bin_id: str) -> str:
    """Where it goes, retained."""
    return f"{PREFIX}/device/{bin_id}/config"


def announcement(told: Announced) -> bytes:
    """The message."""
    components = {**_sensors(told), **_by_compartment(told), **(_controls(told) if told.commands else {})}
    if told.commands and told.pictures:
        components["picture"] = _component(
            told, "image", "picture", "Tray", image_topic=f"{told.base}/picture", content_type="image/jpeg"
        )
    return _message(
        {
            "dev": {"ids": [f"smartbin_{told.bin_id}"], "name": told.bin_id, "mdl": told.model, "sw": VERSION},
            "o": {"name": "smart-bin", "sw": VERSION},
            "cmps": components,
        }
    )


def without_ghosts(ours: bytes, before: bytes) -> bytes | None:
    """Ours with the removal of what an earlier one had and ours has not; None where there is nothing to remove."""
    try:
        old = json.loads(before)["cmps"]
        gone = {key: {"p": part["p"]} for key, part in old.items() if set(part) != {"p"}}
        message = json.loads(ours)
        gone = {key: part for key, part in gone.items() if key not in message["cmps"]}
        return _message({**message, "cmps": {**message["cmps"], **gone}}) if gone else None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None  # nobody's announcement, which anybody may have written


def _sensors(told: Announced) -> dict[str, Component]:
    def sensor(key: str, name: str, template: str, **more: Any) -> Component:
        return _component(told, "sensor", key, name, state_topic=f"{told.base}/state", value_template=template, **more)

    states = ["starting", "ready", "fault", "stopped", "paused"]
    last = "{{ value_json.last.%s if value_json.last else none }}"
    attributes = {"json_attributes_topic": f"{told.base}/state"}
    diagnostic = {"entity_category": "diagnostic"}
    return {
        "online": {
            **_identity(told, "binary_sensor", "online", "Connection"),
            "state_topic": f"{told.base}/status",
            "payload_on": "online",
            "payload_off": "offline",
            "device_class": "connectivity",
            **diagnostic,
        },
        "state": sensor(
            "state",
            "State",
            "{{ 'paused' if value_json.paused else value_json.state }}",
            device_class="enum",
            options=states,
        ),
        "last": sensor(
            "last",
            "Last item",
            last % "label",
            json_attributes_template="{{ value_json.last | default({}, true) | tojson }}",
            **attributes,
        ),
        "confidence": sensor(
            "confidence",
            "Confidence",
            "{{ (100 * value_json.last.confidence) | round(1) if value_json.last else none }}",
            unit_of_measurement="%",
        ),
        "items": sensor("items", "Items", "{{ value_json['items'] }}", state_class="total_increasing"),
        "corrections": sensor(
            "corrections", "Corrections", "{{ value_json.corrections }}", state_class="total_increasing"
        ),
        "temperature": sensor(
            "temperature",
            "Processor temperature",
            "{{ value_json.health.temperature_c }}",
            device_class="temperature",
            unit_of_measurement="°C",
            state_class="measurement",
            **diagnostic,
        ),
        "waiting": sensor(
            "waiting", "Events waiting", "{{ value_json.queued }}", state_class="measurement", **diagnostic
        ),
        "problem": {
            **_component(told, "binary_sensor", "problem", "Problem"),
            "state_topic": f"{told.base}/state",
            "value_template": "{{ 'ON' if value_json.faults or value_json.warnings else 'OFF' }}",
            "device_class": "problem",
            "json_attributes_template": "{{ dict(faults=value_json.faults, warnings=value_json.warnings) | tojson }}",
            **attributes,
        },
    }


def _by_compartment(told: Announced) -> dict[str, Component]:
    found = {}
    for name in told.compartments:
        found[f"items_{name}"] = _component(
            told,
            "sensor",
            f"items_{name}",
            f"Items in {name}",
            state_topic=f"{told.base}/state",
            value_template=f"{{{{ value_json.by_compartment.get('{name}', 0) }}}}",
            state_class="total_increasing",
        )
    for name in told.sensors:
        level = f"value_json.fill.get('{name}')"
        found[f"fill_{name}"] = _component(
            told,
            "sensor",
            f"fill_{name}",
            f"Fill of {name}",
            state_topic=f"{told.base}/state",
            value_template=f"{{{{ (100 * {level}) | round if {level} is not none else none }}}}",
            unit_of_measurement="%",
            state_class="measurement",
        )
    return found


def _controls(told: Announced) -> dict[str, Component]:
    switch = _component(
        told,
        "switch",
        "paused",
        "Paused",
        state_topic=f"{told.base}/state",
        value_template="{{ value_json.paused | tojson }}",
        command_topic=f"{told.base}/cmd/pause",
        # a truth value, not a text
        command_template=_request(paused="{{ value }}").replace('"{{ value }}"', "{{ value }}"),
        payload_on="true",
        payload_off="false",
        qos=1,
    )
    return {"paused": switch, **_buttons(told)}


def _buttons(told: Announced) -> dict[str, Component]:
    buttons: dict[str, tuple[str, str, str | None]] = {
        "snapshot": ("snapshot", "Show the tray", None),
        "update_models": ("update-models", "Look for a newer model", None),
        **{f"emptied_{name}": ("emptied", f"{name} was emptied", name) for name in told.compartments},
        **{f"test_flap_{name}": ("test-flap", f"Test the flap of {name}", name) for name in told.compartments},
    }
    if not told.pictures:
        del buttons["snapshot"]
    if not told.updates:
        del buttons["update_models"]
    return {
        key: _component(
            told,
            "button",
            key,
            name,
            command_topic=f"{told.base}/cmd/{command}",
            command_template=_request(**({"compartment": compartment} if compartment else {})),
            qos=1,
            entity_category="config",
        )
        for key, (command, name, compartment) in buttons.items()
    }


def _request(**more: str) -> str:
    """A command needs an id of its own and the time."""
    return json.dumps({"id": "ha-{{ now().timestamp() }}", "time": "{{ utcnow().isoformat() }}", **more})


def _component(told: Announced, platform: str, key: str, name: str, **more: Any) -> Component:
    return {**_identity(told, platform, key, name), "availability_topic": f"{told.base}/status", **more}


def _identity(told: Announced, platform: str, key: str, name: str) -> Component:
    return {"p": platform, "unique_id": f"smartbin_{told.bin_id}_{key}", "name": name}


def _message(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
