"""Heat, a weak supply, a clock that jumps: what the computer does to a bin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fakebin import ITEM, MODEL, Bin

from edge.adapters import pi_health
from edge.adapters.cooling import PAUSE_S, CoolingCamera
from edge.model import Fault, Frame
from edge.reporter import EVERY_S, Reporter
from edge.state import BinState, Health
from edge.testing import FakeCamera, FakeClock, FakeNotifier, FakeOutbox, blank_frame


def reporter_on(health: Callable[[], Health]) -> Reporter:
    return Reporter(
        BinState("b", MODEL, "1", state="ready"),
        publish=lambda _: None,
        notifier=FakeNotifier(),
        queue=FakeOutbox().stats,
        health=health,
        now_s=0.0,
    )


def warned(health: list[Health]) -> list[list[str]]:
    """The warnings after each look."""
    looks = iter(health)
    reporter = reporter_on(lambda: next(looks))
    seen = []
    for number in range(len(health)):
        reporter.tick(number * EVERY_S)
        assert reporter.state.state == "ready", "it goes on sorting"
        seen.append([warning.problem.value for warning in reporter.state.warnings])
    return seen


def thermal(root: Path, degrees: float) -> Path:
    file = root / "sys/class/thermal/thermal_zone0/temp"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{degrees * 1000:.0f}\n")
    return root


def voltage(root: Path, alarm: str) -> Path:
    for number, name in enumerate(("cpu_thermal", "rpi_volt")):
        folder = root / f"sys/class/hwmon/hwmon{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "name").write_text(f"{name}\n")
    (folder / "in0_lcrit_alarm").write_text(f"{alarm}\n")
    return root


def test_over_80_degrees_is_a_warning_until_it_is_below_75(tmp_path: Path) -> None:
    degrees = [79.0, 81.0, 78.0, 76.0, 74.0, 79.0]
    looks = [Health(temperature_c=pi_health.temperature_c(thermal(tmp_path, d))) for d in degrees]
    hot = ["overheated"]
    assert warned(looks) == [[], hot, hot, hot, [], []]


def test_a_hot_bin_looks_at_fewer_frames_and_at_all_of_them_when_it_is_cool() -> None:
    clock = FakeClock()
    degrees = iter([60.0, 85.0, 60.0, *[60.0] * 20])
    reporter = reporter_on(lambda: Health(temperature_c=next(degrees)))
    at_s: list[float] = []

    def frames() -> Iterator[Frame]:
        while clock.now_s < 4 * EVERY_S:
            clock.sleep(0.1)
            yield blank_frame(clock.now_s)

    for _ in CoolingCamera(FakeCamera(frames()), lambda: reporter.hot, clock.sleep).frames():
        at_s.append(clock.now_s)
        reporter.tick(clock.now_s)
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(at_s)]
    cool, hot = 0.1, round(0.1 + PAUSE_S, 3)
    slow = [number for number, gap in enumerate(gaps) if gap == hot]
    assert set(gaps) == {cool, hot}
    assert slow == list(range(slow[0], slow[-1] + 1)), "one stretch, while it was hot"
    assert EVERY_S * 0.9 < len(slow) * hot < EVERY_S * 1.1


def test_a_hot_bin_still_sorts() -> None:
    clock = FakeClock()
    frames: list[Frame | Fault] = [blank_frame(i / 2) for i in range(len(ITEM))]
    bin_ = Bin(ITEM, camera=CoolingCamera(FakeCamera(frames), lambda: True, clock.sleep))
    (event,) = bin_.run()
    assert event.outcome == "sorted"
    assert clock.now_s == pytest.approx(PAUSE_S * len(frames))


def test_under_voltage_is_a_warning_while_it_lasts(tmp_path: Path) -> None:
    looks = [Health(under_voltage=pi_health.under_voltage(voltage(tmp_path, alarm))) for alarm in "010"]
    assert warned(looks) == [[], ["under_voltage"], []]


def test_a_computer_that_cannot_tell_has_neither(tmp_path: Path) -> None:
    assert pi_health.under_voltage(tmp_path) is None
    assert warned([Health(pi_health.temperature_c(tmp_path), under_voltage=pi_health.under_voltage(tmp_path))]) == [[]]


@pytest.mark.parametrize("jump", [("2026-11-24", "1970-01-01"), ("1970-01-01", "2049-06-30")], ids=["back", "forth"])
def test_a_clock_that_jumps_by_years_changes_the_time_that_events_carry_and_nothing_else(jump: tuple[str, str]) -> None:
    still, jumping = Bin(ITEM * 2), Bin(ITEM * 2)
    times = iter([f"{day}T12:00:00.000Z" for day in jump])
    jumping.wall = lambda: next(times)
    expected, events = still.run(), jumping.run()
    assert [event.time[:10] for event in events] == list(jump)
    assert [event.timing_ms for event in events] == [event.timing_ms for event in expected]
    assert [(event.seq, event.outcome) for event in events] == [(event.seq, event.outcome) for event in expected]
    assert not any(event.clock_synced for event in events), "and it says that the time is not to be believed"


WAITS = ("loop", "cycle", "dropper", "delivery", "reporter", "presence", "adapters/flaps", "adapters/reopening")


@pytest.mark.parametrize("module", WAITS)
def test_nothing_that_waits_looks_at_the_calendar(module: str) -> None:
    source = (Path(pi_health.__file__).parents[1] / f"{module}.py").read_text()
    assert "time.time" not in source
    assert "datetime" not in source
