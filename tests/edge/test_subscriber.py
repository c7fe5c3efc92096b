"""What `smartbin watch` hears, on a real broker that never falls silent."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from broker_fixtures import Mosquitto
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.adapters.broker_probe import probe
from edge.adapters.broker_settings import BrokerSettings
from edge.adapters.subscriber import Subscriber


@pytest.mark.broker
def test_a_look_ends_in_its_time_also_while_bins_never_pause(mosquitto: Mosquitto) -> None:
    chatty = Client(CallbackAPIVersion.VERSION2)
    chatty.connect("127.0.0.1", mosquitto.port)
    chatty.loop_start()
    with Subscriber(BrokerSettings("+", "127.0.0.1", mosquitto.port)) as subscriber:
        heard = 0
        chatty.publish("smartbin/a/status", b"online", retain=True)
        for topic, payload in subscriber.messages(2.0):
            assert (topic, payload) == ("smartbin/a/status", b"online")
            heard += 1
            chatty.publish("smartbin/a/status", b"online")  # each brings the next one
        assert heard > 1
    chatty.disconnect()
    chatty.loop_stop()


def look(settings: BrokerSettings) -> None:
    with Subscriber(settings):
        pass


@pytest.mark.broker
@pytest.mark.parametrize("visit", [look, probe])
def test_a_visit_leaves_nothing_open_until_the_collector_comes(
    mosquitto: Mosquitto, visit: Callable[[BrokerSettings], object]
) -> None:
    gc.collect()
    gc.disable()
    try:
        visit(BrokerSettings("lobby-1", "127.0.0.1", mosquitto.port))
        assert not [left for left in gc.get_objects() if isinstance(left, Client)]
    finally:
        gc.enable()
