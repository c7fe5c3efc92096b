"""A database that is corrupt at start, and what the loop does with a disk that takes nothing. A real SQLite file.

That a full disk, before and in the middle of a commit, loses no event is shown on a small file system by
tests/edge/test_sqlite_outbox.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakebin import ITEM, Bin
from sample_event import sample_event

from edge.adapters.sqlite_outbox import SqliteOutbox
from edge.model import Outcome, Phase, Problem
from edge.testing import FakeClock, FakeFlap, FakeOutbox, FakePublisher

MAX_BYTES = 10_000_000


def nonsense(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(range(256)) * 16
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 100])


@pytest.mark.parametrize("damage", [nonsense, overwritten, cut])
def test_a_corrupt_database_is_set_aside_said_loudly_and_the_bin_sorts(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.db"
    with closing(SqliteOutbox(path, MAX_BYTES)) as outbox:
        for number in range(40):
            outbox.finish(outbox.begin(sample_event(event_id=f"e{number}")))
    damage(path)
    with caplog.at_level(logging.WARNING), closing(SqliteOutbox(path, MAX_BYTES)) as outbox:
        bin_ = Bin(ITEM, store=outbox)
        bin_.run()
        assert bin_.flap.moves == ["recycling"]
        stored = outbox.ready(0, 1000)
        assert b'"outcome":"sorted"' in stored[-1].payload, "the new item"
    (warning,) = bin_.reporter.state.warnings
    assert warning.problem is Problem.DATABASE_REPLACED
    assert "set aside as outbox.db.corrupt-1" in warning.message
    assert (tmp_path / "outbox.db.corrupt-1").exists()
    assert any("set aside" in r.message and r.levelno == logging.ERROR for r in caplog.records)
    assert not bin_.reporter.state.faults, "it goes on by itself"
    with closing(SqliteOutbox(path, MAX_BYTES)) as outbox:
        assert outbox.stats().damage is None, "the new one is sound"


def test_a_disk_that_takes_nothing_keeps_everything_still_and_heals() -> None:
    outbox = FakeOutbox()
    outbox.full = True
    bin_ = Bin([*ITEM[:-1], *[Phase.SETTLED] * 8, Phase.EMPTY], outbox=outbox)
    told: list[list[str]] = []

    def look() -> bool:
        told.append([fault.problem.value for fault in bin_.reporter.state.faults])
        outbox.full = len(told) < 8
        return False

    (event,) = bin_.run(should_stop=look)
    assert ["disk_failed"] in told
    assert not bin_.reporter.state.faults
    assert (event.seq, event.outcome) == (1, Outcome.SORTED)
    assert bin_.flap.moves == ["recycling"], "not before the intent was on disk"


def test_an_outcome_that_cannot_be_written_is_written_later() -> None:
    outbox = FakeOutbox()
    flap = FakeFlap(before_move=lambda: setattr(outbox, "full", True))
    bin_ = Bin([*ITEM, *[Phase.EMPTY] * 6], outbox=outbox, flap=flap)
    looks = iter(range(100))

    def look() -> bool:
        outbox.full = outbox.full and next(looks) < 3
        return False

    (event,) = bin_.run(should_stop=look)
    assert event.outcome is Outcome.SORTED
    assert not bin_.reporter.state.faults


def test_a_full_disk_is_told_while_what_the_broker_has_cannot_be_taken_off_it_and_heals_without_an_item() -> None:
    outbox, publisher = FakeOutbox(), FakePublisher()
    bin_ = Bin([*ITEM, *[Phase.EMPTY] * 8], outbox=outbox, publisher=publisher, clock=FakeClock(step_s=0.3))
    told: list[list[str]] = []

    def look() -> bool:
        told.append([fault.problem.value for fault in bin_.reporter.state.faults])
        if len(told) == len(ITEM) + 2:
            outbox.full = True
            publisher.acknowledge(*(token for token, topic, _, _ in publisher.sent if topic == "event"))
        outbox.full = outbox.full and len(told) < len(ITEM) + 5
        return False

    bin_.run(should_stop=look)
    assert told[len(ITEM) + 3] == ["disk_failed"]
    assert any(fault.problem is Problem.DISK_FAILED for state in bin_.states for fault in state.faults), "published"
    assert not bin_.reporter.state.faults, "healed once the disk let it go"
    assert outbox.stats().queued == 0
