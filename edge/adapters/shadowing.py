"""Lets a new model answer beside the one that sorts: an observer that only notes, and a thread that asks when idle.

Nothing here moves a flap or holds up the sorting: it asks once an item, when the tray is empty again, and what it does
not get to it leaves out. A model that cannot be used, is too slow or too often unsure is put back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge import shadow
from edge.adapters.model_store import ModelStore
from edge.decision import Policy, decide
from edge.errors import ConfigError, ModelError, UpdateError
from edge.logs import fields
from edge.model import Box, Decision, Frame, Phase, Prediction, Signal, SortEvent
from edge.ports import Classifier
from edge.preprocess import cut, laid
from edge.shadow import Comparison, Limits, Result

log = logging.getLogger(__name__)

FILE = "shadow.json"
LOOK_EVERY_S = 30.0
NOTE_EVERY_S = 600.0  # what a power cut may cost; each note is a write to the card
MOST_BEGUN = 3
STOPS_WITHIN_S = 5.0
ENDED = f"the bin ended {MOST_BEGUN} times before it answered"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new model, ready to be asked. margin: how much around an item it sees."""

    classifier: Classifier
    policy: Policy
    margin: float


@dataclass(frozen=True, slots=True)
class _Seen:
    frame: Frame
    box: Box
    votes: Sequence[Prediction]


class Shadowing:
    """Implements ports.Observer. close() it.

    open_candidate(folder) raises ModelError, ConfigError. against, sorts: which model sorts, and its policy.
    put_back(reason, package): it is not taken again by itself. take: whether a good one is used at once.
    """

    def __init__(
        self,
        store: ModelStore,
        open_candidate: Callable[[Path], Candidate],
        *,
        against: str,
        sorts: Policy,
        limits: Limits,
        take: bool,
        put_back: Callable[[str, str], None],
        monotonic_s: Callable[[], float],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.comparison: Comparison | None = None  # the last one
        self.limits = limits
        self._store = store
        self._open_candidate = open_candidate
        self._against = against
        self._sorts = sorts
        self._take = take
        self._put_back = put_back
        self._monotonic_s = monotonic_s
        self._look_every_s = look_every_s
        self._candidate: Candidate | None = None
        self._decided: _Seen | None = None
        self._waiting: _Seen | None = None
        self._idle = False
        self._passed_s = self._noted_s = monotonic_s()
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def saw(self, frame: Frame, signal: Signal) -> None:
        """See ports.Observer."""
        self._idle = signal.phase is Phase.EMPTY
        if self._idle and self._waiting is not None:
            self._wake.set()

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        """See ports.Observer."""
        self._decided = _Seen(frame, box, votes)

    def handled(self, event: SortEvent, frame: Frame) -> None:
        """See ports.Observer. The newest item takes the place of one that still waits."""
        if self._decided is not None and self._decided.frame is frame and self._candidate is not None:
            self._waiting = self._decided
            self._wake.set()
        self._decided = None

    def close(self) -> None:
        """Twice is fine."""
        self._closing.set()
        self._wake.set()
        self._thread.join(STOPS_WITHIN_S)

    def _work(self) -> None:
        self.comparison = shadow.parse(self._store.read(FILE))
        looked_s = float("-inf")
        while not self._closing.is_set():
            now_s = self._monotonic_s()
            if now_s - looked_s >= self._look_every_s:
                looked_s = now_s
                self._try(self._look)
            self._try(self._ask)
            self._try(partial(self._settle, now_s))
            self._wake.wait(self._look_every_s)
            self._wake.clear()
        self._end()

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (ModelError, ConfigError, ValueError) as error:  # the last: its files do not fit each other
            self._reject(Result.FAILED, str(error))
        except UpdateError as error:
            log.warning("shadow %s", fields(message=error))

    def _look(self) -> None:
        """Is there a new model to be compared, or another than before?"""
        package, known = self._store.candidate(), self.comparison
        if self._candidate is not None and (package is None or known is None or package != known.package):
            self._drop()
        if package is None:
            return
        if known is None or (known.package, known.against) != (package, self._against):
            self.comparison = Comparison(package, self._against)
        if self._candidate is None and self.comparison is not None and self.comparison.result is Result.COMPARING:
            self._begin(self.comparison)

    def _begin(self, comparison: Comparison) -> None:
        if comparison.begun >= MOST_BEGUN:
            raise ModelError(ENDED)
        self._note(replace(comparison, begun=comparison.begun + 1))
        self._candidate = self._open_candidate(self._store.path(comparison.package))
        log.info("shadow %s", fields(begins=comparison.package, items=comparison.items))

    def _ask(self) -> None:
        seen, candidate, so_far = self._waiting, self._candidate, self.comparison
        if seen is None or candidate is None or so_far is None or not self._idle:
            return
        self._waiting = None
        last = len(seen.votes) - 1
        answer = candidate.classifier.classify(laid(cut(seen.frame.rgb, seen.box, candidate.margin), last))
        old, new = decide([seen.votes[last]], self._sorts), decide([answer], candidate.policy)
        # the first vote of an item, as this answer, finds the processor as it is after a pause
        after = shadow.compared(so_far, old, new, seen.votes[0].inference_ms, answer.inference_ms)
        self.comparison = after
        if so_far.begun:
            self._note(after)

    def _settle(self, now_s: float) -> None:
        """Judge it, note it now and then, take a good one over."""
        passed_h, self._passed_s = (now_s - self._passed_s) / 3600, now_s
        if self.comparison is not None and self._candidate is not None:
            self.comparison = replace(self.comparison, hours=self.comparison.hours + passed_h)
            self._judge(self.comparison, now_s)
        done = self.comparison
        if self._take and done is not None and done.result is Result.FINE and self._store.candidate() == done.package:
            self._store.use(done.package)

    def _judge(self, so_far: Comparison, now_s: float) -> None:
        result, reason = shadow.judged(so_far, self.limits)
        if result in (Result.TOO_SLOW, Result.ABSTAINS):
            self._reject(result, reason)
        elif result is Result.FINE:
            self._drop()
            self._note(replace(so_far, result=result))
            log.info("shadow %s", fields(fine=so_far.package, items=so_far.items))
        elif now_s - self._noted_s > NOTE_EVERY_S:
            self._note(so_far)

    def _reject(self, result: Result, reason: str) -> None:
        self._drop()
        if self.comparison is None:
            return
        self._put_back(reason, self.comparison.package)
        self.comparison = replace(self.comparison, result=result)
        self._try(lambda: self._note(self.comparison))

    def _note(self, comparison: Comparison | None) -> None:
        if comparison is not None:
            self.comparison, self._noted_s = comparison, self._monotonic_s()
            self._store.write(FILE, shadow.dump(comparison))

    def _drop(self) -> None:
        candidate, self._candidate, self._waiting = self._candidate, None, None
        if candidate is not None:
            candidate.classifier.close()

    def _end(self) -> None:
        """A clean end is no failure of what was begun with."""
        if self._candidate is not None and self.comparison is not None:
            comparison = replace(self.comparison, begun=0)
            self._drop()
            self._try(lambda: self._note(comparison))
