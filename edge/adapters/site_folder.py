"""The folder of kept items, opened for one at a time: in order whatever was killed in it, and within its quota."""

from __future__ import annotations

import errno
import fcntl
import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from edge.adapters.site_files import SiteFiles
from edge.adapters.site_index import BANDS, SUFFIXES, Place, SiteIndex
from edge.errors import SiteError, SiteItemMissingError
from edge.logs import fields

log = logging.getLogger(__name__)

INDEX, LOCK = "index.db", ".lock"
HEADROOM = 512 * 1024  # for the index's journal, its shared memory, and a sidecar that is written beside the old one
AT_ONCE = 16
REMEDIES = {
    errno.EACCES: "it belongs to somebody else; use sudo, or correct its owner",
    errno.ELOOP: "it is a symbolic link, which is not followed; remove it",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk is full; free some space",
    errno.EROFS: "the disk is mounted read-only; check the SD card and `dmesg`",
}


class SiteFolder:
    """Nothing is opened or made before the first call."""

    def __init__(self, path: Path, max_bytes: int, max_disk_share: float) -> None:
        self.path = path
        self.files = SiteFiles(path)
        self._max_bytes = max_bytes
        self._max_disk_share = max_disk_share
        self._index: SiteIndex | None = None
        self._lock = threading.RLock()

    @contextmanager
    def opened(self, *, make: bool = False) -> Iterator[SiteIndex]:
        """The index, with every other thread and process kept out; an empty one where there is no folder.

        Raises SiteError, also for what the disk refused to the caller.
        """
        with self._lock:
            try:
                if make:
                    self.files.make_folder(self.path)
                elif not self.path.is_dir():
                    self.close()
                    with closing(SiteIndex(None)) as nothing:
                        yield nothing
                    return
                with self._alone():
                    yield self._connected()
            except sqlite3.Error as error:
                self.close()
                full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
                remedy = REMEDIES[errno.ENOSPC] if full else "check the disk, the folder and its owner"
                raise SiteError(f"{self.path / INDEX}: {error}: {remedy}") from error
            except OSError as error:
                remedy = REMEDIES.get(error.errno or 0, "check the folder, its owner and the disk")
                raise SiteError(f"{error.filename or self.path}: {error.strerror}: {remedy}") from error

    def make_room(self, index: SiteIndex, size: int, band: int) -> bool:
        """For so many bytes. False when there is none, and nothing left to give up that is of this band or below."""
        while (beyond := self._used(index) + size - self._limit(index)) > 0:
            worst = index.worst(labelled=False, most_band=band, limit=AT_ONCE)
            if not worst:
                return False
            self._give_up(index, worst, beyond)
        return True

    def shrink(self, index: SiteIndex) -> None:
        """To the quota, which may be smaller than it was; only then are labelled items given up, too."""
        if self.make_room(index, 0, BANDS):
            return
        given_up = 0
        while self._used(index) > self._max_bytes and (worst := index.worst(True, BANDS, 1)):
            self.files.remove(worst[0].day, worst[0].item_id)
            index.drop(worst[0].item_id)
            given_up += 1
        if given_up:
            log.warning("captures %s", fields(labelled_items_given_up=given_up, reason="capture.max_mb is smaller now"))

    def put_unreadable(self, index: SiteIndex, day: str, item_id: str) -> None:
        """Something whose sidecar cannot be read: it takes room, unless its picture is gone, too."""
        try:
            index.put_unreadable(day, item_id, self.files.measure(day, item_id))
        except FileNotFoundError:
            index.drop(item_id)

    def close(self) -> None:
        """Twice is fine."""
        with self._lock:
            index, self._index = self._index, None
            if index is not None:
                index.close()

    def _give_up(self, index: SiteIndex, places: Sequence[Place], size: int) -> None:
        """The first that together take so many bytes. Files first: on a full disk the index needs their room."""
        gone = list[str]()
        for place in places:
            if size <= 0:
                break
            if self._may_go(index, place):
                self.files.remove(place.day, place.item_id)
                gone.append(place.item_id)
                size -= place.size
        with index.at_once():
            for item_id in gone:
                index.drop(item_id)

    def _may_go(self, index: SiteIndex, place: Place) -> bool:
        """False where the sidecar says otherwise, for a process that was killed before it told the index: now it is."""
        try:
            item = self.files.read(place.day, place.item_id)
            if item.label is None:
                return True
            index.put(item, self.files.measure(place.day, place.item_id))
        except SiteItemMissingError:
            return True
        except ValueError:
            self.put_unreadable(index, place.day, place.item_id)
        return False

    def _used(self, index: SiteIndex) -> int:
        journal = sum(_size(self.path / f"{INDEX}{suffix}") for suffix in SUFFIXES[1:])
        return index.size() + _size(self.path / INDEX) + max(HEADROOM, journal + HEADROOM // 4)

    def _limit(self, index: SiteIndex) -> int:
        free = shutil.disk_usage(self.path).free
        return min(self._max_bytes, int(self._max_disk_share * (index.size() + free)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # beside the index's own locks: those hold for one file, and the index may be replaced by a new one
        with self.files.lock(self.path / LOCK) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    def _connected(self) -> SiteIndex:
        if self._index is not None and not self._index.current:
            self.close()
        if self._index is None:
            self._index = self._open()
            try:
                self._reconcile(self._index)
            except (OSError, sqlite3.Error):
                self.close()
                raise
        return self._index

    def _open(self) -> SiteIndex:
        path = self.path / INDEX
        self.files.touch(path)
        try:
            return SiteIndex(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # busy, or the disk is full: the file may be sound
            log.warning("captures %s", fields(index=path, message=error, remedy="made anew from the sidecars"))
            for suffix in SUFFIXES:
                path.with_name(f"{INDEX}{suffix}").unlink(missing_ok=True)
            self.files.touch(path)
            return SiteIndex(path)

    def _reconcile(self, index: SiteIndex) -> None:
        """A day at a time, so that many items take little memory."""
        for day in sorted(index.days() | self.files.days()):
            with index.at_once():
                known = index.of_day(day)
                for item_id, stamp in self.files.mended(day):
                    if known.pop(item_id, None) != stamp:
                        self._take_in(index, day, item_id)
                for item_id in known:
                    index.drop(item_id)
        index.empty_journal()

    def _take_in(self, index: SiteIndex, day: str, item_id: str) -> None:
        found = self.files.measure(day, item_id)
        try:
            index.put(self.files.read(day, item_id), found)
        except (SiteItemMissingError, ValueError) as error:
            log.warning("captures %s", fields(item=self.path / day / item_id, message=error))
            index.put_unreadable(day, item_id, found)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
