"""Keeps what somebody shows the bin in teach mode: its picture, what the model saw, and what it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue

from edge.adapters.site_store import SiteStore
from edge.errors import SiteError
from edge.model import Box, Frame, Prediction
from edge.site_item import Embedding, SiteItem, Why
from edge.site_picture import item_jpeg

WITHIN_S = 5.0  # the loop waits, and the service manager waits for the loop
CLOSE_S = 1.0
SLOW = "the disk, or the folder of kept items, took too long; show the item again, unless the page shows it already"
FULL = "there is no room but for what is labelled: export and delete some, or raise capture.max_mb"
BY = "teach-mode"


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """margin: as the model sees items. blurred: what is around them."""

    bin_id: str
    model_sha256: str
    margin: float
    blurred: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    item: SiteItem
    jpeg: bytes
    kept: Future[bool] = field(default_factory=Future)


class SiteKeeper:
    """Implements ports.Keeper. close() it: it closes the store."""

    def __init__(
        self,
        store: SiteStore,
        settings: KeeperSettings,
        *,
        wall: Callable[[], str],
        new_id: Callable[[], str],
        within_s: float = WITHIN_S,
    ) -> None:
        """wall: RFC 3339 UTC."""
        self._store = store
        self._settings = settings
        self._wall = wall
        self._new_id = new_id
        self._within_s = within_s
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        # a daemon, as those of concurrent.futures are not: at what takes too long it is left behind
        self._thread = threading.Thread(target=self._work, name="teach-item", daemon=True)
        self._thread.start()

    def keep(self, frame: Frame, box: Box, prediction: Prediction, label: str) -> str:
        """See ports.Keeper."""
        item = self._item(prediction, label)
        jpeg = item_jpeg(frame.rgb, box, self._settings.margin, blurred=self._settings.blurred)
        # in a thread: a folder of many thousand items is read once, and that may take longer than the loop can wait
        asked = _Asked(item, jpeg)
        self._asked.put(asked)
        try:
            if not asked.kept.result(self._within_s):
                raise SiteError(FULL)
        except TimeoutError as error:
            asked.kept.cancel()
            raise SiteError(SLOW) from error
        return item.item_id

    def close(self) -> None:
        """Twice is fine."""
        self._asked.put(None)
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            if asked.kept.set_running_or_notify_cancel():
                try:
                    asked.kept.set_result(self._store.add(asked.item, asked.jpeg))
                except SiteError as error:
                    asked.kept.set_exception(error)
        self._store.close()

    def _item(self, prediction: Prediction, label: str) -> SiteItem:
        now = self._wall()
        seen = prediction.embedding
        return SiteItem(
            item_id=self._new_id(),
            bin_id=self._settings.bin_id,
            day=now[:10],
            why=(Why.TAUGHT,),
            usefulness=1.0,
            embedding=None if seen is None else Embedding.of(self._settings.model_sha256, seen),
            label=label,
            labelled_by=BY,
            labelled_at=now,
            revision=1,
        )
