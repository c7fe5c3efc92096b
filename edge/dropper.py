"""From the decision to the outcome on disk: intent, drop, second try, outcome. One item at a time.

Disk before motion: the flap moves only once the intent is committed. The outcome is written when the tray was seen
empty, so that one event tells the whole truth about one item.
"""

from __future__ import annotations

from dataclasses import replace

from edge.cycle import HAND_S
from edge.errors import OutboxError
from edge.model import Decision, Fault, FlapReport, Frame, Outcome, Problem, SortEvent, Timing
from edge.parts import Parts

HAND = (
    "something is in the chute: the flaps close once it is gone, take the item off the tray; "
    "if nothing is there, check the light barrier and its cable (flaps.guard_pin)"
)
OLD_S = 2.0  # a picture; a commit takes hundredths of a second
DOOR = "the door is open: nothing moves until it is closed"
NOT_MOVED = "a flap did not move as told; check its power, its wiring and that nothing blocks it"
NOT_FALLEN = "an item did not fall; clear the tray by hand"


class Dropper:
    """Holds the item that was dropped until it is known whether it fell, and its event until the disk took it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._open: SortEvent | None = None  # dropped, not yet known whether it fell
        self._unwritten: SortEvent | None = None  # known, not yet on disk
        self._frame: Frame | None = None
        self._slack = not parts.flap.at_rest  # an obstacle or its pin stopped the flap, or was there at start
        self._door_open = False
        self._hand_since_s: float | None = None

    @property
    def idle(self) -> bool:
        """Whether every item is done with and on disk, the flaps are at rest, and the door is closed."""
        return self._open is None and self._unwritten is None and not self._slack and not self._door_open

    @property
    def blocked(self) -> bool:
        """Whether no item may be taken: something is in the way, or a flap that it stopped is not yet at rest."""
        return self._slack or self._parts.flap.blocked() is not None

    def drop(self, frame: Frame, decision: Decision, timing: Timing, appeared_s: float) -> bool:
        """Commit the intent, move the flap. False when the flap failed. Raises OutboxError before anything moved.

        After a disk that took long nothing moves yet: a hand may be there by now. drop_again() does it.
        """
        began_s = self._parts.clock.monotonic_s()
        self.write()
        event = self._parts.outbox.begin(self._draft(frame, decision, timing))
        in_time = self._parts.clock.monotonic_s() - began_s < OLD_S
        flap = self._parts.flap.sort(event.compartment) if in_time else None
        total_ms = (self._parts.clock.monotonic_s() - appeared_s) * 1000
        self._open = replace(event, flap=flap, timing_ms=replace(timing, total=total_ms))
        self._frame = frame
        return flap is None or self._check(flap)

    def drop_again(self, compartment: str) -> bool:
        """The item still lies there: one more move under the same intent. False when the flap failed.

        compartment: where what lies there goes. Elsewhere than the item: it is another one, nothing moves, and False.
        """
        if self._open is None:
            return True
        if compartment != self._open.compartment:
            self.jammed()
            return False
        before_ms = self._open.flap.ms if self._open.flap is not None else 0.0
        again = self._parts.flap.sort(self._open.compartment)
        self._open = replace(self._open, flap=replace(again, ms=before_ms + again.ms))
        return self._check(again)

    def try_flap(self, compartment: str) -> bool:
        """A move without an item, to see that the flap works. False when it failed."""
        return self._check(self._parts.flap.sort(compartment))

    def jammed(self) -> None:
        """It did not fall, and there is no other try."""
        self._parts.reporter.fault(Fault("jam", NOT_FALLEN, Problem.JAM))
        self._conclude(Outcome.JAM, "the tray was still occupied")

    def cleared(self) -> None:
        """The tray is empty: the item fell, or somebody took it away."""
        self._parts.reporter.healed("jam")
        self._conclude()

    def tend(self) -> None:
        """Called with every frame: write(), and flaps that are not there go to rest. Raises OutboxError."""
        obstacle = self._parts.flap.blocked()
        if self._slack and obstacle is None and self._parts.flap.rest():
            self._slack = False
        self._watch_hand(obstacle is Problem.HAND_IN_CHUTE)
        self._watch_door(obstacle is Problem.DOOR_OPEN)  # after the flaps: a full disk must not keep them from rest
        self.write()

    def _watch_door(self, is_open: bool) -> None:
        if is_open:
            self._parts.reporter.fault(Fault("door", DOOR, Problem.DOOR_OPEN))
        elif self._door_open:
            self._parts.reporter.healed("door")
            if self._parts.rules.emptied_by_door:
                self._parts.outbox.emptied(None)
        self._door_open = is_open

    def _watch_hand(self, is_there: bool) -> None:
        """A hand that stopped nothing is no fault, unless it stays: then it is a barrier that failed."""
        now_s = self._parts.clock.monotonic_s()
        if not is_there:
            self._hand_since_s = None
        elif self._hand_since_s is None:
            self._hand_since_s = now_s
        if self._hand_since_s is not None and (self._slack or now_s - self._hand_since_s > HAND_S):
            self._parts.reporter.fault(Fault("hand", HAND, Problem.HAND_IN_CHUTE))
        elif not self._slack:
            self._parts.reporter.healed("hand")

    def write(self) -> None:
        """Commit a known outcome; tried again with every frame until the disk takes it. Raises OutboxError."""
        if self._unwritten is None:
            return
        event = self._unwritten
        self._parts.outbox.finish(event)
        self._unwritten = None
        self._parts.delivery.notify()
        self._parts.reporter.healed("disk")
        self._parts.reporter.handled(event)
        for observer in self._parts.observers:
            if self._frame is not None:
                observer.handled(event, self._frame)

    def close(self) -> None:
        """The end of the run: an item whose fall was not seen keeps what is known of it."""
        self._conclude()
        try:
            self.write()
        except OutboxError as error:
            # the intent is on disk: the next start publishes it as interrupted
            self._parts.reporter.fault(Fault("disk", str(error), Problem.DISK_FAILED))

    def _check(self, flap: FlapReport) -> bool:
        if flap.ok:
            self._parts.reporter.healed("flap")
        elif flap.problem is Problem.HAND_IN_CHUTE:
            self._slack = True
            self._parts.reporter.fault(Fault("hand", HAND, Problem.HAND_IN_CHUTE))
            self._conclude(Outcome.FLAP_ERROR, "a hand was in the chute")
        elif flap.problem is Problem.DOOR_OPEN:
            self._slack = True  # tend() tells of the door, and goes on when it is closed
            self._conclude(Outcome.FLAP_ERROR, "the door was opened")
        else:
            self._slack = not self._parts.flap.at_rest  # it may stand open: tend() tries again
            self._parts.reporter.fault(Fault("flap", NOT_MOVED, Problem.FLAP_FAILED))
            self._conclude(Outcome.FLAP_ERROR, "the flap did not move as told")
        return flap.ok

    def _conclude(self, outcome: Outcome | None = None, reason: str | None = None) -> None:
        """By default the outcome is what was decided, where anything moved."""
        if self._open is not None:
            event, self._open = self._open, None
            if outcome is None and event.flap is None:
                outcome, reason = Outcome.FLAP_ERROR, "the disk took long, so nothing moved"
            self._unwritten = event if outcome is None else replace(event, outcome=outcome, reason=reason)

    def _draft(self, frame: Frame, decision: Decision, timing: Timing) -> SortEvent:
        parts = self._parts
        return SortEvent(
            event_id=parts.new_id(),
            bin_id=parts.rules.bin_id,
            seq=0,
            time=parts.clock.wall(),
            clock_synced=parts.clock.synced(),
            outcome=decision.outcome,
            label=decision.label,
            confidence=decision.confidence,
            compartment=decision.compartment,
            compartment_confidence=decision.compartment_confidence,
            reason=decision.reason,
            top=decision.top,
            votes=decision.votes,
            flap=None,
            timing_ms=timing,
            model=parts.model,
            image=frame.source,
        )
