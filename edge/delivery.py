"""Outbox -> publisher. Called with every frame, so it returns at once; only what was acknowledged leaves the disk."""

from __future__ import annotations

from edge.ports import Outbox, Publisher

RETRY_S = 2.0  # a broker that refused a message is not asked again at once


class Delivery:
    """Publishes the events that are ready, oldest first, what was said of them, and the newest state.

    At most `window` events are on their way at a time. At least once: what was refused, or lost with its connection,
    is published again.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, window: int = 20) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._window = window
        self._in_flight: dict[int, int] = {}  # token -> seq
        self._done: list[int] = []  # acknowledged, still on disk
        self._more = True  # there may be events on disk that are not in flight
        self._not_before_s = float("-inf")
        self._connects = 0
        self._state: bytes | None = None
        self._state_due = False
        self._state_token: int | None = None

    @property
    def drained(self) -> bool:
        """Whether every finished event was acknowledged and has left the disk."""
        return not (self._more or self._in_flight or self._done)

    def notify(self) -> None:
        """An event was finished. Without this the outbox is not looked at again."""
        self._more = True

    def publish_state(self, payload: bytes) -> None:
        """Publish the state, retained. The newest wins; it is published again at every connection."""
        self._state, self._state_due = payload, True
        self._send_state()

    def tick(self, now_s: float) -> bool:
        """Do what can be done without waiting. now_s: monotonic. True: the disk let something be taken off it.

        After an OutboxError the next tick tries again.
        """
        self._collect(now_s)
        try:
            return self._forget()
        finally:  # a full disk lets nothing be taken off it, and keeps nobody from telling so
            if self._publisher.connected and now_s >= self._not_before_s:
                self._send_state()
                self._send_events()

    def _collect(self, now_s: float) -> None:
        for token in self._publisher.acknowledged():
            if token in self._in_flight:
                self._done.append(self._in_flight.pop(token))
        for token in self._publisher.refused():
            self._state_due |= token == self._state_token
            self._more |= self._in_flight.pop(token, None) is not None
            if self._publisher.connected:
                self._not_before_s = now_s + RETRY_S
        if self._publisher.connects != self._connects:
            self._connects = self._publisher.connects
            self._state_due = True

    def _forget(self) -> bool:
        if not self._done:
            return False
        self._outbox.remove(self._done)
        self._done = []
        return True

    def _send_state(self) -> None:
        if self._state_due and self._state is not None:
            self._state_token = self._publisher.publish("state", self._state, retain=True)
            self._state_due = self._state_token is None

    def _send_events(self) -> None:
        if not self._more or len(self._in_flight) >= self._window:
            return
        # what is in flight is still on disk: this many rows hold all of it and fill the window
        events = self._outbox.ready(0, self._window)
        sent = {*self._in_flight.values(), *self._done}
        for event in events:
            if event.seq in sent:
                continue
            token = self._publisher.publish(event.topic, event.payload)
            if token is None:
                return
            self._in_flight[token] = event.seq
        self._more = len(events) == self._window
