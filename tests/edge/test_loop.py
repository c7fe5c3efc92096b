"""The whole flow with fakes: what reaches the flap, the disk and the broker, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from fakebin import BATTERY, GLASS, ITEM, Bin
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ModelError
from edge.model import WHOLE_FRAME, Box, Fault, Frame, Outcome, Phase, Problem, Signal, SortEvent
from edge.ports import OutboxStats, Received
from edge.testing import FakeClock, FakeFlap, FakeInbox, FakeOutbox, FakePublisher, blank_frame, prediction_for


def test_an_item_is_dropped_and_published_once() -> None:
    one = Bin(ITEM)
    (event,) = one.run()
    assert one.flap.moves == ["recycling"]
    assert (event.seq, event.outcome, event.label, event.compartment) == (1, Outcome.SORTED, "glass", "recycling")
    assert (event.votes, event.image, event.clock_synced) == (3, "4.jpg", False)
    assert event.flap is not None
    assert event.flap.ok
    assert event.timing_ms.total > event.timing_ms.settle > 0
    assert one.observer.events == [event]
    assert [topic for _, topic, _, _ in one.publisher.sent].count("event") == 1


def test_the_log_says_when_the_tray_is_known_and_items_may_come(caplog: pytest.LogCaptureFixture) -> None:
    """Also after everything had changed, and after the camera was away."""
    caplog.set_level(logging.INFO)
    learning = [Phase.LEARNING] * 2
    Bin([*learning, *ITEM, *learning, *ITEM]).run()
    assert [r.message for r in caplog.records].count("tray empty=yes: items may come") == 2
    caplog.clear()
    Bin(ITEM, seen=[blank_frame(0.0), Fault("camera", "gone", Problem.CAMERA_LOST), blank_frame(1.0)]).run()
    assert "tray empty=yes: items may come" in caplog.messages


def test_observers_are_told_of_the_decision_before_anything_moves() -> None:
    told: list[int] = []
    one = Bin([Phase.EMPTY, *[Signal(Phase.SETTLED, Box(0.25, 0.25, 0.25, 0.25))] * 3, Phase.EMPTY])
    one.flap = FakeFlap(before_move=lambda: told.append(len(one.observer.decisions)))
    one.run()
    ((box, votes, decision),) = one.observer.decisions
    assert (box, len(votes), decision.label, told) == (Box(0.25, 0.25, 0.25, 0.25), 3, "glass", [1])
    unknown_place = Bin(ITEM)
    unknown_place.run()
    assert unknown_place.observer.decisions[0][0] == WHOLE_FRAME


def test_each_vote_looks_at_the_item_in_another_lay() -> None:
    frames = [blank_frame(i / 10) for i in range(len(ITEM) * 2)]
    for frame in frames:
        frame.rgb[0, 0] = 255
    two = Bin(ITEM * 2, seen=frames)
    two.run()
    corners = [np.argwhere(picture[..., 0] == 255)[0].tolist() for picture in two.asked.pictures]
    assert corners == [[0, 0], [0, 63], [47, 63]] * 2


def test_every_item_gets_its_own_event_in_order() -> None:
    three = Bin(ITEM * 3, answers=[GLASS] * 3 + [BATTERY] * 3 + [GLASS] * 3)
    assert [(e.seq, e.compartment) for e in three.run()] == [(1, "recycling"), (2, "hazard"), (3, "recycling")]
    assert three.flap.moves == ["recycling", "hazard", "recycling"]


def test_the_intent_is_on_disk_before_the_flap_moves() -> None:
    outbox = FakeOutbox()
    on_disk: list[int] = []
    one = Bin(ITEM, outbox=outbox, flap=FakeFlap(before_move=lambda: on_disk.append(len(outbox.events))))
    one.run()
    assert on_disk == [1]


def test_the_classifier_sees_the_box_with_its_margin() -> None:
    settled = Signal(Phase.SETTLED, Box(0.25, 0.25, 0.25, 0.25))
    one = Bin([Phase.EMPTY, settled, settled, settled, Phase.EMPTY])
    one.run()
    assert one.asked.shapes == [(24, 24, 3)] * 3, "16 x 12 px, made square, 25 % of 16 px on each side"


def test_an_item_that_moves_during_the_vote_is_looked_at_again() -> None:
    one = Bin([Phase.EMPTY, Phase.SETTLED, Phase.SETTLED, Phase.MOVING, *[Phase.SETTLED] * 3, Phase.EMPTY])
    (event,) = one.run()
    assert (event.votes, event.image) == (3, "6.jpg")


def test_an_item_that_is_taken_away_is_not_dropped() -> None:
    one = Bin([Phase.EMPTY, Phase.SETTLED, Phase.SETTLED, Phase.EMPTY, Phase.EMPTY])
    assert one.run() == []
    assert one.flap.moves == []


def test_an_unsure_bin_says_so_and_uses_the_default() -> None:
    unsure = Bin(ITEM, answers=[prediction_for(0, 2, logit=0.0)])
    (event,) = unsure.run()
    assert (event.outcome, event.compartment) == (Outcome.ABSTAINED, "landfill")
    assert event.reason
    assert unsure.flap.moves == ["landfill"]


def test_an_item_that_falls_at_the_second_try_is_sorted_once() -> None:
    slow = Bin([*ITEM[:-1], *[Phase.SETTLED] * 15, Phase.EMPTY])
    (event,) = slow.run()
    assert slow.flap.moves == ["recycling", "recycling"]
    assert event.outcome is Outcome.SORTED
    assert event.flap is not None
    assert event.flap.ms == 20.0


def test_an_item_that_stays_is_a_jam_until_the_tray_is_empty() -> None:
    jam = Bin([*ITEM[:-1], *[Phase.SETTLED] * 60])
    (event,) = jam.run()
    assert (event.outcome, jam.flap.moves) == (Outcome.JAM, ["recycling"] * 2)
    assert [f.part for f in jam.reporter.state.faults] == ["jam"]
    cleared = Bin([*ITEM[:-1], *[Phase.SETTLED] * 60, *ITEM])
    assert [e.outcome for e in cleared.run()] == [Outcome.JAM, Outcome.SORTED]
    assert not cleared.reporter.state.faults, "an empty tray heals a jam"


def test_a_flap_that_fails_stops_the_bin_until_the_tray_is_empty() -> None:
    broken = Bin([*ITEM[:-1], *[Phase.SETTLED] * 60, *ITEM], flap=FakeFlap(fails={1}))
    events = broken.run()
    assert [e.outcome for e in events] == [Outcome.FLAP_ERROR, Outcome.SORTED]
    assert broken.flap.moves == ["recycling"] * 2, "no second try with a flap that does not obey"
    assert not broken.reporter.state.faults, "the flap works again"


def test_a_camera_fault_is_told_and_heals() -> None:
    fault = Fault("camera", "unplugged", Problem.CAMERA_LOST)
    seen: list[Frame | Fault] = [blank_frame(0), fault, fault]
    gone = Bin([Phase.EMPTY], seen=seen)
    gone.run()
    assert gone.reporter.state.faults == (fault,)
    assert gone.notifier.progressed == 3, "waiting for a camera is progress: the watchdog must not bite"
    back = Bin([Phase.EMPTY, Phase.EMPTY], seen=[*seen, blank_frame(1)])
    back.run()
    assert not back.reporter.state.faults


def test_a_classifier_that_fails_drops_nothing_and_heals() -> None:
    sick = Bin([*ITEM[:-1], Phase.SETTLED, Phase.EMPTY], answers=[ModelError("NaN"), GLASS, GLASS, GLASS])
    (event,) = sick.run()
    assert event.votes == 3
    assert not sick.reporter.state.faults
    failing = Bin(ITEM, answers=[ModelError("NaN")])
    assert failing.run() == []
    assert failing.flap.moves == []
    assert [f.part for f in failing.reporter.state.faults] == ["model"]


def test_a_full_disk_moves_nothing_and_the_item_is_sorted_once_there_is_room() -> None:
    outbox = FakeOutbox()
    outbox.full = True

    def signals() -> Iterable[Phase]:
        yield from [Phase.EMPTY, *[Phase.SETTLED] * 6]
        outbox.full = False
        yield from [*[Phase.SETTLED] * 3, Phase.EMPTY]

    frames: list[Frame | Fault] = [blank_frame(i / 10) for i in range(11)]
    full = Bin(signals(), outbox=outbox, seen=frames)
    (event,) = full.run()
    assert full.flap.moves == ["recycling"]
    assert event.seq == 1
    assert not full.reporter.state.faults


def test_an_outcome_that_the_disk_refuses_is_written_when_it_heals() -> None:
    outbox = FakeOutbox()
    flap = FakeFlap(before_move=lambda: setattr(outbox, "full", True))
    one = Bin([*ITEM, *[Phase.EMPTY] * 3], outbox=outbox, flap=flap)
    one.run()
    assert outbox.events
    assert not outbox.finished, "the intent alone is on disk: the next start tells it as interrupted"
    assert [f.part for f in one.reporter.state.faults] == ["disk"]


def test_what_is_on_disk_is_delivered_while_the_disk_takes_nothing_more() -> None:
    outbox, publisher = FakeOutbox(), FakePublisher(connected=False)
    signals = [*ITEM * 2, *[Phase.EMPTY] * 5]

    def frames() -> Iterator[Frame | Fault]:
        for i in range(len(signals)):
            if i == len(signals) - 3:
                publisher.reconnect()
            yield blank_frame(i / 10)

    flap = FakeFlap(before_move=lambda: setattr(outbox, "full", bool(outbox.finished)))
    two = Bin(signals, outbox=outbox, publisher=publisher, flap=flap, seen=frames())
    two.run()
    assert len(flap.moves) == 2
    assert [topic for _, topic, _, _ in publisher.sent].count("event") == 1, "the first; the second is not on disk yet"


class Slow(FakeOutbox):
    """A card that takes its time with an intent."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def begin(self, event: SortEvent) -> SortEvent:
        self._clock.sleep(5.0)
        return super().begin(event)


