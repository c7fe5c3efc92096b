"""Pictures and sidecars of kept items, one folder a day: each written whole or not at all, never half seen."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.adapters.files import sync_folder
from edge.errors import SiteItemMissingError
from edge.site_item import SiteItem, from_json, to_json

BLOCK = 4096  # what the disk gives to a file is a multiple of this
GROWS = 512  # a sidecar, when it gets a label: counted from the start, so that labelling never passes the quota
PICTURE, SIDECAR, UNFINISHED = ".jpg", ".json", ".part"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OURS = re.compile(r"([0-9A-Za-z-]{1,64})\.json")
_PART = re.compile(r"\.[0-9A-Za-z-]{1,64}(\.jpg|\.json)\.part")


@dataclass(frozen=True, slots=True)
class OnDisk:
    """stamp: differs when the sidecar was written anew. size: bytes that picture and sidecar take from the disk."""

    stamp: str
    size: int


class SiteFiles:
    """For one caller at a time, of all processes. Raises OSError.

    No symbolic link is followed, and nothing but a file is read: an administrator's command must not be led out of what
    belongs to the bin, nor wait for a pipe.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make_folder(self, folder: Path) -> None:
        """0700, and of whoever owns its parent where root makes it."""
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if owner := _owner_for_root(folder.parent):
                os.chown(folder, *owner, follow_symlinks=False)

    def touch(self, path: Path) -> None:
        """Make an empty file, 0600, unless there is one."""
        with self.lock(path):
            pass

    @contextmanager
    def lock(self, path: Path) -> Iterator[int]:
        """A file to hold a lock on, open as long as wanted."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _give_to_owner_of(path.parent, descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def size_of(self, item: SiteItem, jpeg: bytes) -> int:
        """What write() will take from the disk."""
        return needed(len(jpeg)) + needed(len(to_json(item)) + GROWS)

    def write(self, item: SiteItem, jpeg: bytes) -> OnDisk:
        """Both files. The picture is on disk before the sidecar shows that there is an item; it gets its name last."""
        day = self.folder / item.day
        self.make_folder(day)
        unfinished = day / f".{item.item_id}{PICTURE}{UNFINISHED}"
        try:
            _write(unfinished, jpeg)
            self._write_sidecar(item)
            unfinished.replace(day / f"{item.item_id}{PICTURE}")
            sync_folder(day)
        except OSError:
            self.remove(item.day, item.item_id)
            raise
        return self.measure(item.day, item.item_id)

    def rewrite(self, item: SiteItem) -> OnDisk:
        """The sidecar of an item that is there, with another label."""
        self._write_sidecar(item)
        sync_folder(self.folder / item.day)
        return self.measure(item.day, item.item_id)

    def _write_sidecar(self, item: SiteItem) -> None:
        path = self.folder / item.day / f"{item.item_id}{SIDECAR}"
        unfinished = path.with_name(f".{path.name}{UNFINISHED}")
        try:
            _write(unfinished, to_json(item))
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise

    def read(self, day: str, item_id: str) -> SiteItem:
        """Raises SiteItemMissingError; ValueError: its sidecar cannot be read."""
        try:
            content = _content(self._of(day) / f"{item_id}{SIDECAR}")
        except FileNotFoundError as error:
            raise SiteItemMissingError(item_id) from error
        item = from_json(content)
        if item.item_id != item_id:
            raise ValueError(f"the sidecar of {item_id} is that of {item.item_id}")
        return replace(item, day=day)  # where it lies

    def picture(self, day: str, item_id: str) -> bytes:
        """The JPEG. Raises SiteItemMissingError."""
        try:
            return _content(self._of(day) / f"{item_id}{PICTURE}")
        except FileNotFoundError as error:
            raise SiteItemMissingError(item_id) from error

    def remove(self, day: str, item_id: str) -> None:
        """The picture first: a sidecar that is left alone tells that the item is gone."""
        folder = self.folder / day
        for name in (f"{item_id}{PICTURE}", f".{item_id}{PICTURE}{UNFINISHED}", f"{item_id}{SIDECAR}"):
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()  # the last of its day

    def measure(self, day: str, item_id: str) -> OnDisk:
        """Raises OSError: not both of its files are there."""
        folder = self.folder / day
        sidecar = (folder / f"{item_id}{SIDECAR}").stat()
        picture = (folder / f"{item_id}{PICTURE}").stat()
        return OnDisk(_stamp(sidecar), needed(picture.st_size) + needed(sidecar.st_size + GROWS))

    def days(self) -> set[str]:
        """Every folder that may hold items."""
        entries = [entry for entry in os.scandir(self.folder) if _DAY.fullmatch(entry.name)]
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}

    def mended(self, day: str) -> Iterator[tuple[str, str]]:
        """Items of a day and their stamps, after what a killed program left half done was finished or taken away."""
        try:
            names = {entry.name: entry for entry in os.scandir(self._of(day))}
        except FileNotFoundError:
            return
        for name, entry in names.items():
            # other names are other people's, and need not even be text
            if (ours := _OURS.fullmatch(name)) and self._complete(day, ours[1], names):
                yield ours[1], _stamp(entry.stat())
        for name in names:
            if _PART.fullmatch(name):  # nothing else: the folder may hold files of other people
                (self.folder / day / name).unlink(missing_ok=True)

    def _of(self, day: str) -> Path:
        folder = self.folder / day
        if folder.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
        return folder

    def _complete(self, day: str, item_id: str, names: Container[str]) -> bool:
        picture = f"{item_id}{PICTURE}"
        if picture in names:
            return True
        try:
            self.read(day, item_id)
        except (ValueError, SiteItemMissingError):
            return False  # not one of ours, or deleted this moment
        unfinished = f".{picture}{UNFINISHED}"
        if unfinished in names:  # on disk as a whole, or its sidecar would not be there
            (self.folder / day / unfinished).replace(self.folder / day / picture)
            return True
        self.remove(day, item_id)
        return False


def needed(size: int) -> int:
    """What a file of so many bytes takes from the disk."""
    return -(-size // BLOCK) * BLOCK


def _stamp(sidecar: os.stat_result) -> str:
    return f"{sidecar.st_mtime_ns}-{sidecar.st_size}"


def _content(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a path cannot be opened without following it
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is a device or a pipe, not a file", str(path))
        return file.read()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a path cannot be opened with a mode of its own
        _give_to_owner_of(path.parent, descriptor)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """What an administrator's command writes must stay readable for the bin."""
    if owner := _owner_for_root(folder):
        os.fchown(descriptor, *owner)


def _owner_for_root(folder: Path) -> tuple[int, int] | None:
    """User and group; None for who is not root."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat()
    return owner.st_uid, owner.st_gid
