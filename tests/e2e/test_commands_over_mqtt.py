"""Commands to a running `smartbin run` over a real Mosquitto, as a dashboard would send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import Mosquitto, wait_until
from dashboard import Dashboard
from site_items import opened

from edge.images import read_image

pytestmark = [pytest.mark.broker, pytest.mark.slow]

COMMANDS = "[mqtt]\ncommands = true\npictures = true\n"
CAPTURE = "[capture]\nmode = 'on'\nrandom_share = 0.0\n"
SENSORS = """
[door]
pin = 25
[compartments.hazard.fill]
trigger_pin = 23
echo_pin = 24
empty_cm = 60
full_cm = 10
"""


SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "mqtt"


def fits(schema: dict[str, Any], payload: bytes) -> bool:
    """Whether a message is as docs/mqtt says; where nothing can judge that, it is."""
    if find_spec("jsonschema_rs") is None:
        return True
    return bool(import_module("jsonschema_rs").Draft202012Validator(schema).is_valid(json.loads(payload)))


@pytest.fixture
def bin_(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> Iterator[BinProcess]:
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    text = config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True).replace("[mqtt]\n", COMMANDS)
    bin_ = BinProcess(tmp_path, text + CAPTURE + SENSORS)
    yield bin_
    bin_.kill()


def taught_item(ask: Dashboard) -> str:
    """Of whatever comes onto the tray next: its id."""
    replies = list[dict[str, Any]]()

    def kept() -> bool:
        replies.append(ask.ask("teach-item", label="cup"))
        assert replies[-1]["ok"] or replies[-1]["refusal"] == "busy", replies[-1]
        return bool(replies[-1]["ok"])

    wait_until(kept, within_s=120)
    return str(replies[-1]["item_id"])


def test_a_dashboard_empties_looks_and_reloads(bin_: BinProcess, mosquitto: Mosquitto) -> None:
    with closing(mosquitto.listen("smartbin/e2e/#")) as listener, closing(Dashboard(mosquitto.port, listener)) as ask:
        bin_.start()

        def states() -> list[dict[str, Any]]:
            return [json.loads(payload) for payload in listener.payloads("smartbin/e2e/state")]

        def state() -> dict[str, Any]:
            return states()[-1] if states() else {}

        def wait_for(condition: Callable[[dict[str, Any]], object]) -> None:
            wait_until(lambda: state() and condition(state()), within_s=120)

        wait_for(lambda now: now["since_emptied"].get("recycling", 0) >= 2 and now["fill"] == {"hazard": None})
        assert [warning["problem"] for warning in state()["warnings"]] == ["fill_unknown"], "mock pins answer nothing"

        assert ask.ask("pause")["ok"]
        before = len(states())
        assert ask.ask("emptied", compartment="recycling")["ok"]
        # not only the newest: an item that was on its way may be counted again by then
        wait_until(lambda: any("recycling" not in told["since_emptied"] for told in states()[before:]))
        assert "organic" in state()["since_emptied"], "only the one that was named"
        assert ask.ask("emptied", compartment="cellar")["refusal"] == "invalid"

        event = json.loads(listener.payloads("smartbin/e2e/event")[-1])
        assert ask.ask("correct", event_id=event["event_id"], label="cup")["ok"]
        wait_until(lambda: listener.payloads("smartbin/e2e/correction"))
        said = json.loads(listener.payloads("smartbin/e2e/correction")[0])
        assert (said["event_id"], said["bin_id"], said["label"]) == (event["event_id"], "e2e", "cup")
        wait_for(lambda now: now["corrections"] == 1)
        store = opened(bin_.config.parent / "captures")
        wait_until(lambda: [(item.item_id, item.label) for item in store.labelled()] == [(event["event_id"], "cup")])
        store.close()

        assert "bytes of JPEG" in ask.ask("snapshot")["message"]
        wait_until(lambda: listener.payloads("smartbin/e2e/picture"))
        (picture,) = listener.payloads("smartbin/e2e/picture")
        tray = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        assert tray is not None
        assert tray.shape == (480, 640, 3)
        store = opened(bin_.config.parent / "captures")
        kept = taught_item(ask)
        item = store.get(kept)
        assert (item.label, item.labelled_by, item.event) == ("cup", "teach-mode", None)
        assert read_image(store.picture(kept)).ndim == 3
        store.close()
        assert ask.ask("resume")["ok"]

        good = bin_.config.read_text()
        bin_.config.write_text(good.replace("pin = 25", "pin = 24"))
        bad = ask.ask("reload")
        assert (bad["refusal"], "pin 24 is used twice" in bad["message"]) == ("failed", True)
        bin_.config.write_text(good.replace("pictures = true", "pictures = false").replace(SENSORS, ""))
        assert ask.ask("reload")["ok"]
        wait_for(lambda now: now["fill"] == {} and not now["warnings"])
        items = state()["items"]
        wait_for(lambda now: now["items"] > items)
        assert ask.ask("snapshot")["refusal"] == "switched_off"
        assert [one.topic for one in listener.heard if b"\xff\xd8\xff" in one.payload] == ["smartbin/e2e/picture"], (
            "what is kept does not leave by itself"
        )
        for name in ("event", "state", "correction"):
            schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
            said_of_it = listener.payloads(f"smartbin/e2e/{name}")
            assert said_of_it and [one for one in said_of_it if not fits(schema, one)] == []
