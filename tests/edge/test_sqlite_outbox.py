"""The outbox on a real disk: killed, filled up, damaged, cut off, and against a model."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sample_event import sample_event
from small_disk import fill, mounted

from edge.adapters import sqlite_file, sqlite_outbox
from edge.adapters.sqlite_outbox import SqliteOutbox, read_outbox
from edge.errors import OutboxError
from edge.model import Correction, Outcome, SortEvent
from edge.ports import Outbox
from edge.wire import event_json, parse_correction, parse_event

MAX_BYTES = 50_000_000
IN_MEMORY = Path("/dev/shm")  # where a commit costs nothing
TESTS = Path(__file__).resolve().parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[SqliteOutbox]:
    outbox = SqliteOutbox(path, MAX_BYTES)
    yield outbox
    outbox.close()


def add(outbox: Outbox, name: str) -> SortEvent:
    event = outbox.begin(sample_event(event_id=name))
    outbox.finish(event)
    return event


def stored(outbox: Outbox) -> dict[int, SortEvent]:
    return {row.seq: parse_event(row.payload) for row in outbox.ready(0, 100_000) if row.topic == "event"}


# What it is for


def test_only_a_removal_may_reach_the_disk_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        db = real(path)
        db.set_trace_callback(told.append)
        return db

    real = sqlite_file.connect
    monkeypatch.setattr(sqlite_file, "connect", connect)

    def synced(step: Callable[[], object]) -> bool:
        """Whether SQLite asked for an fsync before the step returned, going by the last it was told before COMMIT."""
        told.clear()
        step()
        settings = [line for line in told[: told.index("COMMIT")] if "synchronous" in line]
        return settings[-1].endswith("FULL")

    outbox = SqliteOutbox(path, MAX_BYTES)
    event = sample_event(event_id="a", seq=1)
    assert synced(lambda: outbox.begin(event))
    assert synced(lambda: outbox.finish(event))
    assert not synced(lambda: outbox.remove([1]))
    assert synced(lambda: outbox.begin(sample_event(event_id="b")))
    outbox.remove([99])
    assert synced(lambda: outbox.correct(said("glass")))
    outbox.close()


def test_an_event_is_ready_once_its_outcome_is_known(outbox: SqliteOutbox) -> None:
    event = outbox.begin(sample_event(event_id="a", flap=None))
    assert event == sample_event(event_id="a", flap=None, seq=1)
    assert outbox.ready(0, 10) == []
    assert outbox.stats().queued == 0
    done = sample_event(event_id="a", seq=1, outcome=Outcome.JAM, reason="it did not fall")
    outbox.finish(done)
    (row,) = outbox.ready(0, 10)
    assert (row.seq, row.payload) == (1, event_json(done))
    assert outbox.stats().queued == 1
    outbox.remove([1])
    assert outbox.ready(0, 10) == []
    assert (outbox.stats().queued, outbox.stats().last_seq) == (0, 1)


def test_ready_is_in_order_after_a_seq_and_limited(outbox: SqliteOutbox) -> None:
    for number in range(6):
        add(outbox, f"e{number}")
    assert [row.seq for row in outbox.ready(0, 3)] == [1, 2, 3]
    assert [row.seq for row in outbox.ready(4, 10)] == [5, 6]


def test_saying_a_thing_twice_changes_nothing(outbox: SqliteOutbox) -> None:
    first = outbox.begin(sample_event(event_id="a"))
    assert outbox.begin(sample_event(event_id="a")) == first
    outbox.finish(first)
    outbox.finish(first)
    assert len(outbox.ready(0, 10)) == 1
    outbox.remove([1])
    outbox.remove([1, 99])
    outbox.finish(first)
    assert outbox.ready(0, 10) == []
    assert add(outbox, "b").seq == 2


def said(label: str) -> Correction:
    return Correction("a", "lobby-1", "2026-11-24T10:00:00.000Z", True, label)


def test_a_correction_waits_behind_the_events_and_takes_no_seq(path: Path) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    outbox.correct(said("glass"))
    outbox.correct(said("metal"))
    add(outbox, "a")
    outbox.close()
    outbox = SqliteOutbox(path, MAX_BYTES)
    rows = outbox.ready(0, 10)
    assert [row.topic for row in rows] == ["event", "correction", "correction"]
    assert [parse_correction(row.payload).label for row in rows[1:]] == ["glass", "metal"]
    assert [row.topic for row in outbox.ready(0, 1)] == ["event"]
    assert [row.seq for row in read_outbox(path, 10)] == [1]
    outbox.remove([rows[0].seq, rows[1].seq])
    (left,) = outbox.ready(0, 10)
    assert parse_correction(left.payload) == said("metal")
    assert add(outbox, "b").seq == 2
    outbox.close()


def test_corrections_that_nobody_fetches_do_not_grow_for_ever(
    outbox: SqliteOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_outbox, "MOST_CORRECTIONS", 2)
    for label in ("glass", "metal", "paper"):
        outbox.correct(said(label))
    assert [parse_correction(row.payload).label for row in outbox.ready(0, 10)] == ["metal", "paper"]


def test_a_file_of_an_older_version_takes_corrections(path: Path) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    add(outbox, "a")
    outbox.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE corrections")
    outbox = SqliteOutbox(path, MAX_BYTES)
    outbox.correct(said("glass"))
    assert [row.topic for row in outbox.ready(0, 10)] == ["event", "correction"]
    outbox.close()


def test_a_seq_is_never_given_twice(path: Path) -> None:
    for expected in range(1, 4):
        outbox = SqliteOutbox(path, MAX_BYTES)
        assert add(outbox, f"e{expected}").seq == expected
        outbox.remove([expected])
        outbox.close()


def test_what_a_crash_left_open_becomes_interrupted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    add(outbox, "done")
    begun = outbox.begin(sample_event(event_id="open", flap=None))
    outbox.close()
    outbox = SqliteOutbox(path, MAX_BYTES)
    assert stored(outbox)[2] == replace(begun, outcome=Outcome.INTERRUPTED)
    assert stored(outbox)[1].outcome is Outcome.SORTED
    assert outbox.stats().queued == 2
    assert "open (seq 2) was interrupted" in caplog.text
    outbox.close()


def test_an_intent_that_cannot_be_read_is_dropped_and_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    outbox.begin(sample_event(event_id="open"))
    outbox.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE events SET payload = x'7b'")
    db.close()
    outbox = SqliteOutbox(path, MAX_BYTES)
    assert (outbox.stats().queued, outbox.stats().dropped) == (0, 1)
    assert "cannot be read" in caplog.text
    outbox.close()


def test_the_oldest_are_dropped_beyond_the_size_cap_and_the_count_is_kept(path: Path) -> None:
    cap = 60_000
    outbox = SqliteOutbox(path, cap)
    intent = outbox.begin(sample_event(event_id="open"))
    for number in range(120):
        add(outbox, f"e{number}")
    stats = outbox.stats()
    assert stats.dropped > 0
    assert stats.queued + stats.dropped == 120
    assert list(stored(outbox)) == list(range(122 - stats.queued, 122))
    assert path.stat().st_size < cap * 1.3
    outbox.finish(intent)
    assert 1 in stored(outbox)
    outbox.close()
    outbox = SqliteOutbox(path, cap)
    assert outbox.stats().dropped == stats.dropped
    outbox.close()


def test_only_the_owner_can_read_it_and_its_folder_is_made(path: Path, outbox: SqliteOutbox) -> None:
    add(outbox, "a")
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.glob("outbox.db*")}
    assert modes.pop("outbox.db.lock")
    assert modes == {f"outbox.db{end}": "0o600" for end in ("", "-wal", "-shm", ".seq")}


def test_a_second_program_is_turned_away(path: Path, outbox: SqliteOutbox) -> None:
    with pytest.raises(OutboxError, match="another smartbin uses it"):
        SqliteOutbox(path, MAX_BYTES)
    outbox.close()
    SqliteOutbox(path, MAX_BYTES).close()


def test_it_can_be_looked_at_while_a_bin_runs_and_after(path: Path, outbox: SqliteOutbox) -> None:
    add(outbox, "a")
    outbox.begin(sample_event(event_id="open"))
    assert [row.seq for row in read_outbox(path, 10)] == [1]
    outbox.close()
    assert [row.seq for row in read_outbox(path, 10)] == [1]
    with pytest.raises(OutboxError, match="no bin has run with this configuration"):
        read_outbox(path.with_name("none.db"), 10)


def test_closing_twice_is_fine_and_then_it_says_so(outbox: SqliteOutbox) -> None:
    outbox.close()
    outbox.close()
    with pytest.raises(OutboxError, match="closed"):
        outbox.stats()


def test_an_event_that_cannot_be_written_leaves_nothing_half_done(outbox: SqliteOutbox) -> None:
    with pytest.raises(ValueError, match="JSON"):
        outbox.begin(sample_event(event_id="a", confidence=float("nan")))
    assert add(outbox, "b").seq == 1


# Killed


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing(path: Path) -> None:
    """What was said to be done is on disk, whenever the program was killed: 30 times over."""
    command = [sys.executable, str(TESTS / "edge" / "outbox_child.py"), str(path), "30"]
    environ = os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
    said = subprocess.run(command, capture_output=True, text=True, env=environ, check=True)
    steps = [line.split(" ") for line in said.stdout.splitlines()]
    begun = {name: int(seq) for step, seq, name in steps if step == "begun"}
    finished = {name for step, _, name in steps if step == "finished"}
    removing = {int(seq) for step, seq, _ in steps if step == "removing"}
    assert len(begun) > 100
    assert len(set(begun.values())) == len(begun), "a seq was given twice"
    assert "is set aside" not in said.stderr

    outbox = SqliteOutbox(path, MAX_BYTES)
    rows = stored(outbox)
    by_id = {event.event_id: event for event in rows.values()}
    assert all(event.seq == seq for seq, event in rows.items())
    assert {name for name, seq in begun.items() if name not in by_id} <= {n for n, s in begun.items() if s in removing}
    assert all(by_id[name].outcome is Outcome.SORTED for name in finished & set(by_id))
    assert outbox.stats().last_seq - max(begun.values()) in (0, 1)
    outbox.close()


# Cut off


def test_after_a_power_cut_a_prefix_of_the_commits_is_there(path: Path, outbox: SqliteOutbox, tmp_path: Path) -> None:
    """The write-ahead log may end anywhere, and its last part may be garbage."""
    for number in range(12):
        add(outbox, f"e{number}")
    outbox.begin(sample_event(event_id="open"))
    wal = path.with_name("outbox.db-wal").read_bytes()
    rng = random.Random(7)
    seen = set()
    for n, length in enumerate([0, 31, 32, len(wal), *(rng.randrange(len(wal)) for _ in range(20))]):
        copy = tmp_path / f"cut{n}" / "outbox.db"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        copy.with_name("outbox.db-wal").write_bytes(wal[:length] + rng.randbytes(100))
        cut = SqliteOutbox(copy, MAX_BYTES)
        events = list(stored(cut).values())
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(event.outcome is Outcome.SORTED for event in events[:-1])
        assert add(cut, "new").seq == len(events) + 1
        seen.add(len(events))
        cut.close()
        assert not list(copy.parent.glob("*.corrupt*"))
    assert {0, 13} < seen


# What lies in the compartments


def test_items_are_counted_by_compartment_until_it_is_emptied(outbox: SqliteOutbox, path: Path) -> None:
    for number, (compartment, outcome) in enumerate(
        [("a", Outcome.SORTED), ("a", Outcome.ABSTAINED), ("b", Outcome.SORTED), ("b", Outcome.JAM)]
    ):
        event = outbox.begin(sample_event(event_id=str(number), compartment=compartment, outcome=outcome))
        outbox.finish(event)
        outbox.finish(event)
    assert outbox.stats().since_emptied == {"a": 2, "b": 1}, "what jammed did not fall, and no item counts twice"
    outbox.remove([1, 2, 3, 4])
    outbox.close()
    again = SqliteOutbox(path, MAX_BYTES)
    assert again.stats().since_emptied == {"a": 2, "b": 1}, "kept over a restart and after delivery"
    again.emptied("a")
    assert again.stats().since_emptied == {"b": 1}
    again.emptied(None)
    assert again.stats() == replace(again.stats(), since_emptied={}, dropped=0, last_seq=4)
    again.close()


# Damaged


def test_what_is_no_database_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    for n, after in ((1, 0), (2, 100)):  # the second time it is known that up to 100 numbers may have been given
        path.write_bytes(b"not a database at all " * 1000)
        outbox = SqliteOutbox(path, MAX_BYTES)
        assert add(outbox, "a").seq == after + 1
        outbox.close()
        assert path.with_name(f"outbox.db.corrupt-{n}").read_bytes().startswith(b"not a database")
        assert f"set aside as outbox.db.corrupt-{n}, 0 events rescued, seq goes on after {after}" in caplog.text
        assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_where_some_events_are_rescued_but_not_the_newest_no_seq_is_given_again(path: Path) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    for number in range(120):
        add(outbox, f"e{number}")
    outbox.close()
    with closing(sqlite3.connect(path)) as db:  # as a file in which the newest pages and the sequence cannot be read
        db.execute("DELETE FROM events WHERE seq > 30")
        db.execute("DELETE FROM sqlite_sequence")
        db.commit()
    aside, rescued = sqlite_file.replace_damaged(path)
    assert (aside.name, rescued) == ("outbox.db.corrupt-1", 30)
    outbox = SqliteOutbox(path, MAX_BYTES)
    assert add(outbox, "new").seq == 201, "101 was noted, and 99 may have followed"
    outbox.close()


@pytest.mark.parametrize("empty", [True, False], ids=["cut to nothing", "gone"])
def test_a_file_that_is_lost_gives_no_seq_again(path: Path, empty: bool) -> None:
    for after in (0, 100, 200):  # each time up to 99 numbers may have followed the one that was noted
        outbox = SqliteOutbox(path, MAX_BYTES)
        assert [add(outbox, name).seq for name in "ab"] == [after + 1, after + 2]
        outbox.close()
        path.unlink()
        if empty:  # as fsck leaves it after a power cut
            path.touch()


def damage(path: Path, first: float, last: float) -> None:
    """Overwrite this part of the file (fractions of its length) with noise."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(size * first))
        file.write(random.Random(3).randbytes(int(size * last) - int(size * first)))


