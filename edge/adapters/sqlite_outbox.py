"""Events on disk until the broker has acknowledged them: one SQLite file, one table, one commit a step."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from edge.adapters import sqlite_file
from edge.errors import OutboxError
from edge.model import Correction, Outcome, SortEvent
from edge.ports import OutboxStats, Stored
from edge.wire import correction_json, event_json, parse_event

log = logging.getLogger(__name__)

DROP_AT_ONCE = 16  # rows; one by one would cost a search for each event once the cap is reached
MOST_CORRECTIONS = 10_000  # 2 MB; then the oldest gives way, as the oldest event does
SINCE_EMPTIED = "since_emptied/"  # how a counter of a compartment begins
FELL = (Outcome.SORTED, Outcome.ABSTAINED)
PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)  # after any other error the file is opened anew


class SqliteOutbox:
    """Implements ports.Outbox. For one thread (the loop) of one process: a second process is turned away.

    After an OutboxError the same call can be made again: it succeeds once the disk does.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        """max_bytes: the oldest finished events are dropped, and counted, beyond this. Raises OutboxError."""
        self._path = path
        self._max_bytes = max_bytes
        self._db: sqlite3.Connection | None = None
        self._begun: set[str] = set()  # event_ids of this process's intents
        self._last_seq = 0  # in memory too, in case the file is lost while running
        self._damage: sqlite3.Error | None = None
        self._replaced: str | None = None  # what became of a damaged file
        self._lock = sqlite_file.lock(path)
        try:
            self._interrupt()
        except OutboxError:
            self.close()
            raise

    def begin(self, event: SortEvent) -> SortEvent:
        """Commit the intent to sort; see ports.Outbox. Beginning the same event again changes nothing."""
        with self._transaction() as db:
            self._make_room(db)
            known = db.execute("SELECT 1 FROM events WHERE event_id = ?", (event.event_id,)).fetchone()
            if not known:  # ON CONFLICT would use up a seq
                db.execute("INSERT INTO events (event_id, payload, finished) VALUES (?, x'', 0)", (event.event_id,))
            (seq,) = db.execute("SELECT seq FROM events WHERE event_id = ?", (event.event_id,)).fetchone()
            numbered = replace(event, seq=seq)
            db.execute("UPDATE events SET payload = ? WHERE seq = ? AND finished = 0", (event_json(numbered), seq))
        self._begun.add(event.event_id)
        self._last_seq = max(self._last_seq, seq)
        if seq % sqlite_file.MARK_EVERY == 1:
            sqlite_file.mark(self._path, seq)
        return numbered

    def finish(self, event: SortEvent) -> None:
        """Commit the outcome of an intent."""
        with self._transaction() as db:
            payload = event_json(event)
            if event.outcome in FELL and event.event_id in self._begun:
                sqlite_file.count(db, SINCE_EMPTIED + event.compartment)
            found = db.execute(
                "UPDATE events SET payload = ?, finished = 1 WHERE event_id = ?", (payload, event.event_id)
            )
            if not found.rowcount and event.event_id in self._begun:
                # its intent was lost with a file that had to be set aside
                db.execute("INSERT INTO events VALUES (?, ?, ?, 1)", (event.seq, event.event_id, payload))
        self._begun.discard(event.event_id)

    def correct(self, correction: Correction) -> None:
        """Commit what somebody said of an event."""
        with self._transaction() as db:
            added = db.execute("INSERT INTO corrections (payload) VALUES (?)", (correction_json(correction),))
            oldest = (added.lastrowid or 0) - MOST_CORRECTIONS
            db.execute("DELETE FROM corrections WHERE number <= ?", (oldest,))

    def ready(self, after_seq: int, limit: int) -> Sequence[Stored]:
        """Finished events with seq > after_seq, oldest first; then corrections."""
        with self._reading() as db:
            events = _stored(db, after_seq, limit)
            room = limit - len(events)
            rows = db.execute("SELECT number, payload FROM corrections ORDER BY number LIMIT ?", (room,))
            return [*events, *(Stored(-number, payload, "correction") for number, payload in rows)]

    def remove(self, seqs: Sequence[int]) -> None:
        """Forget what the broker acknowledged. It need not last: after a power cut some are published once more.

        So it goes to the card with the next intent, or when the kernel sees fit, and not in a write of its own.
        """
        if not seqs:
            return
        with self._transaction(lasting=False) as db:
            db.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq in seqs if seq > 0])
            db.executemany("DELETE FROM corrections WHERE number = ?", [(-seq,) for seq in seqs if seq < 0])

    def emptied(self, compartment: str | None) -> None:
        """Count the items of a compartment, or of every one, from nothing again."""
        with self._transaction() as db:
            names = f"{SINCE_EMPTIED}{compartment or '*'}"
            db.execute("DELETE FROM counters WHERE name GLOB ?", (names,))

    def stats(self) -> OutboxStats:
        """Queued, dropped, the newest seq, and what lies in the compartments."""
        with self._reading() as db:
            (rows,) = db.execute("SELECT count(*) FROM events").fetchone()
            (dropped,) = db.execute("SELECT value FROM counters WHERE name = 'dropped'").fetchone()
            return OutboxStats(
                queued=max(0, rows - len(self._begun)),
                dropped=dropped,
                last_seq=sqlite_file.last_seq(db),
                damage=self._replaced,
                since_emptied=sqlite_file.counted(db, SINCE_EMPTIED),
            )

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._disconnect()
        self._lock.close()

    def _interrupt(self) -> None:
        """Intents that an earlier process left without an outcome become finished."""
        with self._transaction() as db:
            for seq, payload in db.execute("SELECT seq, payload FROM events WHERE finished = 0").fetchall():
                try:
                    event = replace(parse_event(payload), outcome=Outcome.INTERRUPTED)
                except ValueError as error:
                    log.error("%s: dropped the intent with seq %d, it cannot be read: %s", self._path, seq, error)
                    self._drop(db, [seq])
                    continue
                db.execute("UPDATE events SET payload = ?, finished = 1 WHERE seq = ?", (event_json(event), seq))
                log.warning("event %s (seq %d) was interrupted before its outcome was known", event.event_id, seq)

    def _make_room(self, db: sqlite3.Connection) -> None:
        while sqlite_file.used_bytes(db) > self._max_bytes:
            oldest = db.execute("SELECT seq FROM events WHERE finished = 1 ORDER BY seq LIMIT ?", (DROP_AT_ONCE,))
            seqs = [seq for (seq,) in oldest]
            if not seqs:
                return
            log.error("%s: size cap reached, dropped events with seq %d to %d", self._path, seqs[0], seqs[-1])
            self._drop(db, seqs)

    @staticmethod
    def _drop(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
        db.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq in seqs])
        db.execute("UPDATE counters SET value = value + ? WHERE name = 'dropped'", (len(seqs),))

    @contextmanager
    def _transaction(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; and on the disk before it returns, if lasting."""
        with self._reading() as db:
            try:
                db.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")  # NORMAL: no fsync for a commit
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The database, opened if need be; its errors become OutboxError, and the next call finds it usable."""
        if self._lock.closed:
            raise OutboxError(f"outbox {self._path}: it was closed")
        try:
            self._db = self._db or self._connect()
            yield self._db
        except sqlite3.Error as error:
            self._give_up(error)
            raise sqlite_file.explained(self._path, error) from error
        except OSError as error:
            raise OutboxError(f"outbox {self._path}: {error.strerror}; check the disk and the owner") from error

    def _give_up(self, error: sqlite3.Error) -> None:
        code = sqlite_file.primary(error)
        if code not in PASSING:
            self._disconnect()
        if code in sqlite_file.DAMAGED:
            self._damage = error

    def _connect(self) -> sqlite3.Connection:
        try:
            db = self._begin_anew(self._damage) if self._damage else sqlite_file.connect(self._path)
        except sqlite3.DatabaseError as error:
            if sqlite_file.primary(error) not in sqlite_file.DAMAGED:
                raise
            db = self._begin_anew(error)
        self._damage = None
        if not sqlite_file.last_seq(db) and (given := self._last_seq or sqlite_file.marked(self._path)):
            sqlite_file.continue_after(db, given)  # the file that gave them is gone
        self._last_seq = sqlite_file.last_seq(db)
        return db

    def _begin_anew(self, cause: sqlite3.Error) -> sqlite3.Connection:
        aside, rescued = sqlite_file.replace_damaged(self._path, self._last_seq)
        db = sqlite_file.connect(self._path)
        go_on = f"seq goes on after {sqlite_file.last_seq(db)}"
        self._replaced = f"{self._path}: {cause}; set aside as {aside.name}, {rescued} events rescued, {go_on}"
        log.error("%s", self._replaced)
        return db

    def _disconnect(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):  # what could not be written is on its way to the caller already
                self._db.close()
            self._db = None


def read_outbox(path: Path, limit: int) -> Sequence[Stored]:
    """The oldest waiting events, to look at while a bin runs: opens read-only. Raises OutboxError."""
    try:
        path.open("rb").close()
    except FileNotFoundError as error:
        raise OutboxError(f"outbox {path}: there is none yet: no bin has run with this configuration") from error
    except PermissionError as error:
        raise OutboxError(f"outbox {path}: you may not read it; run this with sudo") from error
    except OSError as error:
        raise OutboxError(f"outbox {path}: it cannot be read ({error.strerror}); check the disk") from error
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return _stored(db, 0, limit)
    except sqlite3.Error as error:
        raise sqlite_file.explained(path, error) from error


def _stored(db: sqlite3.Connection, after_seq: int, limit: int) -> list[Stored]:
    query = "SELECT seq, payload FROM events WHERE finished = 1 AND seq > ? ORDER BY seq LIMIT ?"
    return [Stored(seq, payload) for seq, payload in db.execute(query, (after_seq, limit))]
