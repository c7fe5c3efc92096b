"""The whole flow: frame -> trigger -> votes -> decision -> intent on disk -> flap -> outcome on disk -> delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from edge import cycle
from edge.commander import Commander
from edge.cycle import Action, Cycle, Stage
from edge.decision import decide, together
from edge.dropper import Dropper
from edge.errors import ModelError, OutboxError, TriggerError
from edge.model import WHOLE_FRAME, Box, Decision, Fault, Frame, Phase, Prediction, Problem, Signal, Timing
from edge.parts import Parts
from edge.preprocess import cut, laid


def run(parts: Parts, should_stop: Callable[[], bool], between_items: Callable[[], bool] = lambda: False) -> None:
    """Sort until should_stop() or the camera's frames end. Faults are reported and heal; they do not end it.

    between_items: asked while no item is on its way; True ends the run too.
    """
    sorter = Sorter(parts)
    commander = Commander(parts.inbox, parts, sorter) if parts.inbox is not None else None
    for seen in parts.camera.frames():
        if should_stop() or (sorter.idle and between_items()):
            break
        with _faults_of(parts):
            sorter.handle(seen)
        with _faults_of(parts):  # on its own: what is on disk is delivered while the disk takes nothing more
            if parts.delivery.tick(parts.clock.monotonic_s()):
                parts.reporter.healed("disk")
        parts.reporter.tick(parts.clock.monotonic_s())
        if commander is not None:
            commander.tick()
        parts.notifier.progress()
    sorter.close()


@contextmanager
def _faults_of(parts: Parts) -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        parts.reporter.fault(Fault("model", str(error), Problem.MODEL_FAILED))
    except OutboxError as error:
        parts.reporter.fault(Fault("disk", str(error), Problem.DISK_FAILED))


class Sorter:
    """What has been seen of the item on the tray, and what to do about it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._dropper = Dropper(parts)
        self._cycle = Cycle()
        self._votes: list[Prediction] = []
        self._phase: Phase | None = None
        self._frame: Frame | None = None
        self._box = WHOLE_FRAME
        self._appeared_s: float | None = None
        self._settled_s = 0.0

    def handle(self, seen: Frame | Fault) -> None:
        """Take in one frame, or the camera's word that there is none. Raises ModelError, OutboxError."""
        if isinstance(seen, Fault):
            self._unseen(seen)
        else:
            self._parts.reporter.healed("camera")
            try:
                self._see(seen)
            except TriggerError as error:
                self._unseen(Fault("trigger", str(error), Problem.TRIGGER_FAILED))
        self._dropper.tend()

    def _unseen(self, fault: Fault) -> None:
        self._votes.clear()  # what lies there when it is seen again may be something else
        self._cycle = cycle.unseen(self._cycle)
        self._phase = self._frame = self._appeared_s = None
        self._parts.reporter.fault(fault)

    def _see(self, seen: Frame) -> None:
        self._frame = seen
        signal = self._look(seen)
        self._cycle, action = cycle.step(self._cycle, signal, seen.at_s, self._parts.rules.clear_s)
        match action:
            case Action.VOTE if not self._parts.reporter.state.paused:
                self._vote(seen, signal)
            case Action.VOTE | Action.FORGET:
                self._votes.clear()
            case Action.RETRY:
                self._sort_again(seen, signal)
            case Action.JAM:
                self._dropper.jammed()
            case Action.CLEAR:
                self._dropper.cleared()

    @property
    def idle(self) -> bool:
        """Whether no item is being voted on, falling, or waiting for the disk, and the door is closed."""
        return self._cycle.stage in (Stage.ARMED, Stage.VOTING) and not self._votes and self._dropper.idle

    @property
    def phase(self) -> Phase | None:
        """What the last frame showed; None while the camera or the trigger does not deliver."""
        return self._phase

    @property
    def frame(self) -> Frame | None:
        """The tray as it is now; None while the camera or the trigger does not deliver."""
        return self._frame

    def look(self) -> tuple[Box, Prediction]:
        """Where on the last frame something lies, and what it may be. Raises ModelError."""
        if self._frame is None:
            raise ModelError("there is no picture to look at")
        return self._box, self._ask(self._frame, self._box)

    def try_flap(self, compartment: str) -> bool:
        """Move one flap once, with no item; only while idle. False when it did not move as told."""
        return self._dropper.try_flap(compartment)

    def close(self) -> None:
        """The end of the run."""
        self._dropper.close()

    def _look(self, frame: Frame) -> Signal:
        signal = self._parts.trigger.observe(frame)
        self._parts.reporter.healed("trigger")
        if signal.phase is Phase.SETTLED and self._dropper.blocked:
            signal = replace(signal, phase=Phase.MOVING)  # nothing is settled while a hand is in the chute
        if signal.phase is Phase.EMPTY and self._phase in (None, Phase.LEARNING):
            self._parts.reporter.tray_known()
        self._phase, self._box = signal.phase, signal.box or WHOLE_FRAME
        for observer in self._parts.observers:
            observer.saw(frame, signal)
        if signal.phase in (Phase.EMPTY, Phase.LEARNING):
            self._appeared_s = None
        elif self._appeared_s is None:
            self._appeared_s = self._parts.clock.monotonic_s()
        return signal

    def _vote(self, frame: Frame, signal: Signal) -> None:
        parts = self._parts
        if not self._votes:
            self._settled_s = parts.clock.monotonic_s()
        self._votes.append(self._ask(frame, signal.box or WHOLE_FRAME, vote=len(self._votes)))
        parts.reporter.healed("model")
        if len(self._votes) == parts.rules.votes:
            votes, self._votes = self._votes, []
            self._sort(frame, votes, signal)

    def _ask(self, frame: Frame, box: Box, vote: int = 0) -> Prediction:
        return self._parts.classifier.classify(laid(cut(frame.rgb, box, self._parts.rules.margin), vote))

    def _sort(self, frame: Frame, votes: list[Prediction], signal: Signal) -> None:
        monotonic_s = self._parts.clock.monotonic_s
        appeared_s = self._settled_s if self._appeared_s is None else self._appeared_s
        before_s = monotonic_s()
        decision = self._decide(frame, votes, signal.items)
        timing = Timing(
            settle=(self._settled_s - appeared_s) * 1000,
            inference=sum(vote.inference_ms for vote in votes) / len(votes),
            decide=(monotonic_s() - before_s) * 1000,
        )
        for observer in self._parts.observers:
            observer.decided(frame, signal.box or WHOLE_FRAME, votes, decision)
        moved = self._dropper.drop(frame, decision, timing, appeared_s)
        self._cycle = cycle.dropped(self._cycle)
        self._stop_unless(moved)

    def _sort_again(self, frame: Frame, signal: Signal) -> None:
        """Where what lies there goes is asked anew: it may be the next item, put down before the tray was empty."""
        decision = self._decide(frame, [self._ask(frame, signal.box or WHOLE_FRAME)], signal.items)
        self._stop_unless(self._dropper.drop_again(decision.compartment))

    def _decide(self, frame: Frame, votes: list[Prediction], items: Sequence[Box]) -> Decision:
        """Of several things, which fall together, each is asked by itself."""
        policy = self._parts.policy
        if not items:
            return decide(votes, policy)
        return together([decide([self._ask(frame, box)], policy) for box in items], policy)

    def _stop_unless(self, moved: bool) -> None:
        if not moved:
            self._cycle = cycle.stuck(self._cycle)
