"""Brokers that accept and never acknowledge, or that are away for a day. A real Mosquitto, a real SQLite file."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from broker_fixtures import MakeBroker, Mosquitto, wait_until
from brokerline import BrokerLine
from fakebin import MODEL
from sample_event import sample_event

from edge.adapters.paho_publisher import BrokerSettings, PahoPublisher
from edge.adapters.sqlite_outbox import SqliteOutbox
from edge.delivery import Delivery
from edge.model import Problem
from edge.reporter import Reporter
from edge.state import BinState, Health
from edge.testing import FakeNotifier, FakeOutbox
from edge.wire import parse_event

pytestmark = pytest.mark.broker

PUBACK = 4
DAY = 400  # items that a busy bin sorts


class SwallowingLine(BrokerLine):
    """Between bin and broker; while `swallows` no acknowledgement comes through, all else does."""

    swallows = True

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        for work in (self._to_broker, self._to_bin):
            threading.Thread(target=work, args=(near, far), daemon=True).start()

    def _to_broker(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(4096):
                far.sendall(data)
            far.shutdown(socket.SHUT_RDWR)

    def _to_bin(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError), far.makefile("rb") as stream:
            while head := stream.read(2):
                # what a broker answers to a publisher is short: its length fits into one byte
                packet = head + stream.read(head[1])
                if not (self.swallows and head[0] >> 4 == PUBACK):
                    near.sendall(packet)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def publisher_to(port: int, ack_s: float = 60.0) -> PahoPublisher:
    return PahoPublisher(BrokerSettings("lobby-1", host="127.0.0.1", port=port), backoff_s=(0.05, 0.1), ack_s=ack_s)


def outbox_with(path: Path, count: int, max_bytes: int = 50_000_000) -> SqliteOutbox:
    outbox = SqliteOutbox(path, max_bytes)
    for number in range(count):
        outbox.finish(outbox.begin(sample_event(event_id=f"e{number}")))
    return outbox


def ticking(delivery: Delivery, until: Callable[[], bool]) -> Callable[[], bool]:
    now_s = iter(range(10**9))

    def step() -> bool:
        delivery.tick(next(now_s))
        return until()

    return step


def test_a_broker_that_never_acknowledges_is_told_and_called_again_until_it_does(
    mosquitto: Mosquitto, tmp_path: Path, stack: ExitStack
) -> None:
    line = stack.enter_context(closing(SwallowingLine(mosquitto.port)))
    listener = stack.enter_context(closing(mosquitto.listen("smartbin/lobby-1/event")))
    outbox = stack.enter_context(closing(outbox_with(tmp_path / "outbox.db", 30)))
    publisher = stack.enter_context(closing(publisher_to(line.port, ack_s=0.2)))
    delivery = Delivery(outbox, publisher)
    wait_until(ticking(delivery, lambda: line.lines >= 3 and "acknowledges nothing" in (publisher.trouble or "")))
    assert outbox.stats().queued == 30, "nothing leaves the disk unacknowledged"
    line.swallows = False
    # who was a moment late with the last answer is called once more after it
    wait_until(ticking(delivery, lambda: delivery.drained and publisher.trouble is None))
    wait_until(lambda: len({parse_event(p).seq for p in listener.payloads("smartbin/lobby-1/event")}) == 30)


def test_a_day_without_a_broker_is_delivered_in_order_when_it_is_back(
    make_broker: MakeBroker, tmp_path: Path, stack: ExitStack
) -> None:
    broker = make_broker()
    listener = stack.enter_context(closing(broker.listen("smartbin/lobby-1/event")))
    broker.stop()
    outbox = stack.enter_context(closing(outbox_with(tmp_path / "outbox.db", DAY)))
    publisher = stack.enter_context(closing(publisher_to(broker.port)))
    delivery = Delivery(outbox, publisher)
    wait_until(ticking(delivery, lambda: "nothing listens there" in (publisher.trouble or "")))
    assert outbox.stats().queued == DAY
    broker.start()
    wait_until(ticking(delivery, lambda: delivery.drained), within_s=120)
    assert outbox.stats().queued == 0
    wait_until(lambda: len(listener.payloads("smartbin/lobby-1/event")) >= DAY)
    seqs = [parse_event(payload).seq for payload in listener.payloads("smartbin/lobby-1/event")]
    assert list(dict.fromkeys(seqs)) == list(range(1, DAY + 1)), "every one, in order"


def test_a_broker_away_for_too_long_costs_the_oldest_events_and_they_are_counted(tmp_path: Path) -> None:
    limit = 200_000
    with closing(outbox_with(tmp_path / "outbox.db", DAY, limit)) as outbox:
        stats = outbox.stats()
        assert stats.dropped > 0
        assert stats.queued + stats.dropped == DAY
        assert outbox.ready(0, 1)[0].seq == stats.dropped + 1, "the newest are kept"
    assert (tmp_path / "outbox.db").stat().st_size < 2 * limit


def test_the_state_names_the_problem_and_the_bin_goes_on() -> None:
    away = "broker lan:1883: nothing listens there"
    trouble: list[str | None] = ["connecting", None, away, away, None]
    reporter = Reporter(
        BinState("b", MODEL, "1", state="ready"),
        publish=lambda _: None,
        notifier=FakeNotifier(),
        queue=FakeOutbox().stats,
        health=lambda: Health(broker=trouble.pop(0)),
        now_s=0.0,
    )
    seen = []
    for now_s in range(5):
        reporter.tell(now_s)
        seen.append(([w.problem for w in reporter.state.warnings], reporter.state.state))
    fine: tuple[list[Problem], str] = ([], "ready")
    assert seen == [fine, fine, fine, ([Problem.BROKER_AWAY], "ready"), fine], (
        "not while it connects, but when it lasts"
    )
