"""The outbox's SQLite file: locked for one process, opened, checked, and replaced when it is damaged."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO

from edge.errors import OutboxError
from edge.wire import parse_correction, parse_event

# AUTOINCREMENT: a seq is never given twice, also not when all rows are gone.
TABLES = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    payload BLOB NOT NULL,
    finished INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS corrections (number INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('dropped', 0);
"""
SUFFIXES = ("-wal", "-shm", "")  # the database itself last: while it is there, all of it is tried again
BUSY_S = 1.0
MARK_EVERY = 100  # seqs; a card wears
PAGE_BYTES = 1024  # of a new file: a commit writes whole pages, and most of ours change a few hundred bytes in each
CACHE_KB = 256  # SQLite's own 2 MB fill up for good the first time that many events wait

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk does not take it; check the free space, the SD card and `dmesg`",
    sqlite3.SQLITE_READONLY: "check the owner of the file and whether the disk is mounted read-only",
    sqlite3.SQLITE_BUSY: "another program holds it; end that program",
    sqlite3.SQLITE_CANTOPEN: "check that the folder exists, its owner, and the free space",
    sqlite3.SQLITE_CORRUPT: "it is damaged; at the next try it is set aside and a new one begun",
    sqlite3.SQLITE_NOTADB: "it is not an outbox; at the next try it is set aside and a new one begun",
}


class DamagedError(sqlite3.DatabaseError):
    """The integrity check found something."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def lock(path: Path) -> BinaryIO:
    """Make the file (mode 0600) and its folder, and keep other processes out until the returned file is closed.

    A second bin on the same outbox would call this one's running intents interrupted. Raises OutboxError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # a file of its own: closing any handle of the database would drop the locks that SQLite holds on it
        own = path.with_name(path.name + ".lock")
        own.touch(mode=0o600)  # whoever can open it can hold the lock
        handle = own.open("wb")
    except OSError as error:
        raise OutboxError(f"outbox {path}: {error.strerror}; check the path, its owner and the free space") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise OutboxError(f"outbox {path}: another smartbin uses it; stop that one or give this one its own") from error
    return handle


def connect(path: Path) -> sqlite3.Connection:
    """Open, check and prepare the database. Raises sqlite3.Error."""
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(verdict)
        if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'corrections'").fetchone()[0]:
            db.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
    except sqlite3.Error:
        db.close()
        raise
    return db


def replace_damaged(path: Path, newest_seq: int = 0) -> tuple[Path, int]:
    """Put a new database in the place of a damaged one, with all events that can still be read.

    No seq is given again: newest_seq is what is known of them, 0 where the file and the mark have to tell.
    The damaged one is kept as NAME.corrupt-<n>. Returns its new path and the number of events rescued.
    Raises sqlite3.Error or OSError, and can then be tried again: the damaged one stays until the new one is complete.
    """
    fresh = path.with_name(path.name + ".new")
    for suffix in SUFFIXES:
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with closing(connect(fresh)) as db:
        rescued = _rescue(path, db, newest_seq)
    aside = _set_aside(path)
    fresh.rename(path)
    return aside, rescued


def last_seq(db: sqlite3.Connection) -> int:
    """The newest seq ever given, 0 in a new database."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return row[0] if row else 0


def continue_after(db: sqlite3.Connection, seq: int) -> None:
    """No seq up to this one is given again."""
    if not last_seq(db):
        db.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (seq,))
    elif seq > last_seq(db):
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (seq,))


def count(db: sqlite3.Connection, name: str) -> None:
    """One more of a counter, which begins at none."""
    db.execute("INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (name,))


def counted(db: sqlite3.Connection, prefix: str) -> dict[str, int]:
    """The counters whose names begin so, by the rest of their names."""
    rows = db.execute("SELECT name, value FROM counters WHERE name GLOB ?", (f"{prefix}*",))
    return {name.removeprefix(prefix): value for name, value in rows}


def mark(path: Path, seq: int) -> None:
    """Note a seq beside the database, for the day on which nothing can be read of it. Best effort: it is a spare."""
    spare = path.with_name(path.name + ".seq")
    fresh = spare.with_name(spare.name + ".new")
    with suppress(OSError):
        fresh.touch(mode=0o600)
        with fresh.open("w") as file:
            file.write(f"{seq}\n")
            file.flush()
            os.fsync(file.fileno())  # what damages the database, most likely a power cut, must not take this too
        fresh.rename(spare)


def marked(path: Path) -> int:
    """No seq above this one has been given; 0 where nothing was noted."""
    try:
        return int(path.with_name(path.name + ".seq").read_text()) + MARK_EVERY - 1
    except (OSError, ValueError):
        return 0


def used_bytes(db: sqlite3.Connection) -> int:
    """What the rows take; the file itself does not shrink, its free pages are used again."""
    size, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))


def primary(error: sqlite3.Error) -> int:
    """SQLite's error code without the details in its upper bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def explained(path: Path, error: sqlite3.Error) -> OutboxError:
    """What went wrong, and what to check."""
    return OutboxError(f"outbox {path}: {error}: {REMEDIES.get(primary(error), 'check the disk')}")


def _rescue(damaged: Path, db: sqlite3.Connection, newest_seq: int) -> int:
    db.execute("BEGIN IMMEDIATE")
    with closing(sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=ro", uri=True)) as old:
        for order in ("ASC", "DESC"):  # from both ends, up to the damage
            for row in _rows(old, f"SELECT seq, event_id, payload, finished FROM events ORDER BY seq {order}"):
                if _is_event(*row):
                    db.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", row)
        for row in _rows(old, "SELECT number, payload FROM corrections"):
            if _is_correction(*row):
                db.execute("INSERT OR IGNORE INTO corrections VALUES (?, ?)", row)
        for row in _rows(old, "SELECT name, value FROM counters"):
            db.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", row)
        known = [seq for (seq,) in _rows(old, "SELECT seq FROM sqlite_sequence WHERE name = 'events'")]
        newest_seq = max([newest_seq, *known])
        older_than_the_mark = newest_seq <= marked(damaged) - MARK_EVERY
        continue_after(db, marked(damaged) if older_than_the_mark else newest_seq)
    (count,) = db.execute("SELECT count(*) FROM events").fetchone()
    db.execute("COMMIT")
    return int(count)


def _set_aside(path: Path) -> Path:
    n = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{n}")).exists():
        n += 1
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _rows(db: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    with suppress(sqlite3.Error):  # what lies beyond the damage cannot be had
        yield from db.execute(query)


def _is_event(seq: object, event_id: object, payload: object, finished: object) -> bool:
    try:
        event = parse_event(payload if isinstance(payload, bytes) else b"")
    except ValueError:
        return False
    return (event.seq, event.event_id) == (seq, event_id) and finished in (0, 1)


def _is_correction(number: object, payload: object) -> bool:
    try:
        parse_correction(payload if isinstance(payload, bytes) else b"")
    except ValueError:
        return False
    return isinstance(number, int)
