"""The page's memory of what the bin has done."""

from __future__ import annotations

import json
from pathlib import Path
from time import tzset
from typing import Any

import pytest
from sample_event import sample_event
from small_disk import fill, mounted

from edge.web import history
from edge.web.history import History
from edge.web.problems import ApiError
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
    said = (("e1", "metal"), ("e1", 'a "cup"'), ("long ago", "glass"))
    fell = [kept.correct({"event_id": event_id, "label": label}) for event_id, label in said]
    assert fell == ["recycling", "recycling", None]
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


def test_a_day_in_the_future_goes_once_the_clock_is_right(tmp_path: Path) -> None:
    kept = History(tmp_path / "history.db")
    kept.add(event(1, "2026-11-23"))
    kept.add(event(2, "2037-01-01"))
    assert [day["day"] for day in kept.days(30)] == ["2026-11-23", "2037-01-01"], "who knows which is wrong?"
    kept.add(event(3, "2026-11-24"))
    assert [day["day"] for day in kept.days(2)] == ["2026-11-23", "2026-11-24"]
    kept.add(event(4, "1970-01-01", clock_synced=False))
    assert [day["day"] for day in kept.days(2)] == ["2026-11-24", "2037-01-01"], (
        "a Pi that found no time yet hides none"
    )
    kept.close()


NEW_YORK, AUCKLAND = "EST5EDT,M3.2.0,M11.1.0", "NZST-12NZDT,M9.5.0,M4.1.0/3"  # needs no tables of zones


@pytest.mark.parametrize(
    ("zone", "time", "day"),
    [
        (NEW_YORK, "2026-11-25T01:30:00.000Z", "2026-11-24"),  # half past eight in the evening
        (NEW_YORK, "2026-07-25T03:59:59.999Z", "2026-07-24"),  # in summer an hour is missing
        (NEW_YORK, "2026-07-25T04:00:00.000Z", "2026-07-25"),
        (AUCKLAND, "2026-11-24T11:00:00.000Z", "2026-11-25"),
        ("UTC", "2026-11-24T23:59:59.999Z", "2026-11-24"),
    ],
)
def test_a_day_is_that_of_the_place_where_the_bin_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, time: str, day: str
) -> None:
    kept = History(tmp_path / "history.db")
    monkeypatch.setenv("TZ", zone)
    tzset()
    try:
        kept.add({**event(1), "time": time})
    finally:
        monkeypatch.undo()
        tzset()
    assert [each["day"] for each in kept.days(1)] == [day]
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


def damage(path: Path) -> None:
    content = path.read_bytes()
    third = len(content) // 3
    path.write_bytes(content[:third] + b"\xa5" * third + content[2 * third :])


def test_a_disk_that_fails_meanwhile_is_told_to_who_reads_and_keeps_nothing_else_up(tmp_path: Path) -> None:
    kept = History(tmp_path / "history.db")
    for seq in range(1, 5001):  # more than it holds in memory
        kept.add(event(seq))
    kept.close()
    again = History(tmp_path / "history.db")
    damage(tmp_path / "history.db")
    with pytest.raises(ApiError, match="malformed") as told:
        again.days(30)
    assert told.value.status == 503
    with pytest.raises(ApiError, match="malformed"):
        again.events(None, 5000)
    said = [again.correct({"event_id": f"e{seq}", "label": "metal"}) for seq in range(1, 5001, 100)]
    assert set(said) == {"recycling", None}
    for seq in range(1, 5001, 100):
        again.add(event(seq))
    again.close()


def test_one_that_is_damaged_further_back_is_begun_anew_too(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    kept = History(path)
    for seq in range(1, 1001):
        kept.add(event(seq))
    kept.close()
    damage(path)
    again = History(path)
    again.add(event(1001))
    assert [day["items"] for day in again.days(30)] == [1]
    again.close()


def test_a_full_disk_costs_nothing_of_what_is_on_it(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 2) as disk:
        kept = History(disk / "history.db")
        kept.add(event(1))
        kept.close()
        filler = fill(disk)
        meanwhile = History(disk / "history.db")
        meanwhile.add(event(2))
        meanwhile.close()
        filler.unlink()
        again = History(disk / "history.db")
        assert 1 in [e["seq"] for e in again.events(None, 10)]
        again.close()
