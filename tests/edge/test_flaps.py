from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.adapters.flaps import GpioFlaps, Pulse, show_pulse
from edge.adapters.pins import mock_pins
from edge.errors import ConfigError, FlapError
from edge.flap_settings import AnyFlap, ChuteFlap, FlapSettings, ServoFlap, SolenoidFlap

PERIOD_MS = 20.0
SERVO = ServoFlap(12, rest=0, open=90)
SECOND = ServoFlap(13, rest=-45, open=45)
SOLENOID = SolenoidFlap(5, pulse_s=0.5, max_on_s=2.0)
LOW = SolenoidFlap(6, pulse_s=0.3, max_on_s=1.0, active_high=False)
SLOW_CHUTE = {"turn_s": 0.6, "drop_s": 0.6, "settle_s": 0.4}
GREEN, BROWN = ChuteFlap(18, 19, angle=60, **SLOW_CHUTE), ChuteFlap(18, 19, angle=-60, **SLOW_CHUTE)
EVERY: dict[str, AnyFlap] = {"a": SERVO, "b": SECOND, "c": SOLENOID, "d": LOW, "e": GREEN, "f": BROWN}

# what the pins show: pulse widths in ms, and the level of a coil
REST = {12: 1.5, 13: 1.0, 18: 1.5, 19: 1.5, 5: 0.0, 6: 1.0}
TURN_PIN = 18  # only directs the item; the flap of a chute is its drop servo


class SpyPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """Tells its factory of every change, and can be made to fail."""

    def _set_state(self, value: float) -> None:
        self.factory.bench.before_write()
        super()._set_state(value)

    def _change_state(self, value: float) -> bool:
        changed: bool = super()._change_state(value)
        if changed:
            self.factory.bench.changed(self.info.name, float(value))
        return changed


@dataclass
class FakeTimer:
    at_s: float
    act: Callable[[], None]
    live: bool = False

    def start(self) -> None:
        self.live = True

    def cancel(self) -> None:
        self.live = False

    def join(self, timeout: float | None = None) -> None:
        pass


@dataclass
class Bench:
    """Pins in memory and a clock that only moves when somebody sleeps on it."""

    now_s: float = 100.0
    timers: list[FakeTimer] = field(default_factory=list)
    trouble: dict[int, float | BaseException] = field(default_factory=dict)  # nth sleep -> seconds more, or an error
    sleeps: int = 0
    broken_writes: list[int] = field(default_factory=list)  # nth write fails
    writes: int = 0
    changes: list[tuple[float, int, float]] = field(default_factory=list)  # s, pin, what it shows
    pulses: list[Pulse] = field(default_factory=list)
    made: list[GpioFlaps] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.factory = MockFactory(pin_class=SpyPin)
        self.factory.bench = self
        self.shows: dict[int, float] = {}
        self.positions: dict[int, float] = dict(REST)  # a servo stays where its last pulse sent it
        self.most_open = 0

    def flaps(self, flaps: dict[str, AnyFlap], max_s: float = 5.0) -> GpioFlaps:
        made = GpioFlaps(
            FlapSettings(flaps, max_s),
            self.factory,
            sleep=self.sleep,
            clock=lambda: self.now_s,
            timer=self.timer,
            log=self.pulses.append,
        )
        self.made.append(made)
        self.forget()
        return made

    def close(self) -> None:
        self.trouble, self.broken_writes = {}, []
        for flaps in self.made:
            flaps.close()

    def forget(self) -> None:
        self.changes.clear()
        self.pulses.clear()
        self.sleeps = self.writes = 0
        self.now_s = 100.0

    def timer(self, seconds: float, act: Callable[[], None]) -> FakeTimer:
        self.timers.append(FakeTimer(self.now_s + seconds, act))
        return self.timers[-1]

    def sleep(self, seconds: float) -> None:
        trouble = self.trouble.pop(self.sleeps, 0.0)
        self.sleeps += 1
        if isinstance(trouble, BaseException):
            raise trouble
        until_s = self.now_s + seconds + trouble
        while due := [timer for timer in self.timers if timer.live and timer.at_s <= until_s]:
            first = min(due, key=lambda timer: timer.at_s)
            first.live = False
            self.now_s = max(self.now_s, first.at_s)
            first.act()
        self.now_s = max(self.now_s, until_s)

    def before_write(self) -> None:
        self.writes += 1
        if self.writes - 1 in self.broken_writes:
            self.broken_writes.remove(self.writes - 1)
            raise OSError("Input/output error")

    def changed(self, name: str, value: float) -> None:
        pin = int(name.removeprefix("GPIO"))
        shown = round(value, 6) if pin in (5, 6) else round(value * PERIOD_MS, 6)
        self.shows[pin] = shown
        self.changes.append((round(self.now_s - 100, 6), pin, shown))
        if pin in (5, 6) or shown:
            self.positions[pin] = shown
        self.most_open = max(self.most_open, len(self.open_pins()))

    def open_pins(self) -> set[int]:
        return {pin for pin, shown in self.positions.items() if shown != REST[pin] and pin != TURN_PIN}

    def quiet(self) -> bool:
        """No pulses, no coil on, and every servo where its rest is."""
        driven = [pin for pin, shown in self.shows.items() if shown != (1.0 if pin == 6 else 0.0)]
        return not driven and self.positions == REST and not [timer for timer in self.timers if timer.live]

    def at_rest_without_pins(self) -> bool:
        # a pin that was given back is an input, whatever level MockPWMPin shows of it: a resistor holds the coil off
        inputs = all(self.factory.pin(pin).function == "input" for pin in REST)
        return inputs and not [pin for pin in (12, 13, 18, 19) if self.positions[pin] != REST[pin]]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def no_global_factory() -> Iterator[None]:
    before = gpiozero.Device.pin_factory
    yield
    assert gpiozero.Device.pin_factory is before


