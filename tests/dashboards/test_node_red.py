"""The Node-RED flow: whole in itself, and, where Node-RED is installed, run by it on a real broker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from broker_fixtures import WITHIN_S, Mosquitto, free_port, wait_until
from paho.mqtt import publish
from sample_event import sample_event

from edge import state as states
from edge.model import Fault, ModelId, Problem
from edge.state import BinState
from edge.wire import event_json, state_json

FILE = Path(__file__).resolve().parents[2] / "docs" / "dashboards" / "node-red-flow.json"
NODES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
NODE_RED = shutil.which("node-red")


def test_every_wire_leads_to_a_node_and_every_subscription_has_a_broker() -> None:
    by_id = {node["id"]: node for node in NODES}
    assert len(by_id) == len(NODES)
    placed = [node for node in NODES if node["type"] not in ("tab", "mqtt-broker")]
    assert {by_id[node["z"]]["type"] for node in placed} == {"tab"}
    wired = [target for node in placed for port in node["wires"] for target in port]
    assert set(wired) <= set(by_id)
    subscribed = [node for node in placed if node["type"] == "mqtt in"]
    assert {by_id[node["broker"]]["type"] for node in subscribed} == {"mqtt-broker"}
    assert {node["topic"] for node in subscribed} == {f"smartbin/+/{name}" for name in ("event", "state", "status")}
    starts = {node["id"] for node in placed if node["type"] in ("mqtt in", "http in", "comment")}
    assert {node["id"] for node in placed} == starts | set(wired), "nothing lies about"


def test_a_function_has_as_many_outputs_as_wires() -> None:
    functions = [node for node in NODES if node["type"] == "function"]
    assert functions
    assert [node["name"] for node in functions if node["outputs"] != len(node["wires"])] == []


class NodeRed:
    """The flow, run against a broker."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.port = free_port()
        nodes = [node | {"port": str(broker_port)} if node["type"] == "mqtt-broker" else node for node in NODES]
        (folder / "flow.json").write_text(json.dumps(nodes))
        settings = {"uiHost": "127.0.0.1", "uiPort": self.port, "telemetry": {"enabled": False}, "httpAdminRoot": False}
        (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
        own = [f"--userDir={folder}", f"--settings={folder}/settings.js", f"{folder}/flow.json"]
        self._log = folder / "node-red.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([str(NODE_RED), *own], stdout=log, stderr=log)

    @property
    def page(self) -> str:
        """What a browser is shown; empty while it starts."""
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/smart-bins", timeout=10) as answer,
        ):
            return str(answer.read().decode())
        return ""

    def shows(self, *cells: str) -> None:
        """Waits for cells of the table, or alerts."""
        wait_until(lambda: set(cells) <= set(re.findall(r"<td>(.*?)</td>", self.page)), WITHIN_S)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(WITHIN_S)


@pytest.fixture
def node_red(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[NodeRed]:
    if NODE_RED is None:
        pytest.skip("node-red is not installed (npm install -g node-red)")
    started = NodeRed(tmp_path, mosquitto.port)
    yield started
    started.stop()


@pytest.mark.slow
@pytest.mark.broker
def test_counts_and_alerts_are_shown(node_red: NodeRed, mosquitto: Mosquitto) -> None:
    def say(name: str, payload: bytes, *, retain: bool = False) -> None:
        publish.single(f"smartbin/lobby-1/{name}", payload, qos=1, retain=retain, port=mosquitto.port)

    sound = states.ready(BinState("lobby-1", ModelId("m", "1", "ab"), "1", fill={"organic": 0.25}))
    say("status", b"online", retain=True)
    say("state", state_json(sound), retain=True)
    node_red.shows("lobby-1", "ready", "organic 0.25")
    events = [event_json(sample_event(event_id=str(number), label="<glass>")) for number in (1, 2, 2)]
    for event in events:
        say("event", event)
    node_red.shows("recycling 2", "&#60;glass&#62; -&#62; recycling (sorted)")
    jammed = states.with_fault(sound, Fault("jam", "clear the tray", Problem.JAM))
    for _ in range(2):
        say("state", state_json(jammed), retain=True)
    node_red.shows("fault", "jam")
    say("status", b"offline", retain=True)
    node_red.shows("offline", "recycling 2")
    alerts = re.findall(r"<li>\S+ (.*?)</li>", node_red.page)
    assert alerts == ["lobby-1: offline", "lobby-1: jam: clear the tray"], "newest first, each once"
