"""What is kept, in an order to show and to give up: a SQLite file beside the sidecars, made from them at any time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from edge.adapters.site_files import OnDisk
from edge.site_item import SiteItem

VERSION = 1
SUFFIXES = ("", "-wal", "-shm")
PARTS = 10_000  # usefulness as a whole number, so that a page's end can be named exactly
BANDS = 4  # of usefulness; within one the oldest goes first
JOURNAL_PAGES = 50
BUSY_S = 10.0
_TABLES = f"""
CREATE TABLE items (
    item_id TEXT PRIMARY KEY, day TEXT NOT NULL, label TEXT, labelled_at TEXT NOT NULL, useful INTEGER NOT NULL,
    band INTEGER NOT NULL, size INTEGER NOT NULL, stamp TEXT NOT NULL, readable INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_worth ON items (label IS NULL, readable, band, day, item_id);
CREATE INDEX by_use ON items (useful, item_id);
CREATE INDEX by_label_time ON items (labelled_at, item_id);
CREATE INDEX by_day ON items (day, item_id, stamp);
CREATE INDEX by_label ON items (label, size);
PRAGMA user_version = {VERSION};
"""
Key: TypeAlias = tuple[int | str, str]  # usefulness or the time of labelling, and the item


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item lies, and what it takes."""

    day: str
    item_id: str
    size: int


class SiteIndex:
    """For one thread at a time. Raises sqlite3.Error."""

    def __init__(self, path: Path | None) -> None:
        """None: in memory, and empty. A file that is damaged or of another version raises sqlite3.DatabaseError."""
        self._path = path
        self._db = sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error:
            self.close()
            raise
        self._inode = path.stat().st_ino if path else 0

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # NORMAL: a power cut may take the last rows, which the sidecars bring back
        for setting in ("synchronous = NORMAL", f"wal_autocheckpoint = {JOURNAL_PAGES}", "journal_size_limit = 0"):
            self._db.execute(f"PRAGMA {setting}")
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if verdict != "ok" or version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"{verdict}, version {version}")
        if not version:
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")

    @property
    def current(self) -> bool:
        """Whether its file is still the one that others find under its name."""
        try:
            return self._path is None or self._path.stat().st_ino == self._inode
        except OSError:
            return False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All changes within, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def put(self, item: SiteItem, found: OnDisk) -> None:
        """Add it, or what changed of it."""
        useful = round(item.usefulness * PARTS)
        labelled_at = "" if item.label is None else item.labelled_at or ""
        row = (item.item_id, item.day, item.label, labelled_at, useful, band_of(item.usefulness), found.size)
        self._db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)", (*row, found.stamp))

    def put_unreadable(self, day: str, item_id: str, found: OnDisk) -> None:
        """Something whose sidecar cannot be read: it takes room, and is neither shown nor given up."""
        row = (item_id, day, found.size, found.stamp)
        self._db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, NULL, '', 0, 0, ?, ?, 0)", row)

    def drop(self, item_id: str) -> None:
        """Forget it."""
        self._db.execute("DELETE FROM items WHERE item_id = ?", (item_id,))

    def day_of(self, item_id: str) -> str | None:
        """Where it lies; None when it is not kept."""
        found = self._db.execute("SELECT day FROM items WHERE item_id = ? AND readable", (item_id,)).fetchone()
        return found[0] if found else None

    def days(self) -> set[str]:
        """Every day of which there is something."""
        return {day for (day,) in self._db.execute("SELECT DISTINCT day FROM items")}

    def of_day(self, day: str) -> dict[str, str]:
        """Stamps by item."""
        return dict(self._db.execute("SELECT item_id, stamp FROM items WHERE day = ?", (day,)).fetchall())

    def worst(self, labelled: bool, most_band: int, limit: int) -> Sequence[Place]:
        """What goes first when there is no room, of the bands up to one."""
        rows = self._db.execute(
            "SELECT day, item_id, size FROM items WHERE (label IS NULL) = ? AND readable = 1 AND band <= ? "
            "ORDER BY band, day, item_id LIMIT ?",
            (not labelled, most_band, limit),
        )
        return [Place(*row) for row in rows]

    def most_useful(self, after: Key | None, limit: int, labelled: bool | None, label: str | None) -> Sequence[Key]:
        """The most useful items after one, then the newest."""
        return self._keys("useful", after or (PARTS + 1, ""), limit, labelled, label)

    def last_labelled(self, after: Key | None, limit: int, label: str | None) -> Sequence[Key]:
        """The items that were labelled last before one."""
        return self._keys("labelled_at", after or ("~", ""), limit, True, label)

    def _keys(self, column: str, after: Key, limit: int, labelled: bool | None, label: str | None) -> Sequence[Key]:
        chosen, values = "", list[object]()
        if labelled is not None:
            chosen += " AND (label IS NULL) = ?"
            values.append(not labelled)
        if label is not None:
            chosen += " AND label = ?"
            values.append(label)
        return self._db.execute(
            f"SELECT {column}, item_id FROM items WHERE readable = 1{chosen} AND ({column}, item_id) < (?, ?) "
            f"ORDER BY {column} DESC, item_id DESC LIMIT ?",
            (*values, *after, limit),
        ).fetchall()

    def items(self, labelled: bool | None = None) -> Sequence[tuple[str, str]]:
        """(day, item) of everything, or of what has a label or has none, oldest first."""
        return self._db.execute(
            "SELECT day, item_id FROM items WHERE readable = 1 AND (? IS NULL OR (label IS NULL) = ?) "
            "ORDER BY day, item_id",
            (labelled, not labelled),
        ).fetchall()

    def by_label(self) -> Mapping[str | None, int]:
        """How many of each; None: without one."""
        return dict(self._db.execute("SELECT label, count(*) FROM items WHERE readable = 1 GROUP BY label").fetchall())

    def size(self) -> int:
        """Bytes of all items, as the disk counts them."""
        (total,) = self._db.execute("SELECT coalesce(sum(size), 0) FROM items").fetchone()
        return int(total)

    def empty_journal(self) -> None:
        """After many changes it is large."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Twice is fine."""
        with suppress(sqlite3.Error):  # it is made anew from the sidecars when it has to
            self._db.close()


def band_of(usefulness: float) -> int:
    """0 to BANDS - 1."""
    return min(BANDS - 1, int(usefulness * BANDS))
