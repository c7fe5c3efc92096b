"""A bin's discovery, put to Home Assistant itself with the broker's rules that are shipped.

The tests build on each other's household, in this order.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import PROGRAM, WITHIN_S, Mosquitto, wait_until
from home_assistant import HomeAssistant, make_home_assistant
from nspawn import NEEDED, NoDebianError
from paho.mqtt import publish

from edge import discovery
from edge.discovery import Announced, announcement
from edge.model import Fault, ModelId, Problem
from edge.state import BinState, Health, ready, with_fault
from edge.version import VERSION
from edge.wire import state_json

pytestmark = [
    *NEEDED,
    pytest.mark.broker,
    pytest.mark.skipif(
        os.environ.get("SMARTBIN_HOME_ASSISTANT") != "1",
        reason="installs Home Assistant: run `make home-assistant` (as root), or set SMARTBIN_HOME_ASSISTANT=1",
    ),
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
]

RULES = Path(__file__).resolve().parents[2] / "docs" / "mosquitto" / "smart-bin.acl"
USERS = ("e2e", "on-a-pi", "operator", "homeassistant")


def secret(user: str) -> str:
    return f"secret of {user}"


OPERATOR, HOME = (("operator", secret("operator")), ("homeassistant", secret("homeassistant")))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    assert PROGRAM is not None
    given, folder = tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("broker") / "mosquitto"
    (given / "rules").write_bytes(RULES.read_bytes())
    passwords = given / "passwords"
    passwords.write_text("".join(f"{user}:{secret(user)}\n" for user in USERS))
    for path in given.iterdir():
        path.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", passwords], check=True, timeout=60)
    lines = ("allow_anonymous false", f"password_file {passwords}", f"acl_file {given}/rules")
    mosquitto = Mosquitto(PROGRAM, folder, lines)
    mosquitto.start()
    yield mosquitto
    mosquitto.kill()


class Household:
    """A bin, its broker, and who is told of it."""

    def __init__(self, bin_: BinProcess, broker: Mosquitto, home: HomeAssistant) -> None:
        self.bin, self.broker, self.home = bin_, broker, home
        self.line = broker.listen("smartbin/e2e/#", user=OPERATOR)

    @property
    def truth(self) -> dict[str, Any]:
        """What the bin said last of itself."""
        said = self.line.payloads("smartbin/e2e/state")
        return dict(json.loads(said[-1])) if said else {}

    def shows(self, entity: str) -> str | None:
        """What Home Assistant does; None where it has no such entity."""
        found = self.home.states().get(entity)
        return None if found is None else str(found["state"])

    def entities(self) -> set[str]:
        """Of the bin, also those that are no longer told."""
        return {entity for entity in self.home.states() if entity.partition(".")[2].startswith("e2e_")}

    def announced(self, bin_id: str = "e2e") -> dict[str, Any]:
        """What the broker keeps of it: entity -> its part of the message."""
        topic = discovery.topic(bin_id)
        with closing(self.broker.listen(topic, user=HOME)) as line:
            wait_until(lambda: line.payloads(topic), WITHIN_S)
            parts = json.loads(line.payloads(topic)[-1])["cmps"].values()
        told = [part for part in parts if "name" in part]
        return {f"{part['p']}.{bin_id}_{re.sub('[^a-z0-9]+', '_', part['name'].lower())}": part for part in told}

    def unavailable(self) -> set[str]:
        states = self.home.states()
        return {entity for entity in self.entities() if states[entity]["state"] == "unavailable"}


@pytest.fixture(scope="module")
def house(broker: Mosquitto, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    folder = tmp_path_factory.mktemp("house")
    try:
        root = make_home_assistant()
    except NoDebianError as error:
        pytest.skip(f"no Home Assistant to use: {error}")
    (folder / "password").write_text(secret("e2e"))
    own = f'[mqtt]\nusername = "e2e"\npassword_file = "{folder}/password"\ncommands = true\npictures = true\n'
    sensor = "[compartments.hazard.fill]\ntrigger_pin = 23\necho_pin = 24\nempty_cm = 60\nfull_cm = 10\n"
    pictures = coloured_pictures(folder / "pictures", each=1)
    text = config_text(tiny_model, pictures, broker.port, folder, loop=True).replace("[mqtt]\n", own) + sensor
    bin_ = BinProcess(folder, text)
    with HomeAssistant(root, folder) as home:
        home.add_mqtt(broker.port, *HOME)
        bin_.start()
        house = Household(bin_, broker, home)
        yield house
        house.line.close()
        bin_.kill()


def test_the_bin_is_there_with_everything_it_announces(house: Household) -> None:
    wait_until(lambda: house.shows("sensor.e2e_items_in_recycling") not in (None, "unavailable", "0"), WITHIN_S)
    told = house.announced()
    wait_until(lambda: house.entities() == set(told), WITHIN_S)
    device = "device_id('sensor.e2e_state')"
    assert set(house.home.rendered(f"device_entities({device})")) == set(told), "all on one device"
    about = {key: house.home.rendered(f"device_attr({device}, '{key}')") for key in ("name", "model", "sw_version")}
    assert about == {"name": "e2e", "model": "tiny-colours", "sw_version": VERSION}
    assert {entity.partition(".")[0] for entity in told} == {"sensor", "binary_sensor", "button", "switch", "image"}
    assert house.unavailable() == set()
    assert house.home.complaints() == []
    repairs = house.home.say("repairs/list_issues")["issues"]
    assert {issue["domain"] for issue in repairs} <= {"homeassistant", "http"}, (
        "its own installation, and nothing of us"
    )


def expected(truth: dict[str, Any]) -> dict[str, str]:
    """What Home Assistant should show of the bin's own state."""
    temperature = truth["health"]["temperature_c"]
    return {
        "binary_sensor.e2e_connection": "on",
        "binary_sensor.e2e_problem": "on",  # the fill sensor hears nothing: its pins are mock ones
        "switch.e2e_paused": "on",
        "sensor.e2e_state": "paused",
        "sensor.e2e_last_item": truth["last"]["label"],
        "sensor.e2e_confidence": str(round(100 * truth["last"]["confidence"], 1)),
        "sensor.e2e_items": str(truth["items"]),
        "sensor.e2e_corrections": str(truth["corrections"]),
        "sensor.e2e_events_waiting": str(truth["queued"]),
        "sensor.e2e_processor_temperature": "unknown" if temperature is None else str(temperature),
        "sensor.e2e_fill_of_hazard": "unknown",
        **{f"sensor.e2e_items_in_{name}": str(count) for name, count in truth["by_compartment"].items()},
    }


