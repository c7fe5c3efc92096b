"""A little of `make soak` with every run of the suite, and that its judge would notice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from broker_fixtures import PROGRAM
from gauges import Reading, growth, settled
from sample_event import sample_event
from soak import Result, Soak, judge, report

from edge.wire import event_json

EVENTS = [sample_event(event_id=f"e{seq}", seq=seq) for seq in (1, 2, 3)]
MOVED = Counter({EVENTS[0].compartment: 3})


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")
def test_nothing_is_lost_while_everything_goes_wrong(tmp_path: Path) -> None:
    result = Soak(tmp_path, seed=2, kills=True, every_s=2.0).run(items=200, seconds=200, mishaps=3)
    assert result.mishaps.total() >= 3
    assert result.events > 0
    assert (result.gaps, result.doubled, result.unannounced) == (0, 0, 0)


def judged(payloads: list[bytes], moved: Counter[str] = MOVED) -> Result:
    result = Result()
    judge(result, payloads, moved)
    return result


def test_the_judge_is_content_with_every_event_once_or_sent_again() -> None:
    payloads = [event_json(event) for event in EVENTS]
    assert judged([*payloads, payloads[1]]).nothing_lost


def test_the_judge_sees_what_is_lost_doubled_or_unannounced() -> None:
    payloads = [event_json(event) for event in EVENTS]
    assert judged([payloads[0], payloads[2]]).gaps == 1
    assert judged([*payloads, event_json(replace(EVENTS[0], event_id="other"))]).doubled == 1
    assert judged(payloads[:2]).unannounced == 1
    assert not judged([], Counter()).nothing_lost


def test_growth_is_told_after_the_warm_up() -> None:
    cold = [Reading(items, 10_000, 7, 6) for items in range(1, 20)]
    flat = [Reading(items, 50_000, 7, 6) for items in range(20, 101)]
    assert growth(settled([*cold, *flat])) == 0
    leaking = [Reading(items, 50_000 + 50 * items, 7, 6) for items in range(20, 101)]
    assert growth(settled(leaking)) > 0.05


def shown(capsys: pytest.CaptureFixture[str], **grown: int) -> tuple[bool, str]:
    """What a soak without losses says whose gauges grow by so much with every reading."""
    readings = [
        Reading(items, 50_000, 7 + items * grown.get("descriptors", 0) // 10, 6 + items * grown.get("threads", 0) // 10)
        for items in range(1, 101)
    ]
    fine = report(Result(events=100, readings=readings), kills=False)
    return fine, capsys.readouterr().out


def test_a_soak_fails_when_descriptors_or_threads_grow(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys)[0]
    for name in ("descriptors", "threads"):
        fine, said = shown(capsys, **{name: 1})
        assert not fine
        assert f"{name}: " in said


def test_a_soak_fails_when_the_bin_hung_for_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(Result(events=100, longest_still_s=50), kills=False)
    assert not report(Result(events=100, longest_still_s=400), kills=False)
    assert "without an event: 400 s" in capsys.readouterr().out
