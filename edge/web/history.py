"""What the bin has done, for its page: the outbox forgets an event once it is delivered. A SQLite file of its own.

It is a convenience: losing it, or its last seconds, loses no event. But it is not thrown away while it can be read.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from edge.adapters.sqlite_file import DAMAGED, SUFFIXES, DamagedError, primary
from edge.web.problems import ApiError

log = logging.getLogger(__name__)

MOST_EVENTS = 50_000  # about 50 MB
LAST_SEQ = 2**62  # no event gets that far
_TABLE = """
CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY, seq INTEGER, day TEXT, compartment TEXT, label TEXT, outcome TEXT, message TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_seq ON events (seq);
CREATE INDEX IF NOT EXISTS by_day ON events (day);
"""
Event = dict[str, Any]


class History:
    """For one thread. What was added is on disk after commit(); what the disk does not take is left out.

    Reading raises ApiError 503 where the disk does not give it.
    """

    def __init__(self, path: Path) -> None:
        """A damaged file is begun anew; one that the disk does not let us use now stays, and memory takes its place."""
        self._db = _opened(path)

    def add(self, event: Event) -> None:
        """Twice is fine."""
        row = [event[key] for key in ("event_id", "seq")]
        row += [_day(event["time"]), *(event[key] for key in ("compartment", "label", "outcome")), json.dumps(event)]
        with suppress(sqlite3.Error):
            self._db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def correct(self, correction: Event) -> str | None:
        """Note beside an event what it really was. Where the item fell; None for one that is not there any more."""
        with suppress(sqlite3.Error):
            changed = self._db.execute(
                "UPDATE events SET message = json_set(message, '$.corrected', ?) WHERE event_id = ? "
                "RETURNING compartment",
                (correction["label"], correction["event_id"]),
            ).fetchall()
            return changed[0][0] if changed else None
        return None

    def commit(self) -> None:
        """Now and then: a card wears."""
        with suppress(sqlite3.Error):  # a full disk; tried again the next time
            self._db.execute("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", (MOST_EVENTS,))
            self._db.commit()

    def events(self, before_seq: int | None, limit: int) -> Sequence[Event]:
        """The newest before one, newest first, each with what somebody `corrected` its label to."""
        with _told():
            rows = self._db.execute(
                "SELECT message FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                (LAST_SEQ if before_seq is None else before_seq, limit),
            ).fetchall()
        return [{"corrected": None, **json.loads(message)} for (message,) in rows]

    def days(self, most: int) -> Sequence[Mapping[str, Any]]:
        """Counts of the last days on which anything happened, oldest first.

        None after that of the newest event, where its clock was right: a clock that was wrong for a while left it, and
        it would stay the last.
        """
        with _told():
            names = self._db.execute(
                "SELECT DISTINCT day FROM events, "
                "(SELECT day AS newest, json_extract(message, '$.clock_synced') AS synced FROM events "
                "ORDER BY seq DESC LIMIT 1) WHERE day <= newest OR NOT synced ORDER BY day DESC LIMIT ?",
                (most,),
            ).fetchall()
            return [{"day": day, **self._counts(day)} for (day,) in reversed(names)]

    def close(self) -> None:
        """Twice is fine."""
        self.commit()
        self._db.close()

    def _counts(self, day: str) -> Mapping[str, Any]:
        rows = self._db.execute("SELECT compartment, label, outcome FROM events WHERE day = ?", (day,)).fetchall()
        compartments, labels, outcomes = (Counter(column) for column in zip(*rows, strict=True))
        return {"items": len(rows), "by_compartment": compartments, "by_label": labels, "by_outcome": outcomes}


def _day(time: str) -> str:
    """By the clock on the wall beside the bin: in New York an evening is not tomorrow. time: RFC 3339."""
    return datetime.fromisoformat(time).astimezone().date().isoformat()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        detail = f"what the bin did cannot be read ({error}); check the disk, and reload the bin"
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except (sqlite3.Error, OSError) as error:
        log.warning("history %s: %s", path, error)
        if isinstance(error, sqlite3.Error) and primary(error) in DAMAGED:
            for suffix in SUFFIXES:
                with suppress(OSError):
                    path.with_name(path.name + suffix).unlink()
            with suppress(sqlite3.Error, OSError):
                return _connected(path)
    db = sqlite3.connect(":memory:")
    db.executescript(_TABLE)
    return db


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(verdict)
        db.executescript(_TABLE)
    except sqlite3.Error:
        db.close()
        raise
    return db
