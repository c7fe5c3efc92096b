"""The items kept from the tray: added by the bin, labelled by people, within a quota. Two processes may open it.

The sidecars are the truth. The index beside them is made anew where it is missing, damaged or says something else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.site_folder import SiteFolder
from edge.adapters.site_index import Key, SiteIndex, band_of
from edge.config import Settings
from edge.errors import SiteConflictError, SiteItemMissingError
from edge.logs import fields
from edge.site_item import SiteItem, checked_label, with_label

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SiteCounts:
    """bytes: as the disk counts them."""

    total: int
    labelled: int
    by_label: Mapping[str, int]
    bytes: int


@dataclass(frozen=True, slots=True)
class SitePage:
    """next: what page() takes as `after` for what follows; None at the end."""

    items: Sequence[SiteItem]
    next: str | None


class SiteStore:
    """For any number of threads and processes. Nothing is opened or made before the first call. Raises SiteError.

    Only add() and tend(), which the bin calls, ever give something up.
    """

    def __init__(self, folder: Path, max_bytes: int, max_disk_share: float) -> None:
        """max_bytes is never passed, and of what would be free without it not more than max_disk_share is taken."""
        self._folder = SiteFolder(folder, max_bytes, max_disk_share)
        self._files = self._folder.files

    def add(self, item: SiteItem, jpeg: bytes) -> bool:
        """Keep one more. False: there is no room but for what is labelled or more useful. Twice is fine."""
        with self._folder.opened(make=True) as index:
            if index.day_of(item.item_id) is not None:
                return True
            size = self._files.size_of(item, jpeg)
            if not self._folder.make_room(index, size, band_of(item.usefulness)):
                return False
            index.put(item, self._files.write(item, jpeg))
            return True

    def tend(self) -> None:
        """Give up what is beyond the quota, for other things may have filled the disk. Call it now and then."""
        with self._folder.opened() as index:
            if index.size():
                self._folder.shrink(index)

    def label(self, item_id: str, label: str | None, by: str, at: str, revision: int | None) -> SiteItem:
        """Set or, with None, take away a label. revision: that which was seen; None overrules whatever there is.

        Raises SiteConflictError: it was changed since; SiteItemMissingError; ValueError: this can be no label.
        """
        if label is not None:
            checked_label(label)
        with self._folder.opened() as index:
            old = self._read(index, item_id)
            if revision is not None and revision != old.revision:
                raise SiteConflictError(item_id, old.revision, old.label)
            new = with_label(old, label, by, at)
            index.put(new, self._files.rewrite(new))
            return new

    def page(
        self, after: str | None, limit: int, *, labelled: bool | None = None, label: str | None = None
    ) -> SitePage:
        """The most useful first; of labelled ones the label given last first. Raises ValueError: no such `after`."""
        with self._folder.opened() as index:
            if labelled:
                keys = index.last_labelled(_key(after, str), limit, label)
            else:
                keys = index.most_useful(_key(after, int), limit, labelled, label)
            items = []
            for _, item_id in keys:
                with suppress(SiteItemMissingError):  # deleted by hand, or damaged
                    items.append(self._read(index, item_id))
        return SitePage(items, f"{keys[-1][0]}/{keys[-1][1]}" if len(keys) == limit else None)

    def get(self, item_id: str) -> SiteItem:
        """Raises SiteItemMissingError."""
        with self._folder.opened() as index:
            return self._read(index, item_id)

    def picture(self, item_id: str) -> bytes:
        """The JPEG. Raises SiteItemMissingError."""
        with self._folder.opened() as index:
            day = index.day_of(item_id)
            if day is None:
                raise SiteItemMissingError(item_id)
            return self._files.picture(day, item_id)

    def counts(self) -> SiteCounts:
        """Cheap."""
        with self._folder.opened() as index:
            counted = dict(index.by_label())
            size = index.size()
        total = sum(counted.values())
        counted.pop(None, None)
        by_label = {label: number for label, number in sorted(counted.items(), key=str) if label is not None}
        return SiteCounts(total, sum(by_label.values()), by_label, size)

    def items(self, labelled: bool | None = None) -> Iterator[SiteItem]:
        """All, or those with or without a label, oldest first. What is removed meanwhile is left out."""
        with self._folder.opened() as index:
            places = index.items(labelled)
        for _, item_id in places:
            with suppress(SiteItemMissingError):
                item = self.get(item_id)
                if labelled is None or labelled == (item.label is not None):
                    yield item

    def labelled(self) -> Iterator[SiteItem]:
        """Those with a label, oldest first."""
        return self.items(labelled=True)

    def remove(self, item_id: str) -> None:
        """Delete one, label and all. Raises SiteItemMissingError."""
        with self._folder.opened() as index:
            item = self._read(index, item_id)
            self._files.remove(item.day, item_id)
            index.drop(item_id)

    def close(self) -> None:
        """Twice is fine."""
        self._folder.close()

    def _read(self, index: SiteIndex, item_id: str) -> SiteItem:
        day = index.day_of(item_id)
        if day is None:
            raise SiteItemMissingError(item_id)
        try:
            return self._files.read(day, item_id)
        except SiteItemMissingError:
            index.drop(item_id)
            raise
        except ValueError as error:
            log.warning("captures %s", fields(item=self._folder.path / day / item_id, message=error))
            self._folder.put_unreadable(index, day, item_id)
            raise SiteItemMissingError(item_id) from error


def site_store(settings: Settings) -> SiteStore:
    """The items that a bin has kept so far, also where [capture] is off now. Opens nothing yet."""
    capture = settings.capture
    return SiteStore(settings.captures, int(capture.max_mb * 1e6), capture.max_disk_share)


def _key(after: str | None, kind: type[int] | type[str]) -> Key | None:
    if after is None:
        return None
    first, slash, item_id = after.partition("/")
    if not slash:
        raise ValueError(f"not where a page ends: {after!r}")
    return kind(first), item_id
