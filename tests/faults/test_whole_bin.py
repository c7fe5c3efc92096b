"""A full disk and a jumping clock under a whole bin: the real program, a real disk, a real Mosquitto."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from bin_process import BinProcess, coloured_pictures, config_text, unique_events
from broker_fixtures import Listener, Mosquitto, wait_until
from small_disk import fill, mounted

from edge.model import Outcome, SortEvent

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CLOCK = Path(__file__).with_name("jumping_clock.c")
YEAR_S = 365 * 86400


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    with closing(mosquitto.listen("smartbin/e2e/#")) as listener:
        yield listener


def states(listener: Listener) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in listener.payloads("smartbin/e2e/state")]


def faults(listener: Listener) -> list[str]:
    """In the newest state."""
    told = states(listener)
    return [fault["problem"] for fault in told[-1]["faults"]] if told else []


def stop(bin_: BinProcess, listener: Listener) -> None:
    """Returns when the listener has heard all that the bin said."""
    bin_.terminate()
    assert bin_.wait(60) == 0, bin_.log
    wait_until(lambda: listener.payloads("smartbin/e2e/status")[-1:] == [b"offline"])


def events(listener: Listener) -> list[SortEvent]:
    return unique_events(listener.payloads("smartbin/e2e/event"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk", 1) as disk:
        yield disk


@pytest.mark.root
def test_a_full_disk_stops_the_flaps_is_told_and_heals_without_a_lost_event(
    tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto, listener: Listener, small_disk: Path
) -> None:
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    text = config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True)
    bin_ = BinProcess(tmp_path, text.replace(f"{tmp_path}/outbox.db", f"{small_disk}/outbox.db"))
    bin_.start()
    try:
        for _ in range(2):
            bin_.wait_for_items(bin_.items + 2)
            filler = fill(small_disk)
            wait_until(lambda: faults(listener) == ["disk_failed"], within_s=20)
            filler.unlink()
            wait_until(lambda: not faults(listener) and states(listener)[-1]["state"] == "ready", within_s=120)
        bin_.wait_for_items(bin_.items + 2)
    finally:
        stop(bin_, listener)
    told = events(listener)
    assert [event.seq for event in told] == list(range(1, len(told) + 1)), "no gap"
    for name, count in bin_.movements().items():
        assert count <= sum(event.compartment == name for event in told), "no intent on disk, no movement"


@pytest.fixture(scope="module")
def jumping_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What LD_PRELOAD names."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/proc/self/maps").exists():
        pytest.skip("needs a C compiler (apt install gcc libc6-dev) and Linux")
    made = tmp_path_factory.mktemp("clock") / "jumping_clock.so"
    subprocess.run([compiler, "-Wall", "-Werror", "-shared", "-fPIC", "-o", made, CLOCK, "-ldl"], check=True)
    return made


def test_a_clock_that_jumps_by_years_both_ways_changes_what_time_events_tell_and_nothing_else(
    tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto, listener: Listener, jumping_clock: Path
) -> None:
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True))
    offset = tmp_path / "offset"
    offset.write_text("0")
    bin_.start(LD_PRELOAD=str(jumping_clock), CLOCK_OFFSET=str(offset))
    try:
        for jump in (0, 25, -25, 0):
            (tmp_path / "next").write_text(str(jump * YEAR_S))
            (tmp_path / "next").replace(offset)
            bin_.wait_for_items(bin_.items + 3)
    finally:
        stop(bin_, listener)
    told = events(listener)
    assert [event.seq for event in told] == list(range(1, len(told) + 1)), "seq keeps the order"
    this_year = datetime.now(UTC).year
    years = [year for year, _ in groupby(int(event.time[:4]) for event in told)]
    assert [round((year - this_year) / 25) for year in years] == [0, 1, -1, 0]
    assert all(event.outcome is Outcome.SORTED for event in told), "no jam, no item that took years"
    assert max(event.timing_ms.total for event in told) < 120_000
    assert listener.payloads("smartbin/e2e/status") == [b"online", b"offline"], "the line was never lost"
    assert not any(state["faults"] for state in states(listener))
