"""Mosquitto as docs/mosquitto sets it up: who gets in, and what each may do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from broker_fixtures import PROGRAM, wait_until
from example_broker import ExampleBroker, Visitor, certificates, secret, visit
from paho.mqtt.enums import MQTTProtocolVersion

from edge.adapters.paho_publisher import BrokerSettings, PahoPublisher

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
]

# paho forgets to close the socket of a failed handshake; the garbage collector does it, but complains
failing_tls = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
Enter = Callable[[str], AbstractContextManager[Visitor]]
VERSIONS = pytest.mark.parametrize(
    "version", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311], ids=["mqtt5", "mqtt311"]
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleBroker]:
    folder = tmp_path_factory.mktemp("broker")
    certificates(folder, "ca", "server localhost", "bin lobby-1", "bin lobby-2", "bin stolen", "revoke stolen")
    assert PROGRAM is not None
    broker = ExampleBroker(PROGRAM, folder)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def strange_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of an authority that the broker does not know, and that does not know the broker."""
    return certificates(tmp_path_factory.mktemp("strange"), "ca", "bin lobby-1")


def as_bin(broker: ExampleBroker, version: MQTTProtocolVersion, way: str) -> Enter:
    if way == "password":
        return lambda name: visit(broker.port, name, folder=broker.folder, version=version)
    return lambda name: visit(broker.certificate_port, folder=broker.folder, certificate=name, version=version)


# Who gets in


def test_a_wrong_password_no_password_and_an_unknown_user_are_refused(broker: ExampleBroker) -> None:
    with visit(broker.port, "lobby-1", folder=broker.folder, password="guessed") as wrong:
        assert str(wrong.reason) == "Not authorized"
    with visit(broker.port, folder=broker.folder) as nobody:
        assert str(nobody.reason) == "Not authorized"
    with visit(broker.port, "lobby-3", folder=broker.folder) as unknown:
        assert str(unknown.reason) == "Not authorized"


def refused_at_the_door(broker: ExampleBroker, folder: Path, certificate: str | None) -> bool:
    """TLS 1.3 lets a client believe it is in until its first read, so it may also find the line closed."""
    try:
        with visit(broker.certificate_port, "lobby-1", folder=folder, certificate=certificate) as visitor:
            return visitor.lost and visitor.reason is None
    except OSError:  # ssl.SSLError is one
        return True


@failing_tls
def test_no_certificate_a_strange_one_and_a_revoked_one_are_refused(
    broker: ExampleBroker, strange_folder: Path, tmp_path: Path
) -> None:
    for name in ("lobby-1.crt", "lobby-1.key"):
        (tmp_path / name).write_bytes((strange_folder / name).read_bytes())
    (tmp_path / "ca.crt").write_bytes((broker.folder / "ca.crt").read_bytes())
    assert refused_at_the_door(broker, broker.folder, None)
    assert refused_at_the_door(broker, tmp_path, "lobby-1")
    assert refused_at_the_door(broker, broker.folder, "stolen")
    assert not refused_at_the_door(broker, broker.folder, "lobby-1")


def test_what_a_stolen_bin_is_revoked_by_is_not_overwritten(tmp_path: Path) -> None:
    """Its key was moved to the bin, or away as the script says; the next certificate of that name is another."""
    folder = certificates(tmp_path / "pki", "ca", "bin lobby-1")
    stolen = (folder / "lobby-1.crt").read_bytes()
    (folder / "lobby-1.key").unlink()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        certificates(folder, "bin lobby-1")
    assert b"lobby-1.crt is there already; revoke what it is of" in refused.value.stderr
    assert (folder / "lobby-1.crt").read_bytes() == stolen
    certificates(folder, "revoke lobby-1")
    (folder / "lobby-1.crt").unlink()
    certificates(folder, "bin lobby-1", "revoke lobby-1")


@failing_tls
def test_a_bin_refuses_a_broker_of_another_authority_or_name(broker: ExampleBroker, strange_folder: Path) -> None:
    def trouble(**changes: object) -> str:
        wanted = {"host": "localhost", "ca_file": broker.folder / "ca.crt"} | changes
        settings = BrokerSettings("lobby-1", port=broker.port, username="lobby-1", tls=True, **wanted)  # type: ignore[arg-type]  # as given
        with closing(PahoPublisher(settings, backoff_s=(0.05, 0.2))) as publisher:
            wait_until(lambda: "not trusted" in (publisher.trouble or ""))
            assert not publisher.connected
            return publisher.trouble or ""

    assert "mqtt.ca_file" in trouble(ca_file=strange_folder / "ca.crt")
    assert "mqtt.host is the name" in trouble(host="127.0.0.1")


# What each may do