def test_the_switch_pauses_and_the_states_are_the_bins_own(house: Household) -> None:
    wait_until(lambda: len(house.truth["by_compartment"]) == 4 and house.truth["warnings"], WITHIN_S)
    house.home.call("switch.turn_on", "switch.e2e_paused")
    wait_until(lambda: house.truth["paused"], WITHIN_S)

    def agrees() -> bool:
        shown, wanted = house.home.states(), expected(house.truth)
        return wanted == {entity: shown[entity]["state"] for entity in wanted}

    wait_until(agrees, WITHIN_S)
    shown = house.home.states()
    assert shown["sensor.e2e_items_in_landfill"]["state"] == "0", "nothing fell there yet"
    assert shown["sensor.e2e_items"]["attributes"]["state_class"] == "total_increasing"
    assert shown["sensor.e2e_last_item"]["attributes"].items() >= house.truth["last"].items()
    assert shown["binary_sensor.e2e_problem"]["attributes"]["warnings"] == house.truth["warnings"]
    assert house.home.complaints() == []


def test_buttons_do_what_they_say_and_the_picture_is_the_trays(house: Household) -> None:
    assert "recycling" in house.truth["since_emptied"]
    house.home.call("button.press", "button.e2e_recycling_was_emptied")
    wait_until(lambda: "recycling" not in house.truth["since_emptied"], WITHIN_S)
    assert "organic" in house.truth["since_emptied"], "only the one"

    before = house.bin.movements()["landfill"]
    house.home.call("button.press", "button.e2e_test_the_flap_of_landfill")
    wait_until(lambda: house.bin.movements()["landfill"] == before + 1, WITHIN_S)

    house.home.call("button.press", "button.e2e_show_the_tray")
    wait_until(lambda: house.line.payloads("smartbin/e2e/picture"), WITHIN_S)
    wait_until(lambda: house.shows("image.e2e_tray") != "unknown", WITHIN_S)
    picture = house.home.picture("image.e2e_tray")
    assert picture == house.line.payloads("smartbin/e2e/picture")[-1]
    tray = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert tray is not None and tray.shape == (480, 640, 3)

    items = house.truth["items"]
    house.home.call("switch.turn_off", "switch.e2e_paused")
    wait_until(lambda: house.truth["items"] > items and not house.truth["paused"], WITHIN_S)
    wait_until(lambda: int(house.shows("sensor.e2e_items") or 0) > items, WITHIN_S)
    wait_until(lambda: house.shows("switch.e2e_paused") == "off", WITHIN_S)
    assert house.home.complaints() == []