def test_servo_opens_holds_returns_and_falls_quiet(bench: Bench) -> None:
    report = bench.flaps({"a": SERVO}).sort("a")
    assert report.ok
    assert report.ms == pytest.approx(1000)
    assert bench.changes == [(0.0, 12, 2.5), (0.6, 12, 1.5), (1.0, 12, 0.0)]
    assert [(p.pin, p.value, round(p.ms)) for p in bench.pulses] == [(12, 90, 600), (12, 0, 400)]


def test_pulse_widths_and_angles_map_as_configured(bench: Bench) -> None:
    flap = ServoFlap(12, rest=0, open=45, min_angle=0, max_angle=180, min_pulse_ms=1.0, max_pulse_ms=2.0)
    bench.flaps({"a": flap}).sort("a")
    assert [shown for _, _, shown in bench.changes] == [1.25, 1.0, 0.0]


@pytest.mark.parametrize(("name", "pin", "levels", "off_at_s"), [("c", 5, [1, 0], 0.5), ("d", 6, [0, 1], 0.3)])
def test_solenoid_pulses_once(bench: Bench, name: str, pin: int, levels: list[int], off_at_s: float) -> None:
    assert bench.flaps(EVERY).sort(name).ok
    assert bench.changes == [(0.0, pin, levels[0]), (off_at_s, pin, levels[1])]


def test_chute_turns_before_it_drops_and_closes_before_it_turns_back(bench: Bench) -> None:
    flaps = bench.flaps({"e": GREEN, "f": BROWN})
    assert flaps.sort("f").ok
    low, rest, opened = round(1.5 - 60 / 90, 6), 1.5, 2.5
    assert bench.changes == [
        (0.0, 18, low),
        (0.6, 19, opened),
        (1.2, 19, rest),
        (1.6, 18, rest),
        (2.2, 18, 0.0),
        (2.2, 19, 0.0),
    ]


def test_every_flap_is_driven_to_rest_at_start_in_one_wait() -> None:
    bench = Bench()
    bench.positions |= {12: 2.5, 19: 2.5}  # left open by a power cut
    flaps = GpioFlaps(FlapSettings(EVERY), bench.factory, sleep=bench.sleep, clock=lambda: bench.now_s)
    assert bench.quiet()
    assert bench.sleeps == 1
    flaps.close()


def test_nothing_moves_before_the_settings_are_checked(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="max_s is 1 s"):
        bench.flaps({"a": ServoFlap(12, open_s=2)}, max_s=1)
    assert bench.writes == 0


