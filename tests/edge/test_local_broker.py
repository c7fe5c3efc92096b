"""The demo's own Mosquitto."""

from __future__ import annotations

import socket

import pytest

from edge.adapters.local_broker import LocalBroker, find_mosquitto

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"
CONNACK, DISCONNECT = b"\x20\x02\x00\x00", b"\xe0\x00"
MANY = 600  # of which each would be two lines of a log that nobody reads


@pytest.mark.broker
def test_it_goes_on_however_many_have_come_and_gone() -> None:
    if (program := find_mosquitto()) is None:
        pytest.skip("mosquitto is not installed")
    with LocalBroker(program) as broker:
        assert broker.trouble is None
        for _ in range(MANY):
            with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as line:
                line.sendall(CONNECT)
                assert line.recv(len(CONNACK), socket.MSG_WAITALL) == CONNACK
                line.sendall(DISCONNECT)
