"""What the bin has done, for its page: the outbox forgets an event once it is delivered. A SQLite file of its own.

It is a convenience: losing it, or its last seconds, loses no event.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

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
    """For one thread. What was added is on disk after commit()."""

    def __init__(self, path: Path) -> None:
        """A file that cannot be used is begun anew; where even that fails, it is kept in memory, and said."""
        self._db = _opened(path)

    def add(self, event: Event) -> None:
        """Twice is fine."""
        row = [event[key] for key in ("event_id", "seq")]
        row += [event["time"][:10], *(event[key] for key in ("compartment", "label", "outcome")), json.dumps(event)]
        self._db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def correct(self, correction: Event) -> None:
        """Note beside an event what it really was; one that is not there any more is left out."""
        self._db.execute(
            "UPDATE events SET message = json_set(message, '$.corrected', ?) WHERE event_id = ?",
            (correction["label"], correction["event_id"]),
        )

    def commit(self) -> None:
        """Now and then: a card wears."""
        with suppress(sqlite3.Error):  # a full disk; tried again the next time
            self._db.execute("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", (MOST_EVENTS,))
            self._db.commit()

    def events(self, before_seq: int | None, limit: int) -> Sequence[Event]:
        """The newest before one, newest first, each with what somebody `corrected` its label to."""
        rows = self._db.execute(
            "SELECT message FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?",
            (LAST_SEQ if before_seq is None else before_seq, limit),
        )
        return [{"corrected": None, **json.loads(message)} for (message,) in rows]

    def days(self, most: int) -> Sequence[Mapping[str, Any]]:
        """Counts of the last days on which anything happened, oldest first."""
        names = self._db.execute("SELECT DISTINCT day FROM events ORDER BY day DESC LIMIT ?", (most,)).fetchall()
        return [{"day": day, **self._counts(day)} for (day,) in reversed(names)]

    def close(self) -> None:
        """Twice is fine."""
        self.commit()
        self._db.close()

    def _counts(self, day: str) -> Mapping[str, Any]:
        rows = self._db.execute("SELECT compartment, label, outcome FROM events WHERE day = ?", (day,)).fetchall()
        compartments, labels, outcomes = (Counter(column) for column in zip(*rows, strict=True))
        return {"items": len(rows), "by_compartment": compartments, "by_label": labels, "by_outcome": outcomes}


def _opened(path: Path) -> sqlite3.Connection:
    for attempt in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            db = sqlite3.connect(path)
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_TABLE)
        except (sqlite3.Error, OSError) as error:
            log.warning("history %s: %s", path, error)
            if not attempt:
                for suffix in ("", "-wal", "-shm"):
                    with suppress(OSError):
                        path.with_name(path.name + suffix).unlink()
        else:
            return db
    db = sqlite3.connect(":memory:")
    db.executescript(_TABLE)
    return db