@pytest.mark.parametrize("name", list(EVERY))
@pytest.mark.parametrize("nth_sleep", [0, 1, 2, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_exception_in_the_middle_ends_at_rest(
    bench: Bench, name: str, nth_sleep: int, error: type[BaseException]
) -> None:
    flaps = bench.flaps(EVERY)
    bench.trouble[nth_sleep] = error()
    raised = False
    try:
        flaps.sort(name)
    except error:
        raised = True
    assert raised != bool(bench.trouble)  # a move with fewer sleeps than that
    assert bench.quiet()


@pytest.mark.parametrize(("name", "nth_sleep"), [("a", 0), ("a", 1), ("c", 0), ("e", 0), ("e", 1), ("e", 2), ("e", 3)])
def test_a_move_that_takes_too_long_is_reported_and_ends_at_rest(bench: Bench, name: str, nth_sleep: int) -> None:
    flaps = bench.flaps(EVERY)
    bench.trouble[nth_sleep] = 30.0
    report = flaps.sort(name)
    assert not report.ok
    assert report.ms > 5000
    assert bench.quiet()
    assert flaps.sort(name).ok


def test_a_delay_that_leaves_time_to_return_is_fine(bench: Bench) -> None:
    flaps = bench.flaps({"a": SERVO}, max_s=2.0)
    bench.trouble[0] = 0.9
    report = flaps.sort("a")
    assert report.ok
    assert report.ms == pytest.approx(1900)


def test_a_late_move_goes_to_rest_within_its_maximum(bench: Bench) -> None:
    flaps = bench.flaps({"e": GREEN}, max_s=3.0)
    bench.trouble[0] = 1.0  # turned late: the whole drop would end at 3.2 s
    report = flaps.sort("e")
    assert not report.ok
    assert report.ms <= 3000
    assert bench.open_pins() == set()
    assert 19 not in [pin for _, pin, shown in bench.changes if shown == 2.5]
    assert bench.quiet()


def test_a_program_that_hangs_has_its_flap_driven_to_rest_meanwhile(bench: Bench) -> None:
    flaps = bench.flaps({"a": SERVO})
    bench.trouble[0] = 60.0
    assert not flaps.sort("a").ok
    assert (5.0, 12, 1.5) in bench.changes
    assert (5.4, 12, 0.0) in bench.changes


def test_a_coil_goes_off_after_its_maximum_while_the_program_hangs(bench: Bench) -> None:
    flaps = bench.flaps({"c": SOLENOID})
    bench.trouble[0] = 60.0
    assert not flaps.sort("c").ok
    assert bench.changes[:2] == [(0.0, 5, 1.0), (2.0, 5, 0.0)]
    assert all(not shown for _, _, shown in bench.changes[2:])


def test_a_coil_goes_off_in_real_time_with_real_timers() -> None:
    factory, hang, released = mock_pins(), threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        hang.set()
        assert released.wait(20)

    flaps = GpioFlaps(FlapSettings({"c": SolenoidFlap(5, pulse_s=0.01, max_on_s=0.05)}), factory, sleep=sleep)
    mover = threading.Thread(target=flaps.sort, args=("c",))
    mover.start()
    assert hang.wait(20)
    deadline_s = time.monotonic() + 20
    while factory.pin(5).state and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert mover.is_alive()
    assert factory.pin(5).state == 0
    released.set()
    mover.join(20)
    flaps.close()
    factory.pin(5).assert_states([False, True, False])


def test_a_servo_is_driven_to_rest_in_real_time_with_real_timers() -> None:
    factory, hang, released = mock_pins(), threading.Event(), threading.Event()
    mover_name = "mover"

    def sleep(seconds: float) -> None:
        if threading.current_thread().name == mover_name and not hang.is_set():
            hang.set()
            assert released.wait(20)

    settings = FlapSettings({"a": ServoFlap(12, open_s=0.01, settle_s=0.01)}, max_s=0.1)
    reports = []
    flaps = GpioFlaps(settings, factory, sleep=sleep)
    mover = threading.Thread(target=lambda: reports.append(flaps.sort("a")), name=mover_name)
    mover.start()
    assert hang.wait(20)
    deadline_s = time.monotonic() + 20
    while factory.pin(12).frequency and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert mover.is_alive()
    assert factory.pin(12).frequency is None
    released.set()
    mover.join(20)
    assert [report.ok for report in reports] == [False]
    flaps.close()


@pytest.mark.parametrize("name", list(EVERY))
@pytest.mark.parametrize("nth_write", [0, 1, 2, 3])
def test_a_pin_that_fails_once_is_reported_and_ends_at_rest(bench: Bench, name: str, nth_write: int) -> None:
    flaps = bench.flaps(EVERY)
    bench.broken_writes = [nth_write]
    report = flaps.sort(name)
    assert report.ok == bool(bench.broken_writes)  # a move with fewer writes than that
    assert bench.quiet()


def test_a_pin_that_fails_for_good_does_not_keep_the_others_from_rest(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    flaps = bench.flaps({"e": GREEN, "a": SERVO})
    bench.positions[12] = 2.5  # stands open for some reason
    bench.broken_writes = [2, 3]  # the drop servo's return, and again at rest()
    assert not flaps.sort("e").ok
    assert bench.positions[12] == 1.5
    assert {pin for pin, shown in bench.shows.items() if shown} == set()
    assert "GPIO19 does not take 0.0: Input/output error" in caplog.text


def test_a_flap_that_stays_open_is_said_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    flaps = bench.flaps({"a": SERVO})
    for _ in range(2):
        caplog.clear()
        bench.writes, bench.broken_writes = 0, list(range(20))
        assert not any(flaps.rest() for _ in range(3))
        assert caplog.text.count("GPIO12 does not take 0") == 1
        bench.broken_writes = []
        assert flaps.rest()


def test_a_signal_that_ends_the_last_way_to_rest_does_not_leave_a_flap_halfway(bench: Bench) -> None:
    flaps = bench.flaps({"a": SERVO})
    bench.broken_writes = [1, 2]  # its return, and again at rest()
    assert not flaps.sort("a").ok
    bench.sleeps, bench.trouble = 0, {0: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        flaps.close()
    last = bench.pulses[-1]
    assert (last.pin, last.value, round(last.ms)) == (12, 0, 400)
    assert bench.at_rest_without_pins()


def test_a_bin_that_cannot_be_driven_to_rest_does_not_start() -> None:
    bench = Bench()
    bench.broken_writes = [1]  # the first one comes from taking the pin
    with pytest.raises(FlapError, match="cannot be driven to rest: GPIO12"):
        bench.flaps({"a": SERVO})
    gpiozero.GPIODevice(12, pin_factory=bench.factory).close()  # the pin was given back


def test_unknown_compartment_names_those_there_are(bench: Bench) -> None:
    with pytest.raises(FlapError, match=r"'glass' has no flap; the configuration has a, b"):
        bench.flaps({"a": SERVO, "b": SECOND}).sort("glass")


def test_close_twice_gives_the_pins_back_and_is_at_rest(bench: Bench) -> None:
    flaps = bench.flaps(EVERY)
    assert flaps.sort("a").ok
    flaps.close()
    assert bench.at_rest_without_pins()
    writes = bench.writes
    flaps.close()
    flaps.rest()
    assert bench.writes == writes
    with pytest.raises(FlapError, match="closed"):
        flaps.sort("a")
    bench.flaps(EVERY).close()  # the pins can be had again


def test_closing_an_idle_bin_takes_no_time_and_moves_nothing(bench: Bench) -> None:
    flaps = bench.flaps({"a": SERVO})
    assert flaps.sort("a").ok
    bench.forget()
    flaps.close()
    assert (bench.changes, bench.sleeps) == ([], 0)


def test_closing_tries_again_what_did_not_come_to_rest(bench: Bench) -> None:
    flaps = bench.flaps({"a": SERVO})
    bench.broken_writes = [1, 2]  # the way back, and again at rest()
    assert not flaps.sort("a").ok
    assert bench.positions[12] == 2.5
    flaps.close()
    assert bench.at_rest_without_pins()


def test_the_end_of_the_program_closes_a_flap_that_stands_open() -> None:
    program = """
import atexit, threading
from edge.adapters.flaps import GpioFlaps
from edge.adapters.pins import mock_pins
from edge.flap_settings import FlapSettings, ServoFlap

factory, opened = mock_pins(), threading.Event()
atexit.register(lambda: print([round(state * 20, 3) for _, state in factory.pin(12).states]))

def sleep(seconds):
    if threading.current_thread() is not threading.main_thread():
        opened.set()
        threading.Event().wait()

flaps = GpioFlaps(FlapSettings({"a": ServoFlap(12)}), factory, sleep=sleep)
threading.Thread(target=flaps.sort, args=("a",), daemon=True).start()
opened.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[0, 1.5, 0.0, 2.5, 1.5, 0.0]", done.stderr


def test_closed_flaps_are_forgotten() -> None:
    flaps = GpioFlaps(FlapSettings({"a": SERVO}), mock_pins(), sleep=lambda seconds: None)
    forgotten = weakref.ref(flaps)
    flaps.close()
    del flaps
    gc.collect()
    assert forgotten() is None


def test_leaving_the_block_closes(bench: Bench) -> None:
    with pytest.raises(ValueError, match="a bug"), bench.flaps({"a": SERVO}):
        raise ValueError("a bug")
    assert bench.factory.pin(12).function == "input"


def test_a_pin_in_use_says_what_to_check_and_gives_the_others_back(bench: Bench) -> None:
    other = gpiozero.LED(13, pin_factory=bench.factory)
    with pytest.raises(FlapError, match=r"GPIO13 is in use .*dtoverlay"):
        bench.flaps({"a": SERVO, "b": SECOND})
    other.close()
    bench.flaps({"a": SERVO, "b": SECOND}).close()


def test_a_pin_that_does_not_exist_says_what_to_check(bench: Bench) -> None:
    with pytest.raises(FlapError, match=r"GPIO99 does not exist .*BCM numbers"):
        bench.flaps({"a": ServoFlap(99)})


def test_mock_driver_logs_every_pulse(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with GpioFlaps(FlapSettings({"a": SERVO}), mock_pins(), sleep=lambda _: None, log=show_pulse) as flaps:
        caplog.clear()
        assert flaps.sort("a").ok
        lines = [record.getMessage() for record in caplog.records]
    assert [line.rsplit("=", 1)[0] for line in lines] == ["pulse pin=12 value=90 ms", "pulse pin=12 value=0 ms"]


def test_a_real_pin_driver_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    factory: Any = mock_pins()
    closed = []
    monkeypatch.setattr(factory, "close", lambda: closed.append(True))
    monkeypatch.setattr("edge.adapters.flaps.real_pins", lambda: factory)
    flaps = GpioFlaps(FlapSettings({"a": SERVO}), sleep=lambda seconds: None)
    assert not closed
    flaps.close()
    assert closed == [True]


TROUBLES = st.one_of(
    st.none(),
    st.tuples(st.just("late"), st.integers(0, 3), st.floats(0.0, 90.0)),
    st.tuples(st.just("raises"), st.integers(0, 3), st.sampled_from([KeyboardInterrupt, SystemExit, RuntimeError])),
    st.tuples(st.just("breaks"), st.integers(0, 5), st.none()),
)


# no time limits: a loaded computer is no failure
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(list(EVERY)), TROUBLES), max_size=6), st.floats(2.2, 10.0))
def test_at_most_one_flap_is_open_and_every_sort_ends_at_rest(
    sorts: list[tuple[str, tuple[str, int, Any] | None]], max_s: float
) -> None:
    bench = Bench()
    flaps = bench.flaps(EVERY, max_s)
    for name, trouble in sorts:
        bench.forget()
        bench.trouble, bench.broken_writes = {}, []
        match trouble:
            case ("late", nth, seconds):
                bench.trouble[nth] = seconds
            case ("raises", nth, error):
                bench.trouble[nth] = error()
            case ("breaks", nth, _):
                bench.broken_writes = [nth]
        try:
            flaps.sort(name)
        except (KeyboardInterrupt, SystemExit, RuntimeError):
            assert trouble is not None
        assert bench.quiet()
        assert bench.most_open <= 1
    bench.close()
    assert bench.at_rest_without_pins()
