"""`smartbin run` beside the Mosquitto of docs/mosquitto: what it obeys, what it shows to others on its computer."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import PROGRAM, wait_until
from dashboard import AGAIN_S
from example_broker import ExampleBroker, Visitor, certificates, secret, visit

from edge.commands import Refusal

BIN = "lobby-1"
LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
    pytest.mark.skipif(not Path("/proc/self/net").is_dir(), reason="needs Linux's /proc"),
]


@dataclass(frozen=True)
class Scene:
    """A bin at work, its folder, and somebody who may command it."""

    bin_: BinProcess
    folder: Path
    operator: Visitor

    @property
    def pid(self) -> int:
        assert self.bin_._process is not None
        return self.bin_._process.pid

    def ask(self, name: str, payload: bytes | None = None, request_id: str = "") -> dict[str, Any]:
        """Send one command, and wait for its answer; where that is "too many", again once there is room."""
        before = len(self.answers(name))
        self.operator.publish(f"smartbin/{BIN}/cmd/{name}", payload if payload is not None else request(request_id))
        wait_until(lambda: len(self.answers(name)) > before)
        answer = self.answers(name)[before]
        if answer["refusal"] != Refusal.TOO_MANY:
            return answer
        time.sleep(AGAIN_S)  # the bin's own pace
        return self.ask(name, payload, request_id)

    def answers(self, name: str) -> list[dict[str, Any]]:
        topic = f"smartbin/{BIN}/reply/{name}"
        return [json.loads(payload) for where, payload in list(self.operator.heard) if where == topic]

    def states(self) -> list[dict[str, Any]]:
        topic = f"smartbin/{BIN}/state"
        return [json.loads(payload) for where, payload in list(self.operator.heard) if where == topic]


def request(request_id: str = "", **more: object) -> bytes:
    return json.dumps({"id": request_id or os.urandom(8).hex(), "time": datetime.now(UTC).isoformat(), **more}).encode()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Scene]:
    with started(tmp_path_factory.mktemp("bin"), tiny_model) as scene:
        yield scene


@contextmanager
def started(folder: Path, model: Path) -> Iterator[Scene]:
    assert PROGRAM is not None
    broker = ExampleBroker(PROGRAM, certificates(folder / "broker", "ca", "server localhost"))
    broker.start()
    password = folder / "password"
    password.write_text(secret(BIN) + "\n")
    password.chmod(0o604)  # as careless as one can be: it must be warned of
    text = config_text(model, coloured_pictures(folder / "pictures", each=1), broker.port, folder, loop=True)
    mqtt = (
        f'[mqtt]\ncommands = true\nusername = "{BIN}"\npassword_file = "{password}"\n'
        f'tls = true\nca_file = "{broker.folder}/ca.crt"'
    )
    text = text.replace("[mqtt]", mqtt).replace('"e2e"', f'"{BIN}"').replace('"127.0.0.1"', '"localhost"')
    bin_ = BinProcess(folder, text)
    with visit(broker.port, "operator", folder=broker.folder) as operator:
        operator.subscribe(f"smartbin/{BIN}/#")
        bin_.start()
        try:
            bin_.wait_for_items(2)
            wait_until(lambda: any(topic.endswith("/event") for topic, _ in operator.heard))
            yield Scene(bin_, folder, operator)
        finally:
            bin_.kill()
            broker.kill()


def test_it_pauses_and_goes_on_when_asked(scene: Scene) -> None:
    assert scene.ask("pause")["ok"]
    wait_until(lambda: scene.states()[-1]["paused"])
    status = scene.ask("status")
    assert status["state"]["paused"]
    assert scene.ask("status")["state"]["items"] - status["state"]["items"] <= 1, "at most the one that was falling"
    assert scene.ask("resume")["ok"]
    items = status["state"]["items"] + 2
    wait_until(lambda: scene.states()[-1]["items"] >= items)


def test_nonsense_is_answered_and_a_repeated_command_is_answered_as_before(scene: Scene) -> None:
    assert scene.ask("pause", b"{")["refusal"] == "invalid"
    assert scene.ask("reboot")["refusal"] == "unknown_command"
    assert scene.ask("status", b" " * 60_000)["refusal"] == "too_large"
    repeated = request("again")
    assert scene.ask("status", repeated) == scene.ask("status", repeated)


def test_it_listens_nowhere(scene: Scene) -> None:
    own = set[str]()
    for link in Path(f"/proc/{scene.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            own.add(str(link.readlink()))
    for protocol, state in LISTENING.items():
        table = Path(f"/proc/{scene.pid}/net/{protocol}")
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            assert not (fields[3] == state and f"socket:[{fields[9]}]" in own), f"it listens: {line}"


def test_the_check_for_listening_sees_a_listener(scene: Scene) -> None:
    """Mosquitto listens on the same machine, so the table has listeners: the test above can fail."""
    lines = Path(f"/proc/{scene.pid}/net/tcp").read_text().splitlines()[1:]
    assert any(line.split()[3] == LISTENING["tcp"] for line in lines)


def outbox_files(scene: Scene) -> list[Path]:
    """But for one that has this name for a moment, until it is whole."""
    return [path for path in scene.folder.glob("outbox.db*") if path.suffix != ".new"]


def test_the_password_is_nowhere_but_in_its_file(scene: Scene) -> None:
    proc = Path(f"/proc/{scene.pid}")
    said = scene.bin_.log.encode() + proc.joinpath("cmdline").read_bytes() + proc.joinpath("environ").read_bytes()
    said += b"".join(payload for _, payload in scene.operator.heard)
    said += b"".join(path.read_bytes() for path in outbox_files(scene))
    assert secret(BIN).encode() not in said


def test_a_password_file_for_everybody_is_warned_of(scene: Scene) -> None:
    assert "every user can read it; chmod 600" in scene.bin_.log


def test_what_it_writes_is_its_own(scene: Scene) -> None:
    files = outbox_files(scene)
    assert files
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {"0o600"}
