"""Somebody who sends commands to a running bin over a real broker."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from broker_fixtures import Listener, wait_until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.adapters.broker_settings import leave
from edge.admission import PER_S

AGAIN_S = 2 / PER_S  # a bin that has read too many has room for the next one by then


class Dashboard:
    """Sends commands to the bin `e2e` and waits for the answers."""

    def __init__(self, port: int, listener: Listener) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._listener = listener
        self._sent = 0

    def ask(self, name: str, **more: object) -> dict[str, Any]:
        """Its answer. Beyond the rate a bin does not read: the same is said again, and carried out once."""
        self._sent += 1
        request = {"id": str(self._sent), "time": datetime.now(UTC).isoformat(), **more}
        answers: list[dict[str, Any]] = []
        due_s = time.monotonic()

        def answered() -> bool:
            nonlocal due_s
            if time.monotonic() >= due_s:
                self._client.publish(f"smartbin/e2e/cmd/{name}", json.dumps(request), qos=1)
                due_s = time.monotonic() + AGAIN_S
            replies = [json.loads(payload) for payload in self._listener.payloads(f"smartbin/e2e/reply/{name}")]
            answers.extend(reply for reply in replies if reply["id"] == request["id"])
            return bool(answers)

        wait_until(answered)
        return answers[0]

    def close(self) -> None:
        leave(self._client)
