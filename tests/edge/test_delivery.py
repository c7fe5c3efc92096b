"""Delivery against the shipped fakes: what is sent, what is sent again, what leaves the disk."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sample_event import sample_event

from edge.delivery import RETRY_S, Delivery
from edge.errors import OutboxError
from edge.testing import FakeOutbox, FakePublisher


class CountingOutbox(FakeOutbox):
    """Counts what reaches the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.removals: list[list[int]] = []

    def ready(self, after_seq, limit):  # type: ignore[no-untyped-def]  # as in FakeOutbox
        self.reads += 1
        return super().ready(after_seq, limit)

    def remove(self, seqs):  # type: ignore[no-untyped-def]  # as in FakeOutbox
        super().remove(seqs)
        self.removals.append(list(seqs))


def outbox_with(count: int) -> CountingOutbox:
    outbox = CountingOutbox()
    for _ in range(count):
        add(outbox)
    return outbox


def add(outbox: FakeOutbox) -> None:
    begun = outbox.begin(sample_event(event_id=f"e{outbox.stats().last_seq + 1}"))
    outbox.finish(begun)


def events(publisher: FakePublisher) -> list[bytes]:
    return [payload for _, topic, payload, _ in publisher.sent if topic == "event"]


def states(publisher: FakePublisher) -> list[bytes]:
    return [payload for _, topic, payload, retain in publisher.sent if topic == "state" and retain]


def test_events_of_an_earlier_run_go_out_in_order_and_leave_the_disk_once_acknowledged() -> None:
    outbox, publisher = outbox_with(3), FakePublisher()
    delivery = Delivery(outbox, publisher)
    assert not delivery.drained
    delivery.tick(0.0)
    assert events(publisher) == [b"e1", b"e2", b"e3"]
    assert outbox.stats().queued == 3
    assert not delivery.drained
    publisher.acknowledge(2, 1, 3)
    delivery.tick(0.1)
    assert outbox.stats().queued == 0
    assert outbox.removals == [[2, 1, 3]]
    assert delivery.drained


def test_an_idle_tick_does_not_touch_the_disk() -> None:
    outbox, publisher = outbox_with(0), FakePublisher()
    delivery = Delivery(outbox, publisher)
    for tick in range(100):
        delivery.tick(tick / 10)
    assert (outbox.reads, outbox.removals) == (1, [])


def test_a_new_event_goes_out_when_told() -> None:
    outbox, publisher = outbox_with(0), FakePublisher()
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    add(outbox)
    delivery.notify()
    assert not delivery.drained
    delivery.tick(0.1)
    assert events(publisher) == [b"e1"]


def test_no_more_than_the_window_is_on_its_way() -> None:
    outbox, publisher = outbox_with(50), FakePublisher()
    delivery = Delivery(outbox, publisher, window=20)
    for tick in range(10):
        delivery.tick(tick / 10)
    assert len(publisher.sent) == 20
    assert outbox.reads == 1
    publisher.acknowledge(1, 2, 3)
    delivery.tick(2.0)
    assert events(publisher)[20:] == [b"e21", b"e22", b"e23"]


def test_offline_nothing_is_sent_and_nothing_lost() -> None:
    outbox, publisher = outbox_with(2), FakePublisher(connected=False)
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    assert (publisher.sent, outbox.reads, delivery.drained) == ([], 0, False)
    publisher.reconnect()
    delivery.tick(0.1)
    assert events(publisher) == [b"e1", b"e2"]


def test_what_was_lost_with_the_line_is_sent_at_once_on_the_next_one() -> None:
    outbox, publisher = outbox_with(3), FakePublisher()
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    publisher.acknowledge(2)
    publisher.lose_line()
    delivery.tick(0.1)
    assert len(publisher.sent) == 3
    publisher.reconnect()
    delivery.tick(0.2)
    assert events(publisher)[3:] == [b"e1", b"e3"]


def test_what_the_broker_refuses_is_sent_again_but_not_at_once() -> None:
    outbox, publisher = outbox_with(2), FakePublisher()
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    publisher.refuse(1)
    delivery.tick(1.0)
    delivery.tick(1.0 + RETRY_S / 2)
    assert len(publisher.sent) == 2
    delivery.tick(1.0 + RETRY_S)
    assert events(publisher)[2:] == [b"e1"]


def test_a_publisher_that_takes_no_more_is_asked_again_with_the_next_tick() -> None:
    class Reluctant(FakePublisher):
        room = 1

        def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
            if self.room == 0:
                return None
            self.room -= 1
            return super().publish(topic, payload, retain=retain)

    outbox, publisher = outbox_with(2), Reluctant()
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    publisher.room = 5
    delivery.tick(0.1)
    assert events(publisher) == [b"e1", b"e2"]


