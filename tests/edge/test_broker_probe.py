from __future__ import annotations

import getpass
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.adapters.broker_probe import probe
from edge.adapters.broker_settings import BrokerSettings
from edge.adapters.local_broker import find_mosquitto
from edge.errors import PublishError

Start = Callable[[str], int]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Mosquitto with the given lines of configuration; its port."""
    program = find_mosquitto()
    if program is None:
        pytest.skip("no mosquitto here")
    started = []

    def begin(lines: str) -> int:
        port = free_port()
        config = tmp_path / f"{port}.conf"
        config.write_text(f"listener {port} 127.0.0.1\npersistence false\nuser {getpass.getuser()}\n{lines}\n")
        started.append(
            subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    yield begin
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.mark.broker
def test_a_broker_that_takes_everything(start: Start) -> None:
    port = start("allow_anonymous true")
    answer = probe(BrokerSettings("lobby-1", "127.0.0.1", port))
    assert (answer.protocol, answer.may_publish, answer.reason) == ("MQTT 5", True, None)
    assert answer.topic == "smartbin/lobby-1/doctor"
    assert answer.broker == f"127.0.0.1:{port}"


@pytest.mark.broker
def test_a_broker_whose_rules_forbid_the_topic(start: Start, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite smartbin/lobby-1/#\n")
    rules.chmod(0o644)
    port = start(f"allow_anonymous true\nacl_file {rules}")
    assert probe(BrokerSettings("lobby-1", "127.0.0.1", port)).may_publish is True
    refused = probe(BrokerSettings("lobby-2", "127.0.0.1", port))
    assert (refused.may_publish, refused.reason) == (False, "not authorized")


@pytest.mark.broker
def test_a_broker_that_refuses_the_password(start: Start, tmp_path: Path) -> None:
    users, secret = tmp_path / "users", tmp_path / "secret"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "bin", "right"], check=True, capture_output=True)
    users.chmod(0o644)
    port = start(f"allow_anonymous false\npassword_file {users}")
    settings = BrokerSettings("lobby-1", "127.0.0.1", port, username="bin", password_file=secret)
    secret.write_text("right\n")
    assert probe(settings).may_publish is True
    secret.write_text("wrong\n")
    with pytest.raises(PublishError, match=r"check mqtt\.username and the password"):
        probe(settings)
    with pytest.raises(PublishError, match=r"broker 127\.0\.0\.1"):
        probe(BrokerSettings("lobby-1", "127.0.0.1", port))


def test_no_broker_at_all() -> None:
    with pytest.raises(PublishError, match=r"nothing listens there; check mqtt\.port"):
        probe(BrokerSettings("lobby-1", "127.0.0.1", free_port()))


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(PublishError, match=r"check mqtt\.host"):
        probe(BrokerSettings("lobby-1", "broker.invalid"))


def test_a_certificate_file_that_is_missing(tmp_path: Path) -> None:
    settings = BrokerSettings("lobby-1", "127.0.0.1", tls=True, ca_file=tmp_path / "ca.pem")
    with pytest.raises(PublishError, match=r"mqtt\.ca_file"):
        probe(settings)


class OldBroker:
    """Speaks MQTT 3.1.1 only, or hangs up, or says nothing."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(20)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with line:
                line.settimeout(20)
                self._talk(line)

    def _talk(self, line: socket.socket) -> None:
        connect = line.recv(1000)
        if self._behaviour == "silent":
            line.recv(1000)  # until the other side gives up
        if self._behaviour in ("silent", "hangs up"):
            return
        version = connect[8]
        line.sendall(bytes([0x20, 2, 0, 0 if version == 4 else 1]))
        if version == 4:
            publish = line.recv(1000)
            topic_length = publish[3]
            line.sendall(bytes([0x40, 2]) + publish[4 + topic_length : 6 + topic_length])
            line.recv(1000)


def test_a_broker_that_only_speaks_3_1_1_cannot_say_whether_we_may() -> None:
    with closing(OldBroker("old")) as broker:
        answer = probe(BrokerSettings("lobby-1", "127.0.0.1", broker.port))
    assert (answer.protocol, answer.may_publish) == ("MQTT 3.1.1", None)


@pytest.mark.parametrize("behaviour", ["silent", "hangs up"])
def test_something_that_is_no_broker(behaviour: str) -> None:
    with closing(OldBroker(behaviour)) as broker, pytest.raises(PublishError, match="check that this is its MQTT port"):
        probe(BrokerSettings("lobby-1", "127.0.0.1", broker.port), timeout_s=0.5)
