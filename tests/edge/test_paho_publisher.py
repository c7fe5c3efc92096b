"""The publisher against a real Mosquitto: what is delivered, what comes back, what is said when it does not work."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from broker_fixtures import Heard, MakeBroker, Mosquitto, free_port, wait_until
from brokerline import BrokerLine
from paho.mqtt import publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from sample_event import sample_event

from edge import discovery
from edge.adapters import paho_publisher
from edge.adapters.broker_settings import leave
from edge.adapters.paho_publisher import BrokerSettings, PahoPublisher
from edge.adapters.sqlite_outbox import SqliteOutbox
from edge.delivery import Delivery
from edge.errors import PublishError
from edge.ports import Publisher, Received
from edge.wire import parse_event

BACKOFF_S = (0.05, 0.2)
TESTS = Path(__file__).resolve().parent.parent
MakePublisher = Callable[..., PahoPublisher]

broker = pytest.mark.broker


def settings(port: int, **changes: object) -> BrokerSettings:
    return replace(BrokerSettings("lobby-1", host="127.0.0.1", port=port), **changes)  # type: ignore[arg-type]  # as given


@pytest.fixture
def make_publisher() -> Iterator[MakePublisher]:
    """make_publisher(port, **settings): closed when the test ends."""
    made: list[PahoPublisher] = []

    def make(port: int, **changes: object) -> PahoPublisher:
        made.append(PahoPublisher(settings(port, **changes), backoff_s=BACKOFF_S))
        return made[-1]

    yield make
    for publisher in made:
        publisher.close()


def connected(publisher: PahoPublisher) -> PahoPublisher:
    wait_until(lambda: publisher.connected)
    return publisher


def says(publisher: PahoPublisher, *words: str) -> str:
    """Wait until its trouble has all these words in it."""
    wait_until(lambda: all(word in (publisher.trouble or "") for word in words))
    return publisher.trouble or ""


def publish_all(publisher: Publisher, payloads: list[bytes]) -> None:
    """Publish on `event` and wait until each is acknowledged, exactly once, and none refused."""
    todo, waiting = list(payloads), set[int]()

    def step() -> bool:
        while todo:
            token = publisher.publish("event", todo[0])
            if token is None:
                break
            assert token not in waiting
            waiting.add(token)
            todo.pop(0)
        for token in publisher.acknowledged():
            waiting.remove(token)
        assert not publisher.refused()
        return not todo and not waiting

    wait_until(step)


# What it is for


@broker
def test_messages_arrive_and_are_acknowledged(mosquitto: Mosquitto, make_publisher: MakePublisher) -> None:
    with closing(mosquitto.listen("smartbin/#")) as listener:
        publisher = connected(make_publisher(mosquitto.port))
        payloads = [f"event {n}".encode() for n in range(500)]
        publish_all(publisher, payloads)
        wait_until(lambda: len(listener.payloads("smartbin/lobby-1/event")) >= 500)
        assert listener.payloads("smartbin/lobby-1/event") == payloads
        assert listener.payloads("smartbin/lobby-1/status") == [b"online"]
    assert (publisher.trouble, publisher.connects) == (None, 1)
    assert "smartbin-lobby-1 (p5, c0, k30)" in mosquitto.log, "MQTT 5, and a session that the broker keeps"


@broker
def test_state_and_status_are_retained_and_a_clean_close_says_offline(
    mosquitto: Mosquitto, make_publisher: MakePublisher
) -> None:
    publisher = connected(make_publisher(mosquitto.port))
    publisher.publish("state", b"{}", retain=True)
    publisher.publish("event", b"{}")
    wait_until(lambda: len(publisher.acknowledged()) == 2 or not publisher._waiting)
    with closing(mosquitto.listen("smartbin/#")) as listener:
        wait_until(lambda: len(listener.heard) == 2)
        assert Heard("smartbin/lobby-1/status", b"online", True) in listener.heard
        assert Heard("smartbin/lobby-1/state", b"{}", True) in listener.heard
        publisher.close()
        publisher.close()
        wait_until(lambda: len(listener.heard) == 3)
        assert listener.heard[2] == Heard("smartbin/lobby-1/status", b"offline", False)
    assert "Will message specified" in mosquitto.log
    wait_until(lambda: "Client smartbin-lobby-1 disconnected." in mosquitto.log)
    assert not publisher.connected
    assert publisher.publish("event", b"") is None
    with closing(mosquitto.listen("smartbin/lobby-1/status")) as later:
        wait_until(lambda: later.heard)
        assert later.heard == [Heard("smartbin/lobby-1/status", b"offline", True)]


@broker
def test_the_broker_says_offline_for_a_bin_that_was_killed(mosquitto: Mosquitto) -> None:
    command = [sys.executable, str(TESTS / "edge" / "publisher_child.py"), str(mosquitto.port)]
    environ = os.environ | {"PYTHONPATH": str(TESTS.parent)}
    with (
        closing(mosquitto.listen("smartbin/lobby-1/status")) as listener,
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as child,
    ):
        assert child.stdout is not None
        assert child.stdout.readline() == b"connected\n"
        wait_until(lambda: [heard.payload for heard in listener.heard] == [b"online"])
        child.send_signal(signal.SIGKILL)
        wait_until(lambda: [heard.payload for heard in listener.heard] == [b"online", b"offline"])


# Lines that break


@broker
def test_a_broker_that_is_killed_gives_back_what_it_did_not_acknowledge(
    mosquitto: Mosquitto, make_publisher: MakePublisher
) -> None:
    publisher = connected(make_publisher(mosquitto.port))
    os.kill(mosquitto.pid, signal.SIGSTOP)  # it takes bytes but answers nothing
    tokens = [publisher.publish("event", b"x") for _ in range(5)]
    assert None not in tokens
    mosquitto.kill()
    says(publisher, "nothing listens there")
    assert not publisher.connected
    assert publisher.publish("event", b"x") is None
    assert sorted(publisher.refused()) == tokens
    assert (list(publisher.refused()), list(publisher.acknowledged())) == ([], [])
    mosquitto.start()
    connected(publisher)
    assert (publisher.connects, publisher.trouble) == (2, None)
    publish_all(publisher, [b"y"])


@broker
def test_no_more_than_the_window_waits_for_a_broker_that_does_not_answer(
    mosquitto: Mosquitto, make_publisher: MakePublisher
) -> None:
    publisher = connected(make_publisher(mosquitto.port))
    os.kill(mosquitto.pid, signal.SIGSTOP)
    taken = [publisher.publish("event", b"x" * 1000) for _ in range(1000)]
    assert sum(token is not None for token in taken) == 19, "this broker takes 20 at a time, and `online` may be one"
    os.kill(mosquitto.pid, signal.SIGCONT)
    done: list[int] = []

    def step() -> int:
        done.extend(publisher.acknowledged())
        return len(done) == 19

    wait_until(step)
    assert publisher.publish("event", b"x") is not None


class Proxy(BrokerLine):
    """Between bin and broker. cut_after: bytes from the bin after which each of the next lines is cut."""

    def __init__(self, target: int, cut_after: list[int] | None = None, refuse_v5: bytes | None = None) -> None:
        self._cut_after = cut_after or []
        self._refuse_v5 = refuse_v5
        super().__init__(target)

    def admits(self, near: socket.socket) -> bool:
        if self._refuse_v5 is None or near.recv(16, socket.MSG_PEEK)[8] != 5:
            return True
        near.recv(1024)
        near.sendall(self._refuse_v5)
        near.close()
        return False

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        limit = self._cut_after.pop(0) if self._cut_after else sys.maxsize
        threading.Thread(target=self._pump, args=(near, far, limit), daemon=True).start()
        threading.Thread(target=self._pump, args=(far, near, sys.maxsize), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int) -> None:
        with suppress(OSError):
            while limit > 0 and (data := source.recv(min(4096, limit))):
                sink.sendall(data)
                limit -= len(data)
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@broker
def test_a_line_cut_in_the_middle_of_messages_loses_none(
    mosquitto: Mosquitto, make_publisher: MakePublisher, tmp_path: Path
) -> None:
    """Outbox, delivery and publisher together; the first lines end somewhere within CONNECT or an event."""
    cuts = [10, 60, 200, 333, 1000, 1777, 3001, 5000, 9999, 15000]
    outbox = SqliteOutbox(tmp_path / "outbox.db", 10_000_000)
    for number in range(60):
        outbox.finish(outbox.begin(sample_event(event_id=f"e{number}")))
    with (
        closing(outbox),
        closing(Proxy(mosquitto.port, cuts)) as proxy,
        closing(mosquitto.listen("smartbin/lobby-1/event")) as listener,
    ):
        publisher = make_publisher(proxy.port)
        delivery = Delivery(outbox, publisher)
        now_s = iter(range(10**9))

        def step() -> bool:
            delivery.tick(next(now_s))
            return delivery.drained

        wait_until(step, within_s=60)
        assert outbox.stats().queued == 0
        assert proxy.lines > len(cuts)
        heard = listener.payloads("smartbin/lobby-1/event")
        wait_until(lambda: len({parse_event(p).seq for p in listener.payloads("smartbin/lobby-1/event")}) == 60)
        assert {parse_event(payload).event_id for payload in heard} <= {f"e{number}" for number in range(60)}


# Brokers that do not want us


def password_file(folder: Path, password: str, mode: int = 0o600) -> Path:
    path = folder / "password"
    path.write_text(password + "\n")
    path.chmod(mode)
    return path


def broker_passwords(folder: Path, password: str) -> str:
    path = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", path, "bin", password], check=True, capture_output=True)
    return f"password_file {path}"


@broker
def test_a_wrong_password_is_said_but_not_shown_and_heals_when_the_file_is_corrected(
    make_broker: MakeBroker, make_publisher: MakePublisher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto = make_broker("allow_anonymous false", broker_passwords(tmp_path, "right"))
    secret = password_file(tmp_path, "sEcReT-wrong")
    publisher = make_publisher(mosquitto.port, username="bin", password_file=secret)
    says(publisher, f"127.0.0.1:{mosquitto.port}", "mqtt.username", "mqtt.password_file")
    assert not publisher.connected
    password_file(tmp_path, "right")
    connected(publisher)
    assert publisher.trouble is None
    publish_all(publisher, [b"x"])
    assert "sEcReT" not in caplog.text
    assert "right" not in caplog.text


@broker
def test_without_a_password_where_one_is_needed(make_broker: MakeBroker, make_publisher: MakePublisher) -> None:
    says(make_publisher(make_broker("allow_anonymous false").port), "check mqtt.username")


@broker
def test_denied_messages_come_back_and_heal_when_the_rules_are_corrected(
    make_broker: MakeBroker, make_publisher: MakePublisher, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite smartbin/lobby-1/status\ntopic readwrite smartbin/lobby-1/state\n")
    mosquitto = make_broker("allow_anonymous true", f"acl_file {rules}")
    publisher = connected(make_publisher(mosquitto.port))
    state, event = publisher.publish("state", b"{}", retain=True), publisher.publish("event", b"{}")
    acknowledged: list[int] = []
    refused: list[int] = []

    def step() -> int:
        acknowledged.extend(publisher.acknowledged())
        refused.extend(publisher.refused())
        return len(acknowledged) + len(refused) == 2

    wait_until(step)
    assert (acknowledged, refused) == ([state], [event])
    assert publisher.connected
    trouble = says(publisher, "refuses messages on event", "not authorized", "access rules")
    assert "state" not in trouble
    rules.write_text("topic readwrite smartbin/#\n")
    mosquitto.reload()
    wait_until(lambda: "Reloading config" in mosquitto.log)
    publish_all(publisher, [b"{}"])
    assert publisher.trouble is None


@broker
def test_denied_replies_are_told_once_whatever_senders_make_of_their_topics(
    make_broker: MakeBroker, make_publisher: MakePublisher, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite smartbin/lobby-1/status\n")
    mosquitto = make_broker("allow_anonymous true", f"acl_file {rules}")
    publisher = connected(make_publisher(mosquitto.port))
    assert all(publisher.reply(f"n{n}", b"{}") for n in range(5))
    refused: list[int] = []

    def all_refused() -> bool:
        refused.extend(publisher.refused())
        return len(refused) == 5

    wait_until(all_refused)
    assert "refuses messages on reply (not authorized)" in says(publisher, "reply")


@broker
def test_two_bins_with_one_id_are_told(mosquitto: Mosquitto, make_publisher: MakePublisher) -> None:
    first = connected(make_publisher(mosquitto.port))
    make_publisher(mosquitto.port)
    says(first, "bin.id")


def test_a_broker_that_says_why_it_ends_the_connection_is_quoted(make_publisher: MakePublisher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        publisher = make_publisher(server.getsockname()[1])
        line, _ = server.accept()
        with line:
            line.recv(1024)
            line.sendall(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00")  # welcome; another one came with your id
            says(publisher, "another client took this one's place", "its own bin.id")


def test_a_message_that_would_fill_the_memory_is_not_taken_in(make_publisher: MakePublisher) -> None:
    announced, topic = 200_000_000, discovery.topic("lobby-1").encode()
    sent = 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        publisher = make_publisher(server.getsockname()[1])
        line, _ = server.accept()
        with line, suppress(OSError):
            line.recv(1024)
            line.sendall(b"\x20\x03\x00\x00\x00" + b"\x31\x80\x84\xaf\x5f" + len(topic).to_bytes(2, "big") + topic)
            while sent < announced:
                sent += line.send(b"x" * 1_000_000)
        says(publisher, "sends far more", "retained")
    assert sent < announced / 4


@broker
@pytest.mark.parametrize(
    "refusal",
    [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00", b""],
    ids=["as 3.1.1 says it", "as MQTT 5 says it", "without a word"],
)
def test_a_broker_that_speaks_3_1_1_only(mosquitto: Mosquitto, make_publisher: MakePublisher, refusal: bytes) -> None:
    with (
        closing(Proxy(mosquitto.port, refuse_v5=refusal)) as proxy,
        closing(mosquitto.listen("smartbin/#")) as listener,
    ):
        publisher = connected(make_publisher(proxy.port))
        publish_all(publisher, [b"x", b"y"])
        wait_until(lambda: listener.payloads("smartbin/lobby-1/event") == [b"x", b"y"])
        assert listener.payloads("smartbin/lobby-1/status") == [b"online"]
        publisher.close()
        wait_until(lambda: listener.payloads("smartbin/lobby-1/status") == [b"online", b"offline"])
    assert "smartbin-lobby-1 (p2, c0, k30)" in mosquitto.log
    assert publisher.trouble is None


@broker
@pytest.mark.parametrize(("announcement", "takes"), [(b"", 4), (b"{}", 3)])
def test_a_broker_that_takes_few_at_a_time_gets_no_more(
    make_broker: MakeBroker, make_publisher: MakePublisher, announcement: bytes, takes: int
) -> None:
    mosquitto = make_broker("allow_anonymous true", "max_inflight_messages 5")
    publisher = connected(make_publisher(mosquitto.port, announcement=announcement))
    os.kill(mosquitto.pid, signal.SIGSTOP)
    taken = [publisher.publish("event", b"x") for _ in range(10)]
    os.kill(mosquitto.pid, signal.SIGCONT)
    assert sum(token is not None for token in taken) == takes, "the others may be `online` and the announcement"


# TLS

# paho forgets to close the socket of a failed handshake; the garbage collector does it, but complains
failing_tls = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem signs server.pem (localhost) and client.pem; other.pem is another authority. Each with its .key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "cnf").write_text(
        "[req]\ndistinguished_name=dn\n[dn]\n"
        "[ca]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
        "[leaf]\nbasicConstraints=CA:false\nsubjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\n"
    )
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name, kind in [("ca", "ca"), ("other", "ca"), ("server", "leaf"), ("client", "leaf")]:
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key"] if kind == "leaf" else []
        files = ["-config", "cnf", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        command = [openssl, "req", "-x509", *new_key, "-subj", f"/CN=test {name}", "-extensions", kind, "-days", "2"]
        subprocess.run([*command, *signed, *files], cwd=folder, check=True, capture_output=True)
    return folder


def tls_lines(certificates: Path) -> list[str]:
    files = {"cafile": "ca.pem", "certfile": "server.pem", "keyfile": "server.key"}
    return ["allow_anonymous true", *(f"{key} {certificates / name}" for key, name in files.items())]


@broker
def test_tls_with_an_authority_of_ones_own(
    make_broker: MakeBroker, make_publisher: MakePublisher, certificates: Path
) -> None:
    mosquitto = make_broker(*tls_lines(certificates))
    publisher = make_publisher(mosquitto.port, host="localhost", tls=True, ca_file=certificates / "ca.pem")
    publish_all(connected(publisher), [b"x" * 1000 for _ in range(100)])
    assert publisher.trouble is None


@broker
@failing_tls
def test_an_unknown_authority_is_said_and_heals_when_the_file_is_corrected(
    make_broker: MakeBroker, make_publisher: MakePublisher, certificates: Path, tmp_path: Path
) -> None:
    mosquitto = make_broker(*tls_lines(certificates))
    ca_file = tmp_path / "ca.pem"
    shutil.copy(certificates / "other.pem", ca_file)
    publisher = make_publisher(mosquitto.port, host="localhost", tls=True, ca_file=ca_file)
    says(publisher, "certificate is not trusted", "mqtt.ca_file")
    shutil.copy(certificates / "ca.pem", ca_file)
    connected(publisher)


@broker
@failing_tls
def test_a_certificate_of_another_host_is_said(
    make_broker: MakeBroker, make_publisher: MakePublisher, certificates: Path
) -> None:
    mosquitto = make_broker(*tls_lines(certificates))
    publisher = make_publisher(mosquitto.port, tls=True, ca_file=certificates / "ca.pem")
    says(publisher, "not valid for '127.0.0.1'", "mqtt.host")


@broker
@failing_tls
def test_a_client_certificate_where_the_broker_demands_one(
    make_broker: MakeBroker, make_publisher: MakePublisher, certificates: Path
) -> None:
    mosquitto = make_broker(*tls_lines(certificates), "require_certificate true")
    tls = {"host": "localhost", "tls": True, "ca_file": certificates / "ca.pem"}
    says(make_publisher(mosquitto.port, **tls), "mqtt.cert_file")
    files = {"cert_file": certificates / "client.pem", "key_file": certificates / "client.key"}
    connected(make_publisher(mosquitto.port, **tls, **files))


@broker
@failing_tls
def test_tls_on_one_side_only_is_said(
    make_broker: MakeBroker, make_publisher: MakePublisher, certificates: Path
) -> None:
    says(make_publisher(make_broker(*tls_lines(certificates)).port), "mqtt.tls = true")
    plain = make_broker()
    says(make_publisher(plain.port, tls=True, ca_file=certificates / "ca.pem"), "is its TLS port")


# No broker there, or files that cannot be used


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example"])
def test_a_host_that_does_not_exist_is_said(make_publisher: MakePublisher, host: str) -> None:
    says(make_publisher(1883, host=host), "check mqtt.host")


def test_a_port_where_nobody_listens_is_said(make_publisher: MakePublisher) -> None:
    says(make_publisher(free_port()), "nothing listens there", "check mqtt.port")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x00", b"\x20\x03\x00\x00\xff", b"\xff" * 9]
)
def test_something_else_that_listens_there_is_said(make_publisher: MakePublisher, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        publisher = make_publisher(server.getsockname()[1])
        for _ in range(4):
            line, _ = server.accept()
            with line:
                line.recv(1024)
                line.sendall(answer)
        says(publisher, "check that")
        assert not publisher.connected


def test_a_name_lookup_that_hangs_is_waited_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow_lookup(*_: object, **__: object) -> None:
        asked.set()
        answer.wait()
        raise socket.gaierror("gave up")

    monkeypatch.setattr(socket, "getaddrinfo", slow_lookup)
    publisher = PahoPublisher(settings(1883, host="far-away.example"))
    assert asked.wait(10)
    assert publisher.publish("event", b"x") is None
    assert (list(publisher.acknowledged()), list(publisher.refused())) == ([], [])
    assert "far-away.example" in (publisher.trouble or "")
    publisher.close()
    assert not answer.is_set()
    answer.set()
    wait_until(lambda: not publisher._thread.is_alive())


@broker
def test_one_that_hung_and_was_left_behind_does_not_disturb_the_one_in_its_place(
    mosquitto: Mosquitto, make_publisher: MakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer, lookup = threading.Event(), threading.Event(), socket.getaddrinfo

    def slow_lookup(host: str, *more: int) -> object:
        if host != "far-away.example":
            return lookup(host, *more)
        asked.set()
        assert answer.wait(20)
        return lookup("127.0.0.1", *more)

    monkeypatch.setattr(socket, "getaddrinfo", slow_lookup)
    left = make_publisher(mosquitto.port, host="far-away.example")
    assert asked.wait(10)
    left.close()
    with closing(mosquitto.listen("smartbin/lobby-1/status")) as listener:
        publisher = connected(make_publisher(mosquitto.port))
        answer.set()
        wait_until(lambda: not left._thread.is_alive())
        publish_all(publisher, [b"{}"] * 20)
        assert (publisher.trouble, publisher.connects) == (None, 1)
        assert listener.payloads("smartbin/lobby-1/status") == [b"online"]


@pytest.mark.parametrize(
    ("changes", "says_what"),
    [
        ({"username": "bin", "password_file": "none"}, "mqtt.password_file .*none.*No such file"),
        ({"username": "bin", "password_file": "empty"}, "mqtt.password_file .*empty"),
        ({"username": "bin", "password_file": "binary"}, "mqtt.password_file .*binary"),
        ({"username": "bin", "password_file": "long"}, "mqtt.password_file .*long"),
        ({"tls": True, "ca_file": "none"}, "mqtt.ca_file .*none.*No such file"),
        ({"tls": True, "ca_file": "empty"}, "mqtt.ca_file .*empty.*PEM"),
        ({"tls": True, "cert_file": "none", "key_file": "none"}, "mqtt.cert_file .*No such file"),
        ({"tls": True, "cert_file": "binary", "key_file": "binary"}, "mqtt.cert_file and mqtt.key_file .*PEM"),
    ],
)
def test_files_that_cannot_be_used_are_told_at_once(tmp_path: Path, changes: dict[str, object], says_what: str) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x80")
    (tmp_path / "long").write_text("x" * 70_000)
    paths = {
        key: tmp_path / value if isinstance(value, str) and "file" in key else value for key, value in changes.items()
    }
    with pytest.raises(PublishError, match=says_what):
        PahoPublisher(settings(1883, **paths))


def test_a_password_that_everybody_can_read_is_warned_of(
    make_publisher: MakePublisher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_publisher(free_port(), username="bin", password_file=password_file(tmp_path, "x", 0o640))
    assert "chmod" not in caplog.text
    make_publisher(free_port(), username="bin", password_file=password_file(tmp_path, "x", 0o644))
    assert "chmod 600" in caplog.text


def test_a_broker_that_stays_away_is_said_once_in_the_log(
    make_publisher: MakePublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as server:
        make_publisher(server.getsockname()[1])
        for _ in range(8):
            server.accept()[0].close()
    assert caplog.text.count("check that this is its MQTT port") == 1


# Commands


def taken(publisher: PahoPublisher, count: int) -> list[Received]:
    """The next so many commands."""
    found: list[Received] = []

    def enough() -> bool:
        if (received := publisher.take()) is not None:
            found.append(received)
        return len(found) >= count

    wait_until(enough)
    return found


def send(port: int, *messages: tuple[str, bytes, bool]) -> None:
    """To the bin's commands: name, payload, retained. Returns when the broker has them."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for name, payload, retain in messages:
        client.publish(f"smartbin/lobby-1/cmd/{name}", payload, 1, retain).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


