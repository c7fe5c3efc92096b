"""Ask a broker whether it lets the bin in and takes its messages, with a connection that ends at once."""

from __future__ import annotations

import queue

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters import broker_trouble
from edge.adapters.broker_settings import BrokerSettings, identify, leave
from edge.doctor_checks import BrokerAnswer
from edge.errors import PublishError

TOPIC = "doctor"
UNSUPPORTED_VERSION = 0x84
NAMES = {MQTTProtocolVersion.MQTTv5: "MQTT 5", MQTTProtocolVersion.MQTTv311: "MQTT 3.1.1"}


def probe(settings: BrokerSettings, timeout_s: float = 5.0) -> BrokerAnswer:
    """Connect, publish one message on <prefix>/<bin_id>/doctor, disconnect. Raises PublishError when not let in.

    The client id is not the bin's, so that a running bin keeps its connection.
    """
    with _Visit(settings, MQTTProtocolVersion.MQTTv5, timeout_s) as visit:
        reason = visit.knock()
        if reason is not None and reason.value != UNSUPPORTED_VERSION:
            return visit.ask(reason)
    # a broker that speaks 3.1.1 only may also just close the line
    with _Visit(settings, MQTTProtocolVersion.MQTTv311, timeout_s) as visit:
        reason = visit.knock()
        if reason is None:
            raise PublishError(broker_trouble.no_answer(settings))
        return visit.ask(reason)


class _Visit:
    """One connection. Callbacks come from paho's thread and leave their reason codes in a queue."""

    def __init__(self, settings: BrokerSettings, version: MQTTProtocolVersion, timeout_s: float) -> None:
        self._settings, self._version, self._timeout_s = settings, version, timeout_s
        self._reasons: queue.Queue[ReasonCode | None] = queue.Queue()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{settings.client_id}-doctor",
            protocol=version,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = timeout_s
        self._client.on_connect = lambda client, userdata, flags, reason, properties: self._reasons.put(reason)
        self._client.on_publish = lambda client, userdata, mid, reason, properties: self._reasons.put(reason)
        self._client.on_disconnect = lambda client, userdata, flags, reason, properties: self._reasons.put(None)

    def __enter__(self) -> _Visit:
        identify(self._client, self._settings)
        return self

    def __exit__(self, *exc: object) -> None:
        leave(self._client)

    def knock(self) -> ReasonCode | None:
        """The broker's answer to our wish to connect; None when it gives none. Raises PublishError."""
        try:
            self._client.connect(self._settings.host, self._settings.port)
        except (OSError, ValueError) as error:
            raise PublishError(broker_trouble.unreachable(error, self._settings)) from error
        self._client.loop_start()
        return self._answer()

    def ask(self, connected: ReasonCode) -> BrokerAnswer:
        """Publish, if the broker let us in. Raises PublishError."""
        settings = self._settings
        if connected.is_failure:
            raise PublishError(broker_trouble.turned_away(connected, settings))
        topic = settings.topic(TOPIC)
        handed_over = self._client.publish(topic, b"", qos=1)
        reason = self._answer() if handed_over.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None
        if reason is None:
            raise PublishError(broker_trouble.no_answer(settings))
        may: bool | None = not reason.is_failure
        if self._version is not MQTTProtocolVersion.MQTTv5:
            may = None
        where = f"{settings.host}:{settings.port}"
        return BrokerAnswer(where, NAMES[self._version], topic, may, str(reason).lower() if may is False else None)

    def _answer(self) -> ReasonCode | None:
        try:
            return self._reasons.get(timeout=self._timeout_s)
        except queue.Empty:
            return None