def test_of_a_damaged_file_all_that_can_be_read_is_rescued(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    for number in range(100):
        add(outbox, f"e{number}")
    outbox.correct(said("glass"))
    outbox.begin(sample_event(event_id="open"))
    outbox.close()
    damage(path, 0.55, 0.6)
    outbox = SqliteOutbox(path, MAX_BYTES)
    assert outbox.ready(0, 1000)[-1].topic == "correction"
    rows = stored(outbox)
    assert 70 < len(rows) < 101
    assert rows[1] == sample_event(event_id="e0", seq=1)
    assert rows[101].outcome is Outcome.INTERRUPTED
    assert add(outbox, "new").seq == 102
    assert "seq goes on after 101" in caplog.text
    assert outbox.stats().queued == len(rows) + 1
    outbox.close()


def test_damage_while_running_is_told_and_then_replaced(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = SqliteOutbox(path, MAX_BYTES)
    for number in range(50):
        add(outbox, f"e{number}")
    intent = outbox.begin(sample_event(event_id="open"))
    assert outbox._db is not None
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    outbox._db.execute("PRAGMA shrink_memory")  # as if the pages had been pushed out of memory by others
    damage(path, 0.0, 1.0)
    with pytest.raises(OutboxError, match="set aside and a new one begun"):
        outbox.finish(intent)
    outbox.finish(intent)
    assert stored(outbox) == {51: intent}
    assert add(outbox, "new").seq == 52
    assert "0 events rescued" in caplog.text
    outbox.close()


# No disk


def test_a_database_held_by_another_program_is_told_and_heals(path: Path, outbox: SqliteOutbox) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutboxError, match="another program holds it"):
        outbox.begin(sample_event(event_id="a"))
    other.execute("ROLLBACK")
    other.close()
    assert add(outbox, "a").seq == 1


def test_a_disk_turned_read_only_is_told_and_heals(outbox: SqliteOutbox) -> None:
    add(outbox, "a")
    assert outbox._db is not None
    outbox._db.execute("PRAGMA query_only = ON")  # SQLite then answers as on a disk mounted read-only
    with pytest.raises(OutboxError, match="mounted read-only"):
        outbox.begin(sample_event(event_id="b"))
    assert add(outbox, "b").seq == 2


@pytest.mark.parametrize("name", ["a-file/outbox.db", "a-folder"])
def test_a_path_that_cannot_be_one_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(OutboxError, match=name):
        SqliteOutbox(tmp_path / name, MAX_BYTES)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk", 1) as disk:
        yield disk


@pytest.mark.root
def test_a_disk_that_is_full_before_it_began(small_disk: Path) -> None:
    filler = fill(small_disk)
    with pytest.raises(OutboxError, match="free"):
        SqliteOutbox(small_disk / "outbox.db", MAX_BYTES)
    filler.unlink()
    outbox = SqliteOutbox(small_disk / "outbox.db", MAX_BYTES)
    assert add(outbox, "a").seq == 1
    outbox.close()


@pytest.mark.root
@pytest.mark.parametrize("leave_kb", [0, 4, 8, 12, 20, 40, 80])
def test_a_disk_that_fills_up_loses_no_event_and_heals(small_disk: Path, leave_kb: int) -> None:
    outbox = SqliteOutbox(small_disk / "outbox.db", MAX_BYTES)
    committed = [add(outbox, "first")]
    filler = fill(small_disk, leave_kb * 1024)
    failed = intent = None
    while failed is None:
        try:
            intent = outbox.begin(sample_event(event_id=f"e{len(committed)}"))
            outbox.finish(intent)
            committed.append(intent)
            intent = None
        except OutboxError as error:
            failed = error
    assert "check" in str(failed) or "free" in str(failed)
    assert list(stored(outbox)) == [event.seq for event in committed]
    for _ in range(3):  # it does not get worse by trying
        with pytest.raises(OutboxError):
            outbox.finish(intent) if intent else outbox.begin(sample_event(event_id="again"))
    filler.unlink()
    if intent:
        outbox.finish(intent)
        committed.append(intent)
    committed.append(add(outbox, "after"))
    assert [event.seq for event in committed] == list(range(1, len(committed) + 1))
    outbox.remove([1])
    outbox.close()
    outbox = SqliteOutbox(small_disk / "outbox.db", MAX_BYTES)
    assert stored(outbox) == {event.seq: event for event in committed[1:]}
    outbox.close()


@pytest.mark.root
def test_a_damaged_file_on_a_full_disk_waits_for_space_with_its_events(small_disk: Path) -> None:
    path = small_disk / "outbox.db"
    outbox = SqliteOutbox(path, MAX_BYTES)
    for number in range(40):
        add(outbox, f"e{number}")
    outbox.close()
    damage(path, 0.55, 0.6)
    filler = fill(small_disk, 16 * 1024)
    for _ in range(2):
        with pytest.raises(OutboxError):
            SqliteOutbox(path, MAX_BYTES)
    filler.unlink()
    outbox = SqliteOutbox(path, MAX_BYTES)
    assert len(stored(outbox)) > 25
    assert add(outbox, "new").seq == 41
    outbox.close()


# Against a model


class AgainstAModel(RuleBasedStateMachine):
    """Whatever is done in whatever order, with restarts in between, it holds what a dict would hold."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "outbox.db"
        self.outbox = SqliteOutbox(self.path, MAX_BYTES)
        self.open: dict[int, SortEvent] = {}
        self.ready: dict[int, SortEvent] = {}
        self.last_seq = 0

    @rule()
    def begin(self) -> None:
        event = self.outbox.begin(sample_event(event_id=f"e{self.last_seq}"))
        self.last_seq += 1
        assert event.seq == self.last_seq
        self.open[event.seq] = event

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def finish(self, data: st.DataObject, outcome: Outcome) -> None:
        event = replace(self.open.pop(data.draw(st.sampled_from(sorted(self.open)))), outcome=outcome)
        self.outbox.finish(event)
        self.ready[event.seq] = event

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        seqs = data.draw(st.lists(st.sampled_from(sorted(self.ready)))) if self.ready else []
        self.outbox.remove(seqs)
        for seq in seqs:
            self.ready.pop(seq, None)

    @rule()
    def restart(self) -> None:
        self.outbox.close()
        self.outbox = SqliteOutbox(self.path, MAX_BYTES)
        self.ready |= {seq: replace(event, outcome=Outcome.INTERRUPTED) for seq, event in self.open.items()}
        self.open = {}

    @invariant()
    def holds_the_same(self) -> None:
        if hasattr(self, "outbox"):
            assert stored(self.outbox) == dict(sorted(self.ready.items()))
            stats = self.outbox.stats()
            assert (stats.queued, stats.dropped, stats.last_seq) == (len(self.ready), 0, self.last_seq)

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self.outbox.close()
            self.folder.cleanup()


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


WAITING = """
import sys
from dataclasses import replace
from pathlib import Path

from sample_event import sample_event

from edge.adapters.sqlite_outbox import SqliteOutbox

def held_kb():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

outbox = SqliteOutbox(Path(sys.argv[1]), 10**8)
for number in range(3000):
    if number == 300:
        before = held_kb()
    outbox.finish(outbox.begin(replace(sample_event(), event_id=f"e{number}")))
print(held_kb() - before)
"""


def test_what_waits_is_on_the_disk_and_not_in_memory() -> None:
    """SQLite's cache as it comes takes 1.3 MB for these events, and keeps them."""
    tests = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        command = [sys.executable, "-c", WAITING, str(Path(folder) / "outbox.db")]
        paths = os.pathsep.join((tests, *sys.path))
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
        )
    assert int(done.stdout) < 600


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "you may not read it; run this with sudo"),
        (OSError(errno.EIO, "Input/output error"), "it cannot be read (Input/output error); check the disk"),
    ],
)
def test_events_that_cannot_be_looked_at_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, told: str
) -> None:
    def fails(path: Path, *_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(Path, "open", fails)  # root may read everything
    with pytest.raises(OutboxError) as caught:
        read_outbox(tmp_path / "outbox.db", 1)
    assert told in str(caught.value)