@pytest.mark.parametrize(
    ("then", "moves", "outcome"),
    [
        ([*[Phase.MOVING] * 20, Phase.SETTLED, Phase.EMPTY], ["recycling"], Outcome.SORTED),
        ([Phase.MOVING, Phase.EMPTY], [], Outcome.FLAP_ERROR),
        ([], [], Outcome.FLAP_ERROR),
    ],
    ids=["a hand", "taken away", "the end"],
)
def test_after_a_disk_that_took_long_nothing_moves_before_the_tray_was_looked_at(
    then: list[Phase], moves: list[str], outcome: Outcome
) -> None:
    clock = FakeClock(step_s=0.001)
    slow = Bin([*ITEM[:-1], *then], outbox=Slow(clock), clock=clock)
    (event,) = slow.run()
    assert (slow.flap.moves, event.outcome) == (moves, outcome)
    assert (event.flap is None) == (not moves)
    assert event.reason == (None if moves else "the disk took long, so nothing moved"), "nor was it gone at the end"


class Unreadable(FakeOutbox):
    """While `full` is true it cannot be read either."""

    def stats(self) -> OutboxStats:
        self._write()
        return super().stats()


def test_an_outbox_that_cannot_be_read_is_told_stops_no_command_and_heals() -> None:
    outbox = Unreadable()
    inbox = FakeInbox([*[None] * 8, Received("use-model", b'{"id":"1","time":"2026-01-01T00:00:00Z","model":"base"}')])

    def frames() -> Iterator[Frame | Fault]:
        for i in range(20):
            outbox.full = 6 <= i < 12
            yield blank_frame(i / 10)

    bin_ = Bin([*ITEM, *[Phase.EMPTY] * 14], outbox=outbox, inbox=inbox, seen=frames(), clock=FakeClock(step_s=0.9))
    bin_.run()
    assert [name for name, _ in inbox.replies] == ["use-model"]
    ill = [state for state in bin_.states if [fault.part for fault in state.faults] == ["disk"]]
    assert ill, "nobody was told"
    assert {(state.queued, *state.since_emptied.items()) for state in ill} == {(1, ("recycling", 1))}, "as read last"
    assert not bin_.states[-1].faults, "without an item more"


def test_stops_when_told_with_the_last_item_written() -> None:
    calls = iter([False] * 5)
    stopped = Bin(ITEM * 5)
    (event,) = stopped.run(should_stop=lambda: next(calls, True))
    assert event.outcome is Outcome.SORTED, "the flap moved as told; that the tray was not seen empty changes nothing"
    assert stopped.flap.moves == ["recycling"]


@pytest.mark.parametrize("silent", [Phase.EMPTY, Phase.LEARNING, Phase.MOVING])
def test_nothing_moves_without_a_settled_item(silent: Phase) -> None:
    quiet = Bin([silent] * 50)
    assert quiet.run() == []
    assert quiet.flap.moves == []


@given(st.lists(st.sampled_from(list(Phase)), max_size=120), st.sets(st.integers(1, 10), max_size=4))
def test_every_movement_is_covered_by_one_event(phases: list[Phase], fails: set[int]) -> None:
    anything = Bin(phases, flap=FakeFlap(fails=fails))
    events = anything.run()
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert len({e.event_id for e in events}) == len(events)
    assert len(events) <= len(anything.flap.moves) <= 2 * len(events)
    assert len(anything.outbox.events) == len(events), "no intent is left open"