def test_the_newest_state_is_published_at_once_and_at_every_connection() -> None:
    publisher = FakePublisher()
    delivery = Delivery(outbox_with(0), publisher)
    delivery.publish_state(b"s1")
    assert states(publisher) == [b"s1"]
    delivery.tick(0.0)
    publisher.lose_line()
    delivery.tick(0.1)
    delivery.publish_state(b"s2")
    delivery.publish_state(b"s3")
    publisher.reconnect()
    delivery.tick(0.2)
    delivery.tick(0.3)
    assert states(publisher)[-1] == b"s3"
    assert b"s2" not in states(publisher)
    sent = len(states(publisher))
    publisher.reconnect()  # so short an interruption that no tick saw it
    delivery.tick(0.4)
    assert states(publisher)[sent:] == [b"s3"]


def test_a_refused_state_is_sent_again_unless_a_newer_one_was() -> None:
    publisher = FakePublisher()
    delivery = Delivery(outbox_with(0), publisher)
    delivery.tick(0.0)
    delivery.publish_state(b"old")
    delivery.publish_state(b"new")
    publisher.refuse(1)
    delivery.tick(0.1)
    delivery.tick(0.1 + RETRY_S)
    assert states(publisher) == [b"old", b"new"]
    publisher.refuse(2)
    delivery.tick(5.0)
    delivery.tick(5.0 + RETRY_S)
    assert states(publisher) == [b"old", b"new", b"new"]


def test_a_disk_that_fails_is_told_and_tried_again_and_nothing_is_sent_twice_meanwhile() -> None:
    outbox, publisher = outbox_with(30), FakePublisher()
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    publisher.acknowledge(*range(1, 21))
    outbox.full = True
    for tick in range(3):
        with pytest.raises(OutboxError):
            delivery.tick(1.0 + tick)
    assert len(publisher.sent) == 20
    outbox.full = False
    delivery.tick(5.0)
    assert events(publisher)[20:] == [f"e{n}".encode() for n in range(21, 31)]
    publisher.acknowledge(*range(21, 31))
    delivery.tick(5.1)
    assert delivery.drained


def test_while_nothing_can_be_taken_off_the_disk_what_is_on_it_and_the_state_still_go_out() -> None:
    outbox, publisher = outbox_with(3), FakePublisher()
    delivery = Delivery(outbox, publisher)
    delivery.tick(0.0)
    publisher.acknowledge(1, 2, 3)
    add(outbox)
    delivery.notify()
    outbox.full = True
    publisher.reconnect()
    delivery.publish_state(b"full")
    with pytest.raises(OutboxError):
        delivery.tick(1.0)
    assert events(publisher) == [b"e1", b"e2", b"e3", b"e4"], "each once"
    assert states(publisher)[-1] == b"full"
    outbox.full = False
    assert delivery.tick(2.0), "the disk let go"
    assert outbox.stats().queued == 1


class AnyOrder(RuleBasedStateMachine):
    """Acknowledgements, refusals, lost lines and full disks in any order: nothing is lost, nothing grows."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox, self.publisher = FakeOutbox(), FakePublisher()
        self.delivery = Delivery(self.outbox, self.publisher, window=4)
        self.finished: set[bytes] = set()
        self.acknowledged: set[bytes] = set()
        self.unanswered: list[int] = []
        self.now_s = 0.0

    @rule()
    def finish_one(self) -> None:
        if not self.outbox.full:
            add(self.outbox)
            self.finished.add(f"e{self.outbox.stats().last_seq}".encode())
            self.delivery.notify()

    @rule(later_s=st.sampled_from([0.1, 5.0]))
    def tick(self, later_s: float) -> None:
        self.now_s += later_s
        before = len(self.publisher.sent)
        try:
            self.delivery.tick(self.now_s)
        except OutboxError:
            assert self.outbox.full
        self.unanswered += [token for token, *_ in self.publisher.sent[before:]]

    @rule(data=st.data(), accept=st.booleans())
    def answer(self, data: st.DataObject, accept: bool) -> None:
        if self.unanswered and self.publisher.connected:
            token = data.draw(st.sampled_from(self.unanswered))
            self.unanswered.remove(token)
            if accept:
                self.publisher.acknowledge(token)
                self.acknowledged.add(self.publisher.sent[token - 1][2])
            else:
                self.publisher.refuse(token)

    @rule()
    def lose_line(self) -> None:
        if self.publisher.connected:
            self.publisher.lose_line()
            self.unanswered.clear()

    @rule()
    def reconnect(self) -> None:
        if not self.publisher.connected:
            self.publisher.reconnect()

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:
        self.outbox.full = full

    @invariant()
    def what_is_not_acknowledged_is_on_disk(self) -> None:
        on_disk = {event.payload for event in self.outbox.ready(0, 10_000)}
        assert self.finished - self.acknowledged <= on_disk

    @invariant()
    def the_window_holds(self) -> None:
        assert len(self.unanswered) <= 4

    def teardown(self) -> None:
        self.outbox.full = False
        self.publisher.reconnect()
        for _ in range(200):
            before = len(self.publisher.sent)
            self.now_s += 5.0
            self.delivery.tick(self.now_s)
            self.publisher.acknowledge(*(token for token, *_ in self.publisher.sent[before:]))
            if self.delivery.drained:
                break
            self.publisher.lose_line()
            self.publisher.reconnect()
        assert self.delivery.drained
        assert not self.outbox.ready(0, 1)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
