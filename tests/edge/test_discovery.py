"""What Home Assistant is told, and that it is told again and cleaned up, on a real broker."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from broker_fixtures import Mosquitto, wait_until
from paho.mqtt import publish

from edge import discovery
from edge.adapters.broker_settings import BrokerSettings
from edge.adapters.paho_publisher import PahoPublisher
from edge.commands import REQUESTS, Command, PauseRequest, parse
from edge.discovery import Announced, announcement, without_ghosts

TOLD = Announced(
    "lobby-1", "smartbin/lobby-1", "m", ("glass", "paper"), ("glass",), commands=True, pictures=True, updates=True
)
TOPIC = discovery.topic("lobby-1")


def components(message: bytes) -> dict[str, dict[str, Any]]:
    return dict(json.loads(message)["cmps"])


def rendered(part: dict[str, Any], value: str = "") -> bytes:
    """Its command as Home Assistant fills it in."""
    sent = part["command_template"].replace("{{ now().timestamp() }}", "1795647485.818635")
    sent = sent.replace("{{ utcnow().isoformat() }}", "2026-11-25T23:00:00.123456+00:00")
    return str(sent.replace("{{ value }}", value)).encode()


def test_every_component_has_a_platform_a_unique_id_and_topics_of_this_bin() -> None:
    found = components(announcement(TOLD))
    assert len({part["unique_id"] for part in found.values()}) == len(found)
    for part in found.values():
        assert part["p"] in ("sensor", "binary_sensor", "button", "image", "switch")
        topics = [value for key, value in part.items() if key.endswith("_topic")]
        assert topics
        assert all(topic.startswith("smartbin/lobby-1/") for topic in topics)
        if part.get("device_class") == "enum":
            assert "state_class" not in part
    for total in ("items", "items_paper", "corrections"):
        assert found[total]["state_class"] == "total_increasing"
    assert "fill_paper" not in found, "it has no sensor"
    assert len(announcement(TOLD)) < 16_000


def test_buttons_and_the_picture_are_there_only_where_they_work() -> None:
    bare = components(announcement(replace(TOLD, commands=False)))
    assert {part["p"] for part in bare.values()} == {"sensor", "binary_sensor"}
    assert "snapshot" not in components(announcement(replace(TOLD, pictures=False)))
    assert "update_models" not in components(announcement(replace(TOLD, updates=False)))


def test_a_button_sends_what_the_bin_takes() -> None:
    buttons = [part for part in components(announcement(TOLD)).values() if part["p"] == "button"]
    for button in buttons:
        name = button["command_topic"].rpartition("/")[2]
        assert name in REQUESTS
        assert isinstance(parse(name, rendered(button)), Command)


@pytest.mark.parametrize("paused", [True, False])
def test_the_switch_pauses_and_shows_it(paused: bool) -> None:
    switch = components(announcement(TOLD))["paused"]
    payload = switch["payload_on" if paused else "payload_off"]
    command = parse(switch["command_topic"].rpartition("/")[2], rendered(switch, payload))
    assert isinstance(command, Command)
    assert isinstance(command.request, PauseRequest)
    assert (command.name, command.request.paused) == ("pause", paused)
    assert payload == json.dumps(paused), "what its value_template makes of the state"


def test_what_is_gone_is_removed_and_nothing_else() -> None:
    before, now = announcement(TOLD), announcement(replace(TOLD, compartments=("glass",)))
    cleaned = without_ghosts(now, before)
    assert cleaned is not None
    found = components(cleaned)
    assert found["items_paper"] == {"p": "sensor"}
    assert found["test_flap_paper"] == {"p": "button"}
    assert found["items_glass"] == components(now)["items_glass"]
    assert without_ghosts(now, cleaned) is None, "what is removed already is left alone"
    for nothing in (b"", b"[]", b'{"cmps":3}', b'{"cmps":{"a":{}}}', now):
        assert without_ghosts(now, nothing) is None


@pytest.mark.parametrize("hostile", [b"[" * 30_000, b'{"cmps":{"a":{"p":"\\ud800","b":1}}}'], ids=["deep", "no text"])
def test_an_announcement_that_was_forged_to_do_harm_is_nobodys(hostile: bytes) -> None:
    assert without_ghosts(announcement(TOLD), hostile) is None


def test_where_nothing_is_announced_nothing_is_removed() -> None:
    assert without_ghosts(b"", announcement(TOLD)) is None, "a broker may still know that it was wanted before"


@pytest.mark.broker
def test_a_broker_keeps_it_home_assistant_is_told_again_and_ghosts_go(mosquitto: Mosquitto) -> None:
    ours = announcement(replace(TOLD, compartments=("glass",)))
    publish.single(TOPIC, announcement(TOLD), qos=1, retain=True, port=mosquitto.port)
    listener = mosquitto.listen(TOPIC)
    wait_until(lambda: listener.heard)
    settings = BrokerSettings("lobby-1", "127.0.0.1", mosquitto.port, announcement=ours)
    with closing(PahoPublisher(settings)):
        wait_until(lambda: len(listener.heard) >= 3)
        assert listener.heard[1].payload == ours
        assert components(listener.heard[2].payload)["items_paper"] == {"p": "sensor"}
        publish.single(discovery.ONLINE_TOPIC, b"online", qos=1, port=mosquitto.port)
        wait_until(lambda: len(listener.heard) >= 4)
        assert listener.heard[3].payload == ours
    listener.close()
