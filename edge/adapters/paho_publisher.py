"""The connection to an MQTT broker. One thread owns it: connects, reconnects, reads and writes; nobody waits for it.

Every connection gets a paho client of its own. What the broker had not acknowledged when a connection ended is
handed back as refused, and the outbox still has it: paho keeps no second queue that could be lost or grow.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge import discovery
from edge.adapters import broker_trouble
from edge.adapters.broker_settings import BrokerSettings, identify, others_can_read, read_password, tls_context
from edge.errors import PublishError
from edge.ports import Received

__all__ = ["BrokerSettings", "PahoPublisher"]

log = logging.getLogger(__name__)

VERSIONS = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)
UNSUPPORTED = 0x84
SESSION_S = 24 * 3600  # how long the broker keeps the session of a bin that is away
KEEPALIVE_S = 30
CONNECT_S = 10.0  # for the TCP and TLS handshake, and again for the broker's first answer
IN_FLIGHT = 20  # messages handed over and not yet acknowledged
STEADY_S = 60.0  # after a connection that lasted this long it tries again soon
ACK_S = 60.0  # a broker that acknowledges nothing for so long is given up and called again
CLOSE_S, JOIN_S = 0.4, 0.2  # of a stop, which may take 2 s with all that it does
COMMANDS = "cmd/+"
INBOX = 32  # commands that wait for the loop; what comes on top is lost, as its sender learns by no reply
LARGEST = 64 * 1024  # bytes of a packet that MQTT 5 brokers may send us
FAR_TOO_LARGE = 1_000_000  # from one that heeds no such limit, as those of MQTT 3.1.1 know none
KEPT = 4096  # of a longer payload this much, enough to see that it is too long
NONSENSE = (ValueError, LookupError, MQTTException)  # what paho raises when something answers that is no broker


@dataclass(slots=True, eq=False)
class _Link:
    """One connection, as far as it came. Its number is in its tokens, so that those of two connections never meet."""

    number: int
    limit: int = IN_FLIGHT
    opened: bool = False
    answered: bool = False
    connected: bool = False
    reason: ReasonCode | None = None  # why the broker did not want it, or no longer
    silent: bool = False  # it takes messages and acknowledges none
    flooded: bool = False  # it sends what would fill the memory
    announcing: int | None = None  # the message that announces the bin, on its way
    due: bytes | None = None  # another announcement, which is to follow it

    def token(self, mid: int) -> int:
        return self.number << 16 | mid


class PahoPublisher:
    """Implements ports.Publisher and ports.Inbox: called from one thread, the loop's; every method returns at once.

    MQTT 5 where the broker speaks it, else 3.1.1. A broker of 3.1.1 acknowledges what its access rules forbid, so only
    MQTT 5 tells of a denied message.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        backoff_s: tuple[float, float] = (1.0, 60.0),
        jitter: Callable[[], float] = random.random,
        ack_s: float = ACK_S,
    ) -> None:
        """backoff_s: first and longest pause before it connects again. Raises PublishError for unusable files."""
        read_password(settings)
        tls_context(settings)
        for key, path in (("password_file", settings.password_file), ("key_file", settings.key_file)):
            if path is not None and others_can_read(path):
                log.warning("mqtt.%s %s: every user can read it; chmod 600", key, path)
        self._settings = settings
        self._backoff_s = backoff_s
        self._jitter = jitter
        self._stopping = threading.Event()
        # written by the network thread, read by the loop's
        self._live: tuple[_Link, Client] | None = None
        self._connects = 0
        self._line_trouble: str | None = f"connecting to the broker {settings.host}:{settings.port}"
        self._answers: deque[tuple[int, ReasonCode]] = deque()
        self._inbox: deque[Received] = deque()
        # the loop thread's alone
        self._waiting: dict[int, str] = {}  # token -> the topic's first level
        self._acknowledged: list[int] = []
        self._refused: list[int] = []
        self._denied: dict[str, str] = {}  # the topic's first level -> the broker's reason
        self._ack_s = ack_s
        self._waits_since_s = 0.0  # for the first answer to what is waiting
        self._silent = False
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance now."""
        return self._live is not None

    @property
    def connects(self) -> int:
        """How often it has connected so far."""
        return self._connects

    @property
    def trouble(self) -> str | None:
        """What is wrong and what to check, None while all is well. It keeps trying."""
        if self._line_trouble is None and self._denied:
            return broker_trouble.denied(list(self._denied), next(iter(self._denied.values())))
        if self._line_trouble is None and self._silent:
            return broker_trouble.silent(self._settings)
        return self._line_trouble

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Hand over one message; see ports.Publisher."""
        live = self._live
        if live is None or len(self._waiting) >= live[0].limit:
            return None
        link, client = live
        info = client.publish(self._settings.topic(topic), payload, qos=1, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        token = link.token(info.mid)
        if not self._waiting:
            self._waits_since_s = time.monotonic()
        self._waiting[token] = topic.partition("/")[0]  # of replies any sender chooses the rest
        return token

    def acknowledged(self) -> Sequence[int]:
        """Tokens that the broker acknowledged since the last call."""
        self._take_answers()
        tokens, self._acknowledged = self._acknowledged, []
        return tokens

    def refused(self) -> Sequence[int]:
        """Tokens that the broker refused, or whose connection ended before it answered."""
        live = self._live  # looked at before the answers: what was answered in time does not count as lost
        self._take_answers()
        if live is not None and self._waiting and time.monotonic() - self._waits_since_s > self._ack_s:
            self._silent = live[0].silent = True
        number = live[0].number if live else None
        lost = [token for token in self._waiting if token >> 16 != number]
        for token in lost:
            del self._waiting[token]
        tokens, self._refused = self._refused + lost, []
        return tokens

    def take(self) -> Received | None:
        """The oldest command that was not taken yet."""
        return self._inbox.popleft() if self._inbox else None

    def reply(self, name: str, payload: bytes) -> bool:
        """Publish on reply/<name>; see ports.Inbox."""
        return self.publish(f"reply/{name}", payload) is not None

    def show(self, jpeg: bytes) -> bool:
        """Publish on picture; see ports.Inbox."""
        return self.publish("picture", jpeg) is not None

    def close(self) -> None:
        """Publish `offline` and disconnect, so that the broker does not send the last will. Soon done."""
        self._stopping.set()
        live, self._live = self._live, None
        if live is not None:
            self._leave(live[1], CLOSE_S)
        # a daemon: one that hangs in a name lookup is left behind
        self._thread.join(JOIN_S)

    def _take_answers(self) -> None:
        while self._answers:
            token, reason = self._answers.popleft()
            topic = self._waiting.pop(token, None)
            if topic is None:
                continue
            self._waits_since_s, self._silent = time.monotonic(), False
            if reason.is_failure:
                self._refused.append(token)
                self._denied[topic] = str(reason)
            else:
                self._acknowledged.append(token)
                self._denied.pop(topic, None)

    def _leave(self, client: Client, wait_s: float = 0.0) -> None:
        info = client.publish(self._settings.topic("status"), b"offline", qos=1, retain=True)
        if wait_s and info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            info.wait_for_publish(wait_s)
        client.disconnect()

    # What follows runs in the network thread.

    def _run(self) -> None:
        shortest, longest = self._backoff_s
        pause_s = shortest
        number = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            for version in VERSIONS:
                number += 1
                link = _Link(number)
                self._connect(link, version)
                if not _speaks_another_version(link) or self._stopping.is_set():
                    break
            if link.connected and time.monotonic() - began_s > STEADY_S:
                pause_s = shortest
            # a fleet whose broker restarts must not come back in the same instant
            self._stopping.wait(pause_s * (0.5 + self._jitter() / 2))
            pause_s = min(longest, pause_s * 2)

    def _connect(self, link: _Link, version: MQTTProtocolVersion) -> None:
        """One connection from its beginning to its end."""
        try:
            client = self._client(link, version)
            self._open(client, version)
            if self._stopping.is_set():  # which may have taken long, and another has come in its place
                return
            link.opened = True
            self._serve(client, link)
            self._say(self._how_it_ended(link))
        except PublishError as error:
            self._say(str(error))
        except (OSError, *NONSENSE) as error:
            self._say(broker_trouble.unreachable(error, self._settings))
        finally:
            self._live = None

    def _client(self, link: _Link, version: MQTTProtocolVersion) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if version is MQTTProtocolVersion.MQTTv5 else False,
            userdata=link,
            protocol=version,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(IN_FLIGHT + 3)  # `online`, `offline`, announcement: nothing waits inside paho
        client.will_set(settings.topic("status"), b"offline", qos=1, retain=True)
        identify(client, settings)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        # With this callback publish() never writes to the socket itself, it only wakes loop(): one thread, one writer.
        client.on_socket_register_write = lambda *_: None
        # loop() reads up to a hundred times as much before anybody can look at how much is to come
        client.on_socket_open = _narrow
        return client

    def _open(self, client: Client, version: MQTTProtocolVersion) -> None:
        if version is MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it untyped
            properties.SessionExpiryInterval = SESSION_S
            properties.MaximumPacketSize = LARGEST
            client.connect(
                self._settings.host, self._settings.port, KEEPALIVE_S, clean_start=False, properties=properties
            )
        else:
            client.connect(self._settings.host, self._settings.port, KEEPALIVE_S)

    def _serve(self, client: Client, link: _Link) -> None:
        deadline_s = time.monotonic() + CONNECT_S
        while client.loop(1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            if not link.answered and (self._stopping.is_set() or time.monotonic() > deadline_s):
                break
            link.flooded = _on_its_way(client) > FAR_TOO_LARGE
            if link.silent or link.flooded:
                break

    def _how_it_ended(self, link: _Link) -> str | None:
        if self._stopping.is_set():
            return None
        if link.reason is not None:
            return broker_trouble.turned_away(link.reason, self._settings)
        if link.silent:
            return broker_trouble.silent(self._settings)
        if link.flooded:
            return broker_trouble.flooded(self._settings)
        return broker_trouble.lost(self._settings) if link.connected else broker_trouble.no_answer(self._settings)

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self._line_trouble:
            log.warning("%s", trouble)
        self._line_trouble = trouble

    def _on_connect(
        self, client: Client, link: _Link, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        link.answered = True
        if reason.is_failure:
            link.reason = reason
            return
        # some brokers take only ten at a time and end the connection at the eleventh; what is not counted has its place
        others = 2 if self._settings.announcement else 1  # `online`, an announcement
        link.limit = max(1, min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", 65535) - others))
        client.publish(self._settings.topic("status"), b"online", qos=1, retain=True)
        if self._settings.commands:
            client.subscribe(self._settings.topic(COMMANDS), qos=1)
        if self._settings.announcement:
            # in this order: what was announced before comes back before it is replaced
            client.subscribe([(discovery.topic(self._settings.bin_id), 1), (discovery.ONLINE_TOPIC, 1)])
            self._announce(client, link, self._settings.announcement)
        link.connected = True
        log.info("connected to the broker %s:%d", self._settings.host, self._settings.port)
        self._line_trouble = None
        self._connects += 1
        self._live = (link, client)
        if self._stopping.is_set():  # close() may have come just too early to see this connection
            self._leave(client)

    def _on_disconnect(
        self, _client: Client, link: _Link, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            link.reason = reason

    def _announce(self, client: Client, link: _Link, announcement: bytes) -> None:
        """One at a time, the last one last: whoever may write to Home Assistant's topics may ask without an end."""
        if link.announcing is not None:
            link.due = announcement
            return
        link.due = None
        link.announcing = client.publish(discovery.topic(self._settings.bin_id), announcement, qos=1, retain=True).mid

    def _on_message(self, client: Client, link: _Link, message: MQTTMessage) -> None:
        ours = self._settings.announcement
        if message.topic == discovery.ONLINE_TOPIC:
            if message.payload == b"online" and not message.retain and link.announcing is None:
                self._announce(client, link, ours)
        elif message.topic == discovery.topic(self._settings.bin_id):
            if (cleaned := discovery.without_ghosts(ours, bytes(message.payload))) is not None:
                self._announce(client, link, cleaned)
        else:
            self._take_in(message)

    def _take_in(self, message: MQTTMessage) -> None:
        if len(self._inbox) < INBOX:
            name = message.topic.rpartition("/")[2]
            self._inbox.append(Received(name, bytes(message.payload[:KEPT]), message.retain))

    def _on_publish(
        self, client: Client, link: _Link, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if mid == link.announcing:
            link.announcing = None
            if link.due is not None:
                self._announce(client, link, link.due)
        self._answers.append((link.token(mid), reason))


def _speaks_another_version(link: _Link) -> bool:
    """Old brokers refuse MQTT 5 with this code, older ones close the line without a word."""
    return link.reason.value == UNSUPPORTED if link.reason is not None else link.opened and not link.answered


def _narrow(_client: Client, _link: _Link, line: Any) -> None:
    line.setsockopt(SOL_SOCKET, SO_RCVBUF, LARGEST)


def _on_its_way(client: Client) -> int:
    """Bytes of the packet that is being received. paho holds all of it in memory, three times, and asks nobody."""
    packet: Mapping[str, int] = getattr(client, "_in_packet", {})
    return packet.get("remaining_length", 0)
