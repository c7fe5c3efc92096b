"""The Mosquitto of docs/mosquitto, started from the very files that are shipped, with its script's certificates."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from broker_fixtures import WITHIN_S, Mosquitto, free_port
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters.broker_settings import leave

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "mosquitto"
SCRIPT = EXAMPLES / "make-certificates.sh"
INSTALLED = "/etc/mosquitto/smart-bin"
USERS = ("lobby-1", "lobby-2", "dashboard", "operator", "homeassistant")


def secret(user: str) -> str:
    """The password of a user."""
    return f"secret of {user}"


def certificates(folder: Path, *calls: str) -> Path:
    """The script's files for calls such as "bin lobby-1", after those that are there."""
    folder.mkdir(exist_ok=True)
    for call in calls:
        subprocess.run([SCRIPT, *call.split()], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


class ExampleBroker(Mosquitto):
    """`port`: with passwords; `certificate_port`: with certificates. folder: holds what certificates() made."""

    def __init__(self, program: str, folder: Path) -> None:
        super().__init__(program, folder)
        self.certificate_port = free_port()
        installed = {INSTALLED: str(folder), "listener 8883": f"listener {self.port} 127.0.0.1"}
        installed["listener 8884"] = f"listener {self.certificate_port} 127.0.0.1"
        text = (EXAMPLES / "smart-bin.conf").read_text()
        for there, here in installed.items():
            assert there in text
            text = text.replace(there, here)
        # the two lines that Debian's own mosquitto.conf has, and the fixture needs
        own = "\n".join(line for line in self._config.read_text().splitlines() if line.startswith(("user", "log_type")))
        self._config.write_text(f"{own}\n{text}")
        (folder / "smart-bin.acl").write_bytes((EXAMPLES / "smart-bin.acl").read_bytes())
        passwords = folder / "passwords"
        passwords.write_text("".join(f"{user}:{secret(user)}\n" for user in USERS))
        passwords.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", passwords], check=True, timeout=60)


@dataclass
class Visitor:
    """One client and what happened to it. reason: the broker's answer to its wish to connect."""

    client: Client
    reason: ReasonCode | None = None
    lost: bool = False
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    answered: Event = field(default_factory=Event)
    _done: dict[int, Event] = field(default_factory=dict)

    def publish(self, topic: str, payload: bytes = b"x") -> None:
        """At QoS 1, until the broker answered, whatever it answered."""
        info = self.client.publish(topic, payload, qos=1)
        assert info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        assert self._event(info.mid).wait(WITHIN_S), topic

    def subscribe(self, *topics: str) -> None:
        """Until the broker answered, whatever it answered."""
        result, mid = self.client.subscribe([(topic, 1) for topic in topics])
        assert result == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None
        assert self._event(mid).wait(WITHIN_S), topics

    def acknowledge(self, mid: int) -> None:
        """The broker has answered."""
        self._event(mid).set()

    def _event(self, mid: int) -> Event:
        return self._done.setdefault(mid, Event())


@contextmanager
def visit(
    port: int,
    user: str | None = None,
    *,
    folder: Path,
    certificate: str | None = None,
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    client_id: str = "",
    password: str | None = None,
) -> Iterator[Visitor]:
    """A client that asked to be let in. folder: of ca.crt and of certificate.crt. Raises ssl.SSLError, OSError."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False)
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    if certificate is not None:
        context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    client.tls_set_context(context)
    if user is not None:
        client.username_pw_set(user, secret(user) if password is None else password)
    visitor = Visitor(client)

    def connected(_client: Client, _data: object, _flags: object, reason: ReasonCode, _more: object) -> None:
        visitor.reason = reason
        visitor.answered.set()

    def gone(*_: object) -> None:
        visitor.lost = True
        visitor.answered.set()

    client.on_connect = connected
    client.on_disconnect = gone
    client.on_publish = lambda _client, _data, mid, *_: visitor.acknowledge(mid)
    client.on_subscribe = lambda _client, _data, mid, *_: visitor.acknowledge(mid)
    client.on_message = lambda _client, _data, message: visitor.heard.append((message.topic, bytes(message.payload)))
    client.connect("localhost", port)
    client.loop_start()
    try:
        assert visitor.answered.wait(WITHIN_S)
        yield visitor
    finally:
        leave(client)