def test_a_killed_bin_is_unavailable_and_comes_back(house: Household) -> None:
    house.bin.kill()
    connection = {"binary_sensor.e2e_connection"}
    wait_until(lambda: house.unavailable() == house.entities() - connection, WITHIN_S)
    assert house.shows("binary_sensor.e2e_connection") == "off"
    house.bin.start()
    wait_until(lambda: house.unavailable() == set(), WITHIN_S)
    assert house.shows("binary_sensor.e2e_connection") == "on"
    assert house.home.complaints() == []


def test_home_assistant_starts_again_and_knows_all_of_it(house: Household) -> None:
    told = set(house.announced())
    house.home.stop()
    house.home.start()
    wait_until(lambda: house.entities() == told and house.unavailable() == set(), WITHIN_S)
    wait_until(lambda: house.shows("sensor.e2e_state") == "ready", WITHIN_S)
    assert house.home.complaints() == []


def test_a_compartment_that_goes_takes_its_entities_away(house: Household) -> None:
    before = house.entities()
    text = re.sub(r"\[compartments\.textile\][^\[]*\[[^\[]*", "", house.bin.config.read_text())
    assert "textile" not in text
    house.bin.config.write_text(text.replace("['trash']", "['trash', 'clothes', 'shoes']"))
    house.bin.terminate(signal.SIGHUP)  # as `systemctl reload` does
    gone = {entity for entity in before if "textile" in entity}
    assert len(gone) == 3
    wait_until(lambda: house.entities() == before - gone, WITHIN_S)
    wait_until(lambda: house.unavailable() == set(), WITHIN_S)
    kept = house.home.rendered("device_entities(device_id('sensor.e2e_state'))")
    assert set(kept) == before - gone, "its registry keeps no ghost either"
    assert set(house.announced()) == before - gone
    assert house.home.complaints() == []


def test_fill_temperature_and_problem_as_a_pi_tells_them(house: Household) -> None:
    told = Announced("on-a-pi", "smartbin/on-a-pi", "m", ("a", "b"), ("a", "b"), True, True, True)
    state = ready(BinState("on-a-pi", ModelId("m", "1", "0" * 64), VERSION, fill={"a": 0.824, "b": None}))
    well = replace(state, health=Health(temperature_c=61.5))
    ill = with_fault(well, Fault("flap", "check the wires", Problem.FLAP_FAILED))

    def say(topic: str, payload: bytes) -> None:
        login: Any = {"username": "on-a-pi", "password": secret("on-a-pi")}
        publish.single(topic, payload, qos=1, retain=True, port=house.broker.port, auth=login, client_id="on-a-pi")

    def shown() -> tuple[str | None, ...]:
        names = ("sensor.on_a_pi_fill_of_a", "sensor.on_a_pi_fill_of_b", "sensor.on_a_pi_processor_temperature")
        more = ("binary_sensor.on_a_pi_problem", "sensor.on_a_pi_state", "sensor.on_a_pi_last_item")
        return tuple(house.shows(name) for name in (*names, *more))

    say(discovery.topic("on-a-pi"), announcement(told))
    say("smartbin/on-a-pi/status", b"online")
    say("smartbin/on-a-pi/state", state_json(well))
    wait_until(lambda: shown() == ("82", "unknown", "61.5", "off", "ready", "unknown"), WITHIN_S)
    say("smartbin/on-a-pi/state", state_json(ill))
    wait_until(lambda: shown() == ("82", "unknown", "61.5", "on", "fault", "unknown"), WITHIN_S)
    problem = house.home.states()["binary_sensor.on_a_pi_problem"]["attributes"]
    assert [fault["problem"] for fault in problem["faults"]] == ["flap_failed"]
    assert house.home.complaints() == []


def test_a_bin_deleted_in_home_assistant_is_forgotten_by_the_broker_too(house: Household) -> None:
    house.bin.kill()
    wait_until(lambda: house.shows("binary_sensor.e2e_connection") == "off", WITHIN_S)
    topic = discovery.topic("e2e")
    with closing(house.broker.listen(topic, user=HOME)) as line:
        wait_until(lambda: line.payloads(topic), WITHIN_S)
        house.home.say("config/device_registry/remove", device_id=house.home.rendered("device_id('sensor.e2e_state')"))
        wait_until(lambda: house.entities() == set(), WITHIN_S)
        # else it would be there again at the next start
        wait_until(lambda: line.payloads(topic)[-1] == b"", WITHIN_S)
    # it says so of every bin, and of its own doing: each of the entities deletes the message, which is one
    assert {line for line in house.home.complaints() if "No device components to cleanup" not in line} == set()
