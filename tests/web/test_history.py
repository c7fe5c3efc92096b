"""The page's memory of what the bin has done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sample_event import sample_event

from edge.web import history
from edge.web.history import History
from edge.wire import event_json


def event(seq: int, day: str = "2026-11-24", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        event_json(sample_event(event_id=f"e{seq}", seq=seq, time=f"{day}T10:00:00.000Z", **changes))
    )
    return made


def test_events_come_newest_first_page_by_page_and_survive_a_restart(tmp_path: Path) -> None:
    kept = History(tmp_path / "history.db")
    for seq in (1, 2, 3, 3):
        kept.add(event(seq))
    kept.close()
    again = History(tmp_path / "history.db")
    assert [e["seq"] for e in again.events(None, 2)] == [3, 2]
    assert list(again.events(2, 2)) == [{**event(1), "corrected": None}]
    again.close()
    assert oct((tmp_path / "history.db").stat().st_mode & 0o777) == "0o600"


def test_what_it_really_was_stands_beside_the_event(tmp_path: Path) -> None:
    kept = History(tmp_path / "history.db")
    kept.add(event(1))
    kept.add(event(2))
    for event_id, label in (("e1", "metal"), ("e1", 'a "cup"'), ("long ago", "glass")):
        kept.correct({"event_id": event_id, "label": label})
    assert list(kept.events(None, 5)) == [{**event(2), "corrected": None}, {**event(1), "corrected": 'a "cup"'}]
    assert kept.days(1)[0]["by_label"] == {"glass": 2}, "what the bin said"
    kept.close()


def test_days_are_counted_oldest_first(tmp_path: Path) -> None:
    kept = History(tmp_path / "history.db")
    kept.add(event(1, "2026-11-23", compartment="a"))
    kept.add(event(2, compartment="a"))
    kept.add(event(3, compartment="b"))
    days = kept.days(30)
    assert [(day["day"], day["items"]) for day in days] == [("2026-11-23", 1), ("2026-11-24", 2)]
    assert days[1]["by_compartment"] == {"a": 1, "b": 1}
    assert [day["day"] for day in kept.days(1)] == ["2026-11-24"]
    kept.close()


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_EVENTS", 3)
    kept = History(tmp_path / "history.db")
    for seq in range(1, 11):
        kept.add(event(seq))
    kept.commit()
    assert [e["seq"] for e in kept.events(None, 10)] == [10, 9, 8]
    kept.close()


def test_a_damaged_file_is_begun_anew_and_an_impossible_one_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"not a database at all " * 1000)
    for place in (path, tmp_path / "history.db" / "impossible"):
        kept = History(place)
        kept.add(event(1))
        kept.commit()
        assert len(kept.events(None, 10)) == 1
        kept.close()