@broker
@pytest.mark.parametrize("version", paho_publisher.VERSIONS)
def test_commands_come_in_order_and_say_whether_they_were_retained(
    mosquitto: Mosquitto, make_publisher: MakePublisher, monkeypatch: pytest.MonkeyPatch, version: MQTTProtocolVersion
) -> None:
    monkeypatch.setattr(paho_publisher, "VERSIONS", (version,))
    send(mosquitto.port, ("kept", b"old", True))
    publisher = connected(make_publisher(mosquitto.port, commands=True))
    assert taken(publisher, 1) == [Received("kept", b"old", True)]
    send(mosquitto.port, ("pause", b"1", False), ("status", b"2", False), ("resume", b"x" * 60_000, False))
    assert taken(publisher, 3) == [
        Received("pause", b"1"),
        Received("status", b"2"),
        Received("resume", b"x" * paho_publisher.KEPT),
    ]
    with closing(mosquitto.listen("smartbin/lobby-1/reply/+")) as listener:
        assert publisher.reply("pause", b"{}")
        wait_until(lambda: listener.payloads("smartbin/lobby-1/reply/pause") == [b"{}"])


@broker
def test_a_flood_of_commands_takes_no_more_than_a_little_memory(
    mosquitto: Mosquitto, make_publisher: MakePublisher
) -> None:
    publisher = connected(make_publisher(mosquitto.port, commands=True))
    send(mosquitto.port, *[(f"n{n}", b"x" * 20_000, False) for n in range(60)])
    publish_all(publisher, [b"still here"])
    found = taken(publisher, paho_publisher.INBOX)
    assert [received.name for received in found] == [f"n{n}" for n in range(paho_publisher.INBOX)]
    send(mosquitto.port, ("after", b"", False))
    last = taken(publisher, 1)
    while last[-1].name != "after":  # some of the flood came while there was room again
        last += taken(publisher, 1)


