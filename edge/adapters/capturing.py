"""Keeps what was hard, to be labelled: an observer that only notes what happened, and a thread that does the rest.

What was easy is held in memory for a while: somebody may say that it was wrong, and nothing teaches more than that.

Nothing here can hold up or stop the sorting: a slow disk loses items that would have been kept, a full one is a
warning. The thread has the priority of all others: it needs the interpreter's lock for moments, and the loop would wait
for it if other programs kept it from going on.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import cv2

from edge.adapters.site_store import SiteCounts, SiteStore
from edge.capture import CaptureRules, mean_embedding, worth
from edge.errors import SiteError, SiteItemMissingError
from edge.logs import fields
from edge.model import WHOLE_FRAME, Box, Correction, Decision, Frame, Prediction, Signal, SortEvent
from edge.site_item import Embedding, SiteItem, with_label
from edge.site_picture import item_jpeg

log = logging.getLogger(__name__)

MOST_WAITING = 4  # frames; each holds memory
HELD = 20  # as many as the page lists; about 1 MB
MOST_CORRECTIONS = 100
BY = "correction"
TEND_EVERY_S = 60.0
STOPS_WITHIN_S = 5.0  # what waits is written, the service manager's patience allowing
FULL = "every kept item is labelled and there is no room for more: teach them, export and delete them, or raise max_mb"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was decided of an item, and on which picture."""

    frame: Frame
    box: Box
    votes: Sequence[Prediction]


class Capturing:
    """Implements ports.Observer. Closes the store."""

    def __init__(
        self,
        store: SiteStore,
        rules: CaptureRules,
        *,
        margin: float,
        blurred: bool,
        random: Callable[[], float],
        tend_every_s: float = TEND_EVERY_S,
    ) -> None:
        """margin: as the model sees items. random: 0..1."""
        self.dropped = 0
        self.counts: SiteCounts | None = None  # as of the last item that was kept, or a minute ago
        self.trouble: str | None = None
        self._store = store
        self._rules = rules
        self._margin = margin
        self._blurred = blurred
        self._random = random
        self._tend_every_s = tend_every_s
        self._seen: Seen | None = None
        self._waiting: queue.Queue[tuple[SortEvent, Seen]] = queue.Queue(MOST_WAITING)
        self._corrections: queue.Queue[Correction] = queue.Queue(MOST_CORRECTIONS)
        self._held: OrderedDict[str, tuple[SiteItem, bytes]] = OrderedDict()  # by item_id; of the thread alone
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="captures", daemon=True)
        self._thread.start()

    def saw(self, frame: Frame, signal: Signal) -> None:
        """Frames alone are not kept."""

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        """See ports.Observer."""
        self._seen = Seen(frame, box, votes)

    def handled(self, event: SortEvent, frame: Frame) -> None:
        """See ports.Observer."""
        seen, self._seen = self._seen, None
        if seen is None or seen.frame is not frame:
            return
        if self._blurred and seen.box == WHOLE_FRAME:
            return  # where the item lies is not known, so what is around it cannot be blurred
        try:
            self._waiting.put_nowait((event, seen))
        except queue.Full:
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # 1, 2, 4, 8 ...
                log.warning("captures %s", fields(not_kept=self.dropped, reason="the disk is slower than the sorting"))
        self._wake.set()

    def corrected(self, correction: Correction) -> None:
        """Somebody said what an item was: it gets that label, and is kept where it was only held."""
        with suppress(queue.Full):  # a disk that does not answer; the correction itself is in the outbox
            self._corrections.put_nowait(correction)
        self._wake.set()

    def close(self) -> None:
        """Write what waits, then close the store. Twice is fine."""
        self._closing.set()
        self._wake.set()
        self._thread.join(STOPS_WITHIN_S)

    def _work(self) -> None:
        tend_s = time.monotonic()
        while not (self._closing.is_set() and self._waiting.empty() and self._corrections.empty()):
            if time.monotonic() >= tend_s:  # also while one item follows another all day
                self._try(self._tend)
                tend_s = time.monotonic() + self._tend_every_s
            self._wake.wait(max(0.0, tend_s - time.monotonic()))
            self._wake.clear()
            # what comes from here on has set _wake: the next turn's; corrections counted first, none overtakes its item
            corrections, items = self._corrections.qsize(), self._waiting.qsize()
            for _ in range(items):
                self._try(partial(self._keep, *self._waiting.get_nowait()))
            for _ in range(corrections):
                self._try(partial(self._correct, self._corrections.get_nowait()))
        self._store.close()

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (SiteError, ValueError, cv2.error) as error:
            if self.trouble is None:
                log.warning("captures %s", fields(message=error))
            self.trouble = str(error)

    def _tend(self) -> None:
        self._store.tend()
        self.counts = self._store.counts()
        self.trouble = self.trouble if self.trouble == FULL and self.counts.labelled == self.counts.total else None

    def _keep(self, event: SortEvent, seen: Seen) -> None:
        found = worth(event, seen.votes, self._rules, self._random())
        embedding = mean_embedding(seen.votes)
        item = SiteItem(
            item_id=event.event_id,
            bin_id=event.bin_id,
            day=event.time[:10],
            why=found.why,
            usefulness=round(found.usefulness, 4),
            event=event,
            embedding=None if embedding is None else Embedding.of(event.model.sha256, embedding),
        )
        jpeg = item_jpeg(seen.frame.rgb, seen.box, self._margin, blurred=self._blurred)
        if found.why:
            self._add(item, jpeg)
        else:
            self._hold(item, jpeg)

    def _hold(self, item: SiteItem, jpeg: bytes) -> None:
        self._held[item.item_id] = (item, jpeg)
        while len(self._held) > HELD:
            self._held.popitem(last=False)

    def _correct(self, said: Correction) -> None:
        if (held := self._held.get(said.event_id)) is not None:
            item = replace(with_label(held[0], said.label, BY, said.time), usefulness=1.0)
            self._add(item, held[1])
            del self._held[said.event_id]
            return
        with suppress(SiteItemMissingError):  # too long ago, or it could not be kept
            self._store.label(said.event_id, said.label, BY, said.time, None)
            self.counts = self._store.counts()

    def _add(self, item: SiteItem, jpeg: bytes) -> None:
        kept = self._store.add(item, jpeg)
        self.counts = self._store.counts()
        self.trouble = FULL if not kept and self.counts.labelled == self.counts.total else None
