"""A bin that runs is taught by a command over a real Mosquitto: the lesson, the head that answers, and back."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bin_process import BinProcess, config_text
from broker_fixtures import Mosquitto, wait_until
from dashboard import Dashboard
from PIL import Image
from teachable import SKY, keep, picture, write_teachable_model
from tinymodel import COLOURS

ON_THE_TRAY = (58, 134, 200)  # what the bin sees of a thing of the sky's colour, with a little of the tray

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_running_bin_is_taught_and_goes_back(tmp_path: Path, mosquitto: Mosquitto) -> None:
    model = write_teachable_model(tmp_path / "model")
    (tmp_path / "pictures" / "plastic").mkdir(parents=True)
    Image.fromarray(picture(SKY, 999)).resize((160, 120)).save(tmp_path / "pictures" / "plastic" / "0.png")
    text = config_text(model, tmp_path / "pictures", mosquitto.port, tmp_path, loop=True)
    text = text.replace("[mqtt]\n", "[mqtt]\ncommands = true\n")
    keep(tmp_path / "captures", "plastic", ON_THE_TRAY, range(12))
    keep(tmp_path / "captures", "glass", COLOURS["glass"], range(200, 206))
    bin_ = BinProcess(tmp_path, text)
    with closing(mosquitto.listen("smartbin/e2e/#")) as listener, closing(Dashboard(mosquitto.port, listener)) as ask:

        def told(topic: str) -> dict[str, Any]:
            messages = listener.payloads(f"smartbin/e2e/{topic}")
            return json.loads(messages[-1]) if messages else {}

        def answers(label: str, version: str) -> bool:
            event = told("event")
            return bool(event) and (event["label"], event["model"]["version"]) == (label, version)

        bin_.start()
        try:
            wait_until(lambda: answers("metal", "1.0.0"), within_s=60)
            assert told("state")["teaching"] == {"running": False, "head": None, "message": None}
            assert ask.ask("teach")["ok"]
            assert told("state")["teaching"]["running"]
            again = ask.ask("teach")
            assert (again["ok"], "under way" in again["message"]) == (False, True)
            wait_until(lambda: answers("plastic", "1.0.0+head.0001"), within_s=120)
            # the process of the lesson may end a moment after its head answers
            wait_until(lambda: not told("state")["teaching"]["running"], within_s=60)
            assert told("state")["teaching"]["head"] == "0001"
            assert "head 0001 answers" in told("state")["teaching"]["message"], (
                "also by parts that were put together anew"
            )

            assert "no head '0007'" in ask.ask("use-model", model="0007")["message"]
            assert ask.ask("use-model", model="base")["ok"]
            wait_until(lambda: answers("metal", "1.0.0"), within_s=60)
            events = [json.loads(payload) for payload in listener.payloads("smartbin/e2e/event")]
            numbers = sorted({event["seq"] for event in events})
            assert numbers == list(range(1, len(numbers) + 1)), "nothing was lost by any of the changes"
        finally:
            bin_.kill()