@broker
def test_a_forged_announcement_that_a_broker_keeps_does_not_cut_the_bin_off(
    mosquitto: Mosquitto, make_publisher: MakePublisher
) -> None:
    publish.single(discovery.topic("lobby-1"), b"[" * 30_000, 1, retain=True, port=mosquitto.port)
    publisher = connected(make_publisher(mosquitto.port, announcement=b'{"cmps":{}}'))
    wait_until(lambda: "Sending PUBLISH to smartbin-lobby-1" in mosquitto.log)
    publish_all(publisher, [b"{}"] * 50)
    assert (publisher.trouble, publisher.connects) == (None, 1)


@broker
def test_a_home_assistant_that_never_stops_saying_that_it_is_there_fills_no_memory(
    mosquitto: Mosquitto, make_publisher: MakePublisher
) -> None:
    publisher = connected(make_publisher(mosquitto.port, announcement=b'{"cmps":{"a":"%s"}}' % (b"x" * 10_000)))
    live = publisher._live
    assert live is not None
    queued = []
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    for _ in range(3000):
        client.publish(discovery.ONLINE_TOPIC, b"online")
        queued.append(len(live[1]._out_messages))
    client.publish("done", b"", 1).wait_for_publish(20)
    queued.append(len(live[1]._out_messages))
    leave(client)
    publish_all(publisher, [b"{}"] * 50)
    assert max(queued) < paho_publisher.IN_FLIGHT
    assert publisher.connects == 1


@broker
def test_commands_are_not_listened_to_unless_wanted(mosquitto: Mosquitto, make_publisher: MakePublisher) -> None:
    publisher = connected(make_publisher(mosquitto.port))
    send(mosquitto.port, ("pause", b"", False))
    publish_all(publisher, [b"after"])
    assert publisher.take() is None
    assert "Received SUBSCRIBE from smartbin-lobby-1" not in mosquitto.log
    assert make_publisher(free_port()).reply("pause", b"{}") is False
