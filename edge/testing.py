"""A fake of every port, for tests here and in programs that use this package. Each records what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge.errors import CameraError, ModelError, OutboxError, SiteError, TriggerError
from edge.model import (
    Box,
    Correction,
    Decision,
    Fault,
    FlapReport,
    Frame,
    Phase,
    Pixels,
    Prediction,
    Problem,
    Signal,
    SortEvent,
)
from edge.ports import OutboxStats, Received, Stored


def blank_frame(at_s: float = 0.0, source: str | None = None, level: int = 90) -> Frame:
    """An evenly grey picture, 64 x 48."""
    rgb = np.full((48, 64, 3), level, np.uint8)
    return Frame(rgb=rgb, luma=rgb[::2, ::2, 0].copy(), at_s=at_s, source=source)


def prediction_for(label_index: int, labels: int, logit: float = 8.0) -> Prediction:
    """A classifier's answer that is sure of one label."""
    logits = np.zeros(labels, np.float32)
    logits[label_index] = logit
    return Prediction(logits=logits, embedding=None, inference_ms=1.0)


class FakeClock:
    """A monotonic clock that moves when told, or by `step_s` with every look."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s = 0.0
        self._step_s = step_s

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Lets time pass at once."""
        self.now_s += seconds


class FakeCamera:
    """Shows the given frames and faults, then ends. `broken`: open() fails with this message."""

    def __init__(self, seen: Iterable[Frame | Fault], broken: str | None = None) -> None:
        self._seen = seen
        self._broken = broken
        self.closed = False

    def open(self) -> None:
        if self._broken is not None:
            raise CameraError(self._broken)

    def frames(self) -> Iterator[Frame | Fault]:
        yield from self._seen

    def close(self) -> None:
        self.closed = True


class FakeTrigger:
    """Answers each frame with the next of the given signals; EMPTY once they are used up; an error is raised."""

    def __init__(self, signals: Iterable[Signal | Phase | TriggerError]) -> None:
        self._signals = iter(signals)
        self.closed = False

    def observe(self, frame: Frame) -> Signal:
        signal = next(self._signals, Phase.EMPTY)
        if isinstance(signal, TriggerError):
            raise signal
        return signal if isinstance(signal, Signal) else Signal(signal)

    def close(self) -> None:
        self.closed = True


class FakeClassifier:
    """Gives the next of the given predictions for every picture, the last one for ever; an error is raised."""

    def __init__(self, answers: Sequence[Prediction | ModelError]) -> None:
        self._answers = list(answers)
        self.pictures: list[Pixels] = []
        self.closed = False

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [rgb.shape for rgb in self.pictures]

    def classify(self, rgb: Pixels) -> Prediction:
        self.pictures.append(rgb)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ModelError):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


class FakeFlap:
    """Notes every move; the moves whose number is in `fails` report ok=False.

    obstacle: what is in the way; set it in before_move to have the move stopped.
    """

    def __init__(self, fails: Iterable[int] = (), before_move: Callable[[], None] | None = None) -> None:
        self.moves: list[str] = []
        self.obstacle: Problem | None = None
        self.at_rest = True
        self._fails = frozenset(fails)
        self._before_move = before_move or (lambda: None)
        self.closed = False

    def sort(self, compartment: str) -> FlapReport:
        self._before_move()
        self.moves.append(compartment)
        self.at_rest = self.obstacle is None
        if self.obstacle is not None:
            return FlapReport(ok=False, ms=5.0, problem=self.obstacle)
        ok = len(self.moves) not in self._fails
        return FlapReport(ok, ms=10.0, problem=None if ok else Problem.FLAP_FAILED)

    def rest(self) -> bool:
        """Only an obstacle keeps it from rest."""
        self.at_rest = self.obstacle is None
        return self.at_rest

    def blocked(self) -> Problem | None:
        return self.obstacle

    def close(self) -> None:
        self.closed = True


class FakeNotifier:
    """Notes what the service manager would be told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.progressed = 0

    def ready(self, status: str) -> None:
        self.told.append(f"ready {status}")

    def status(self, status: str) -> None:
        self.told.append(status)

    def progress(self) -> None:
        self.progressed += 1

    def stopping(self) -> None:
        self.told.append("stopping")


class FakeObserver:
    """Notes what an observer would see."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.events: list[SortEvent] = []
        self.decisions: list[tuple[Box, Sequence[Prediction], Decision]] = []

    def saw(self, frame: Frame, signal: Signal) -> None:
        self.signals.append(signal)

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        self.decisions.append((box, votes, decision))

    def handled(self, event: SortEvent, frame: Frame) -> None:
        self.events.append(event)


