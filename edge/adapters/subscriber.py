"""A subscriber to bins on a broker, like any other dashboard: reconnects by itself, hands messages over in order."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters import broker_trouble
from edge.adapters.broker_settings import BrokerSettings, identify, leave
from edge.errors import PublishError

NAMES = ("status", "state", "event")
WITHIN_S = 10.0


class Subscriber:
    """settings.bin_id "+" is every bin. A context manager; raises PublishError when the broker does not let it in."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._messages: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[ReasonCode] = queue.SimpleQueue()
        self.connected = False
        # an id of its own: two people may watch
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"smartbin-watch-{os.urandom(4).hex()}")
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        settings = self._settings
        identify(self._client, settings)
        try:
            self._client.connect(settings.host, settings.port)
        except (OSError, ValueError) as error:
            leave(self._client)
            raise PublishError(broker_trouble.unreachable(error, settings)) from error
        self._client.loop_start()
        try:
            answer = self._answers.get(timeout=WITHIN_S)
        except queue.Empty:
            leave(self._client)
            raise PublishError(broker_trouble.no_answer(settings)) from None
        if answer.is_failure:
            leave(self._client)
            raise PublishError(broker_trouble.turned_away(answer, settings))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self._client)

    def messages(self, within_s: float) -> Iterator[tuple[str, bytes]]:
        """Topics and payloads that come within so long."""
        until_s = time.monotonic() + within_s
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                yield self._messages.get(timeout=left_s)
            except queue.Empty:
                return

    def _on_connect(
        self, client: Client, _: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.connected = not reason.is_failure
        self._answers.put(reason)
        if self.connected:
            client.subscribe([(self._settings.topic(name), 1) for name in NAMES])

    def _on_disconnect(self, *_: object) -> None:
        self.connected = False

    def _on_message(self, _: Client, _userdata: object, message: MQTTMessage) -> None:
        self._messages.put((message.topic, bytes(message.payload)))