@VERSIONS
@pytest.mark.parametrize("way", ["password", "certificate"])
def test_a_bin_cannot_publish_as_another(broker: ExampleBroker, version: MQTTProtocolVersion, way: str) -> None:
    names = ("event", "state", "status", "picture", "reply/pause", "cmd/pause")
    forbidden = [f"smartbin/lobby-2/{name}" for name in names]
    forbidden += ["smartbin/lobby-1/cmd/pause", "homeassistant/device/lobby-2/config", "homeassistant/status", "other"]
    with (
        visit(broker.port, "operator", folder=broker.folder) as operator,
        as_bin(broker, version, way)("lobby-1") as bin_,
    ):
        operator.subscribe("smartbin/#", "homeassistant/#", "other")
        for topic in forbidden:
            bin_.publish(topic, b"forged")
        for name in ("status", "state", "event", "doctor", "picture", "reply/pause"):
            bin_.publish(f"smartbin/lobby-1/{name}", b"own")
        # one line, in order: what was forbidden would have come before
        wait_until(lambda: len(operator.heard) >= 6)
        assert {payload for _, payload in operator.heard} == {b"own"}


@VERSIONS
@pytest.mark.parametrize("way", ["password", "certificate"])
def test_a_bin_cannot_read_what_is_not_its_own(broker: ExampleBroker, version: MQTTProtocolVersion, way: str) -> None:
    with (
        visit(broker.port, "operator", folder=broker.folder) as operator,
        visit(broker.port, "lobby-2", folder=broker.folder) as other,
        as_bin(broker, version, way)("lobby-1") as bin_,
    ):
        bin_.subscribe("#")
        bin_.subscribe("smartbin/lobby-2/cmd/+")
        bin_.subscribe("smartbin/+/cmd/+")
        other.publish("smartbin/lobby-2/event", b"private")
        operator.publish("smartbin/lobby-2/cmd/pause", b"for another")
        operator.publish("smartbin/lobby-1/cmd/pause", b"own")
        wait_until(lambda: any(payload == b"own" for _, payload in bin_.heard))
        assert {topic for topic, _ in bin_.heard} == {"smartbin/lobby-1/cmd/pause"}


def test_home_assistant_may_forget_a_bin_and_say_nothing_in_its_name(broker: ExampleBroker) -> None:
    with visit(broker.port, "homeassistant", folder=broker.folder) as home:
        home.subscribe("smartbin/#", "homeassistant/#")
        home.publish("smartbin/lobby-1/status", b"forged")
        home.publish("homeassistant/device/lobby-1/config", b"")
        home.publish("smartbin/lobby-1/cmd/pause", b"last")
        # one line, in order
        wait_until(lambda: home.heard[-1:] == [("smartbin/lobby-1/cmd/pause", b"last")])
        assert home.heard[-2:-1] == [("homeassistant/device/lobby-1/config", b"")]
        assert ("smartbin/lobby-1/status", b"forged") not in home.heard


def test_a_dashboard_sees_all_but_pictures_and_commands_none(broker: ExampleBroker) -> None:
    with (
        visit(broker.port, "dashboard", folder=broker.folder) as dashboard,
        visit(broker.port, "lobby-1", folder=broker.folder) as bin_,
    ):
        dashboard.subscribe("smartbin/#", "smartbin/lobby-1/picture")
        bin_.subscribe("smartbin/lobby-1/cmd/+")
        dashboard.publish("smartbin/lobby-1/cmd/pause")
        bin_.publish("smartbin/lobby-1/picture", b"a face")
        bin_.publish("smartbin/lobby-1/event", b"one")
        wait_until(lambda: dashboard.heard == [("smartbin/lobby-1/event", b"one")])
        assert bin_.heard == []


@VERSIONS
def test_nobody_throws_a_bin_off_with_its_client_id(broker: ExampleBroker, version: MQTTProtocolVersion) -> None:
    with visit(broker.port, "lobby-1", folder=broker.folder, version=version, client_id="smartbin-lobby-1") as bin_:
        with visit(
            broker.port, "lobby-2", folder=broker.folder, version=version, client_id="smartbin-lobby-1"
        ) as thief:
            assert thief.reason is not None and not thief.reason.is_failure
            thief.publish("smartbin/lobby-2/event")
        bin_.publish("smartbin/lobby-1/event")
        assert not bin_.lost


# The product itself, both ways


@pytest.mark.parametrize("way", ["password", "certificate"])
def test_a_bin_publishes_through_it(broker: ExampleBroker, tmp_path: Path, way: str) -> None:
    common = {"host": "localhost", "tls": True, "ca_file": broker.folder / "ca.crt"}
    if way == "password":
        password_file = tmp_path / "password"
        password_file.write_text(secret("lobby-1"))
        password_file.chmod(0o600)
        own: dict[str, object] = {"port": broker.port, "username": "lobby-1", "password_file": password_file}
    else:
        files = {"cert_file": broker.folder / "lobby-1.crt", "key_file": broker.folder / "lobby-1.key"}
        own = {"port": broker.certificate_port, **files}
    settings = BrokerSettings("lobby-1", **common, **own)  # type: ignore[arg-type]  # as given
    with closing(PahoPublisher(settings, backoff_s=(0.05, 0.2))) as publisher:
        wait_until(lambda: publisher.connected)
        token = publisher.publish("event", b"{}")
        acknowledged: list[int] = []

        def answered() -> bool:
            acknowledged.extend(publisher.acknowledged())
            return bool(acknowledged)

        wait_until(answered)
        assert acknowledged == [token]
        assert publisher.trouble is None