class FakeOutbox:
    """Events in memory. While `full` is true every write raises OutboxError."""

    def __init__(self) -> None:
        self.events: dict[int, SortEvent] = {}
        self.finished: set[int] = set()
        self.corrections: dict[int, Correction] = {}  # by their numbers below 0
        self._said = 0
        self.full = False
        self._last_seq = 0
        self.since_emptied: Mapping[str, int] = {}
        self.closed = False

    def begin(self, event: SortEvent) -> SortEvent:
        self._write()
        self._last_seq += 1
        event = replace(event, seq=self._last_seq)
        self.events[event.seq] = event
        return event

    def finish(self, event: SortEvent) -> None:
        self._write()
        self.events[event.seq] = event
        if event.seq not in self.finished:
            count = self.since_emptied.get(event.compartment, 0)
            self.since_emptied = {**self.since_emptied, event.compartment: count + 1}
        self.finished.add(event.seq)

    def emptied(self, compartment: str | None) -> None:
        self._write()
        self.since_emptied = {
            name: count for name, count in self.since_emptied.items() if compartment not in (None, name)
        }

    def correct(self, correction: Correction) -> None:
        self._write()
        self._said -= 1
        self.corrections[self._said] = correction

    def ready(self, after_seq: int, limit: int) -> Sequence[Stored]:
        seqs = sorted(seq for seq in self.finished if seq > after_seq)[:limit]
        events = [Stored(seq, self.events[seq].event_id.encode()) for seq in seqs]
        said = [
            Stored(number, correction.event_id.encode(), "correction")
            for number, correction in self.corrections.items()
        ]
        return [*events, *said[: limit - len(events)]]

    def remove(self, seqs: Sequence[int]) -> None:
        self._write()
        for seq in seqs:
            self.finished.discard(seq)
            self.events.pop(seq, None)
            self.corrections.pop(seq, None)

    def stats(self) -> OutboxStats:
        return OutboxStats(len(self.finished), 0, self._last_seq, since_emptied=self.since_emptied)

    def close(self) -> None:
        self.closed = True

    def _write(self) -> None:
        if self.full:
            raise OutboxError("the disk is full")


class FakeKeeper:
    """Keeps labels in memory. `broken`: keep() fails with this message."""

    def __init__(self, broken: str | None = None) -> None:
        self.kept: list[tuple[Frame, Box, str]] = []
        self._broken = broken

    def keep(self, frame: Frame, box: Box, prediction: Prediction, label: str) -> str:
        if self._broken is not None:
            raise SiteError(self._broken)
        self.kept.append((frame, box, label))
        return f"kept-{len(self.kept)}"


class FakeInbox:
    """Commands to be taken, and what was replied. None: nothing came then. While `away` is true no reply is taken."""

    def __init__(self, received: Iterable[Received | None] = ()) -> None:
        self.waiting = list(received)
        self.replies: list[tuple[str, bytes]] = []
        self.pictures: list[bytes] = []
        self.away = False

    def take(self) -> Received | None:
        return self.waiting.pop(0) if self.waiting else None

    def reply(self, name: str, payload: bytes) -> bool:
        if not self.away:
            self.replies.append((name, payload))
        return not self.away

    def show(self, jpeg: bytes) -> bool:
        if not self.away:
            self.pictures.append(jpeg)
        return not self.away


class FakePublisher:
    """A broker in memory. Messages wait in `sent` until acknowledge() or refuse() is called with their tokens."""

    def __init__(self, connected: bool = True) -> None:
        self.connected = connected
        self.connects = int(connected)
        self.trouble: str | None = None
        self.sent: list[tuple[int, str, bytes, bool]] = []
        self._unanswered: list[int] = []
        self._acknowledged: list[int] = []
        self._refused: list[int] = []
        self.closed = False

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        if not self.connected:
            return None
        token = len(self.sent) + 1
        self.sent.append((token, topic, payload, retain))
        self._unanswered.append(token)
        return token

    def lose_line(self) -> None:
        """What was not answered comes back as refused."""
        self.connected = False
        self.refuse(*self._unanswered)

    def reconnect(self) -> None:
        """The line is there (again)."""
        self.connected = True
        self.connects += 1

    def acknowledge(self, *tokens: int) -> None:
        """The broker acknowledges these."""
        self._acknowledged += tokens
        self._unanswered = [token for token in self._unanswered if token not in tokens]

    def refuse(self, *tokens: int) -> None:
        """The broker refuses these."""
        self._refused += tokens
        self._unanswered = [token for token in self._unanswered if token not in tokens]

    def acknowledged(self) -> Sequence[int]:
        tokens, self._acknowledged = self._acknowledged, []
        return tokens

    def refused(self) -> Sequence[int]:
        tokens, self._refused = self._refused, []
        return tokens

    def close(self) -> None:
        self.closed = True
