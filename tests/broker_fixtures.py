"""A real Mosquitto for tests: started on a free port with the configuration that a test wants, killed, restarted."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.adapters.broker_settings import leave

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
WITHIN_S = 60.0
POLL_S = 0.01


def wait_until(condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Return as soon as the condition holds; fail when it does not within the time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {condition}"
        time.sleep(POLL_S)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """One broker on 127.0.0.1:port. `lines`: configuration after the listener, anonymous and open unless given."""

    def __init__(self, program: str, folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        # as root it would otherwise change to a user who may not read the test's files
        own = ["user root"] if os.geteuid() == 0 else []
        keep = ["persistence true", f"persistence_location {folder}/", "log_type all"]
        self._config.write_text("\n".join([*own, *keep, f"listener {self.port} 127.0.0.1", *lines]) + "\n")
        self._command = [program, "-c", str(self._config)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running broker."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """Returns when it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._listens)

    def stop(self) -> None:
        """As `systemctl stop` does: it saves its sessions and retained messages."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9"""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Read password and access files again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def listen(self, topics: str, user: tuple[str, str] | None = None) -> Listener:
        """A subscriber, already subscribed; close() it. user: name and password."""
        return Listener(self.port, topics, user)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WITHIN_S)
            self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"mosquitto ended: {self.log}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. retained: it was there before the subscriber came."""

    topic: str
    payload: bytes
    retained: bool


class Listener:
    """Notes every message. With a session of its own, so that it misses nothing while the broker restarts."""

    def __init__(self, port: int, topics: str, user: tuple[str, str] | None = None) -> None:
        self.heard: list[Heard] = []
        subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"listener-{os.urandom(4).hex()}",
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = lambda client, *_: client.subscribe(topics, qos=1)
        self._client.on_subscribe = lambda *_: subscribed.put(None)
        self._client.on_message = self._note
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        subscribed.get(timeout=WITHIN_S)

    def payloads(self, topic: str) -> list[bytes]:
        """What came on one topic, in order."""
        return [message.payload for message in self.heard if message.topic == topic]

    def close(self) -> None:
        """Leave."""
        leave(self._client)

    def _note(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.heard.append(Heard(message.topic, bytes(message.payload), message.retain))


MakeBroker = Callable[..., Mosquitto]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[MakeBroker]:
    """make_broker(*lines): a started Mosquitto with these configuration lines, stopped when the test ends."""
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed")
    program, brokers = PROGRAM, list[Mosquitto]()

    def make(*lines: str) -> Mosquitto:
        folder = tmp_path / f"mosquitto-{len(brokers)}"
        broker = Mosquitto(program, folder, lines) if lines else Mosquitto(program, folder)
        brokers.append(broker)
        broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.kill()


@pytest.fixture
def mosquitto(make_broker: MakeBroker) -> Mosquitto:
    """A started Mosquitto that takes everybody."""
    return make_broker()
