from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import gpiozero
import numpy as np
import pytest

from edge import doctor_checks
from edge.adapters import pins
from edge.adapters.listening import listen
from edge.doctor import Check, Finding, Level, exit_code, render, run_checks, to_dict
from edge.doctor_checks import BrokerAnswer
from edge.errors import ConfigError, FlapError, ModelError, PublishError
from edge.model import Fault, Frame, Prediction, Problem
from edge.testing import FakeCamera, FakeClassifier, FakeClock, blank_frame, prediction_for


def only(check: Check) -> Finding:
    (finding,) = run_checks([check])
    return finding


def levels(check: Check) -> list[str]:
    return [finding.level.value for finding in run_checks([check])]


def frames(level: int, count: int = 30) -> list[Frame | Fault]:
    return [blank_frame(float(n), level=level) for n in range(count)]


# how findings are run and told


def test_a_page_whose_port_is_taken_is_a_warning_that_says_which_key_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = doctor_checks.check_page(lambda: listen("127.0.0.1", port, "web.port"), f"127.0.0.1:{port}")
        found = only(check)
        assert (found.level, exit_code([found])) == (Level.WARN, 0)
        assert f"127.0.0.1:{port} (Address already in use); choose another web.port" in found.text
        assert found.remedy is not None
        assert "by this bin, if it runs now" in found.remedy
    assert levels(check) == ["ok"]


@pytest.mark.parametrize("host", ["192.0.2.1", "bin..local"])  # of a documentation, so nobody's; of nothing
def test_only_of_a_port_that_is_taken_it_is_said_who_may_have_it(host: str) -> None:
    found = only(doctor_checks.check_page(lambda: listen(host, 8080, "web.port or web.host"), f"{host}:8080"))
    assert (found.level, found.remedy) == (Level.WARN, "without it the page does not start")
    assert found.text.endswith("; choose another web.port or web.host")


def test_a_page_whose_password_cannot_be_read_is_a_warning_too() -> None:
    def empty() -> str:
        raise ConfigError(["web-password: the first line is empty; write the password there"])

    found = only(doctor_checks.check_page(nullcontext, "127.0.0.1:8080", empty))
    assert (found.level, found.remedy) == (Level.WARN, "without it the page does not start")
    assert "the first line is empty" in found.text


def test_a_check_that_fails_does_not_keep_the_others_from_running() -> None:
    def broken() -> Iterable[Finding]:
        raise ModelError("model.json is cut; copy it again")

    found = list(run_checks([Check("model", broken, 4), doctor_checks.check_clock(lambda: True)]))
    assert found[0] == Finding(Level.FAIL, "model.json is cut; copy it again", None, "model", 4)
    assert found[1] == Finding(Level.OK, "synchronised", None, "clock", 1)


def test_findings_come_one_by_one() -> None:
    ran = []

    def run(name: str) -> Iterable[Finding]:
        ran.append(name)
        return [Finding(Level.OK, "fine")]

    found = run_checks([Check("first", lambda: run("first")), Check("second", lambda: run("second"))])
    assert next(found).name == "first"
    assert ran == ["first"]


def test_a_bug_in_a_check_is_not_hidden() -> None:
    def bug() -> Iterable[Finding]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(run_checks([Check("x", bug)]))


@pytest.mark.parametrize(
    ("failed", "code"),
    [([], 0), ([1], 1), ([4, 1], 4), ([1, 4, 3], 3), ([4, 3, 2, 1], 2)],
)
def test_exit_code_is_that_of_the_first_area_that_failed(failed: list[int], code: int) -> None:
    others = [Finding(level, "x", exit_code=2) for level in (Level.OK, Level.WARN, Level.SKIP)]
    assert exit_code([*others, *(Finding(Level.FAIL, "x", exit_code=n) for n in failed)]) == code


def test_a_finding_is_told_in_a_line_with_its_remedy_below() -> None:
    text = render(Finding(Level.WARN, "71 °C", "give it a fan", "temperature", 3))
    assert text == "warn  temperature   71 °C\n                    -> give it a fan"
    assert render(Finding(Level.OK, "synchronised", name="clock")) == "ok    clock         synchronised"


def test_a_text_of_several_lines_stays_in_its_column() -> None:
    first, second = render(Finding(Level.FAIL, "one\ntwo", name="model")).splitlines()
    assert first.index("one") == second.index("two")


def test_a_finding_as_json() -> None:
    found = json.loads(json.dumps(to_dict(Finding(Level.FAIL, "no picture", "check the cable", "camera", 3))))
    assert found == {"check": "camera", "level": "fail", "text": "no picture", "remedy": "check the cable"}


# the computer


def test_computer() -> None:
    assert only(doctor_checks.check_computer("Raspberry Pi 5", "Debian 12, aarch64")).level is Level.OK
    old = only(doctor_checks.check_computer("Raspberry Pi 3", "Raspbian 12, armv7l"))
    assert (old.level, "64-bit" in str(old.remedy)) == (Level.WARN, True)
    laptop = only(doctor_checks.check_computer(None, "Debian 12, x86_64"))
    assert (laptop.level, laptop.text) == (Level.SKIP, "skipped: not a Raspberry Pi (Debian 12, x86_64)")


def test_pi_only_checks_are_skipped_elsewhere_without_being_run() -> None:
    def never() -> float:
        raise AssertionError

    check = doctor_checks.check_temperature(never)
    finding = only(doctor_checks.only_on_pi(check, None))
    assert (finding.name, finding.level, finding.text) == ("temperature", Level.SKIP, "skipped: not a Raspberry Pi")
    assert doctor_checks.only_on_pi(check, "Raspberry Pi 5") is check


# camera


def test_camera_that_sees_the_tray() -> None:
    camera = FakeCamera(frames(90))
    finding = only(doctor_checks.check_camera(camera, FakeClock()))
    assert (finding.level, finding.text) == (Level.OK, "64x48 pixels, mean brightness 90 of 255")
    assert camera.closed


@pytest.mark.parametrize(("level", "word"), [(3, "black"), (250, "white")])
def test_camera_that_sees_nothing_is_a_warning(level: int, word: str) -> None:
    finding = only(doctor_checks.check_camera(FakeCamera(frames(level)), FakeClock()))
    assert finding.level is Level.WARN
    assert word in finding.text
    assert finding.remedy


def test_camera_is_given_time_to_adapt_to_the_light() -> None:
    camera = FakeCamera(frames(2, 8) + frames(120))
    assert levels(doctor_checks.check_camera(camera, FakeClock())) == ["ok"]


def test_camera_that_is_missing() -> None:
    camera = FakeCamera([], broken="/dev/video0 is not there; plug the camera in")
    finding = only(doctor_checks.check_camera(camera, FakeClock()))
    assert (finding.level, finding.exit_code) == (Level.FAIL, 3)
    assert "plug the camera in" in finding.text
    assert camera.closed


def test_camera_that_only_reports_faults_is_not_waited_for_for_ever() -> None:
    def faults() -> Iterator[Frame | Fault]:
        while True:
            yield Fault("camera", "no picture for 3 s; check the cable", Problem.CAMERA_LOST)

    camera = FakeCamera(faults())
    finding = only(doctor_checks.check_camera(camera, FakeClock(step_s=1.0)))
    assert (finding.level, finding.text, finding.exit_code) == (Level.FAIL, "no picture for 3 s; check the cable", 3)
    assert finding.remedy
    assert camera.closed


def test_camera_that_recovers_is_fine() -> None:
    seen = [Fault("camera", "reopening", Problem.CAMERA_LOST), *frames(90)]
    assert levels(doctor_checks.check_camera(FakeCamera(seen), FakeClock())) == ["ok"]


def test_camera_without_any_frame() -> None:
    finding = only(doctor_checks.check_camera(FakeCamera([]), FakeClock()))
    assert (finding.level, finding.text) == (Level.FAIL, "no picture within 10 s")


# model


class SlowClassifier(FakeClassifier):
    """Takes the given seconds, in turn."""

    def __init__(self, clock: FakeClock, seconds: Iterable[float]) -> None:
        super().__init__([prediction_for(0, 3)])
        self._clock, self._seconds = clock, iter(seconds)

    def classify(self, rgb: Any) -> Prediction:
        assert rgb.dtype == np.uint8
        self._clock.sleep(next(self._seconds))
        return prediction_for(0, 3)


def test_model_latency_is_the_median_of_five() -> None:
    clock = FakeClock()
    classifier = SlowClassifier(clock, [9, 0.04, 0.05, 0.03, 0.06])
    finding = only(doctor_checks.check_model(lambda: classifier, "garbage10 1.0", clock))
    assert (finding.level, finding.text) == (Level.OK, "garbage10 1.0: 50 ms a picture (median of 5)")
    assert classifier.closed


def test_model_that_is_slow_is_a_warning() -> None:
    clock = FakeClock()
    assert levels(doctor_checks.check_model(lambda: SlowClassifier(clock, [4] * 5), "m", clock)) == ["warn"]


@pytest.mark.parametrize(("error", "code"), [(ModelError("cut"), 4), (ConfigError(["a", "b"]), 2)])
def test_model_that_does_not_load(error: Exception, code: int) -> None:
    def load() -> FakeClassifier:
        raise error

    finding = only(doctor_checks.check_model(load, "m"))
    assert (finding.level, finding.exit_code, finding.text) == (Level.FAIL, code, str(error))


# pins


def test_every_pin_has_its_line_and_nothing_moves() -> None:
    factory = pins.mock_pins()
    taken = gpiozero.LED(13, pin_factory=factory)
    users = {12: "compartments.recycling", 13: "compartments.organic", 99: "trigger.pin"}
    found = list(run_checks([doctor_checks.check_gpio(lambda: nullcontext(factory), pins.claim, users)]))
    assert [finding.level.value for finding in found] == ["ok", "ok", "fail", "fail"]
    assert [finding.name for finding in found] == ["gpio"] * 4
    assert found[1].text == "compartments.recycling: GPIO12 is free"
    assert found[2].text.startswith("compartments.organic: GPIO13 is in use")
    assert "BCM" in found[3].text
    assert exit_code(found) == 3
    assert len(factory.pin(12).states) == 1
    taken.close()


def test_a_chip_that_cannot_be_opened_is_one_failure() -> None:
    def closed() -> nullcontext[None]:
        raise FlapError("cannot open the GPIO chip; group gpio")

    finding = only(doctor_checks.check_gpio(closed, pins.claim, {12: "a", 13: "b"}))
    assert (finding.level, finding.exit_code) == (Level.FAIL, 3)


# broker


@pytest.mark.parametrize(
    ("may", "level", "words"),
    [(True, Level.OK, "may publish"), (None, Level.OK, "cannot say no"), (False, Level.FAIL, "may not publish")],
)
def test_broker_that_lets_us_in(may: bool | None, level: Level, words: str) -> None:
    answer = BrokerAnswer("host:1883", "MQTT 5", "smartbin/lobby/doctor", may, "not authorized")
    finding = only(doctor_checks.check_broker(lambda: answer))
    assert (finding.level, finding.exit_code) == (level, 1)
    assert words in finding.text
    assert (finding.remedy is None) == (level is Level.OK)
    assert finding.remedy is None or "smartbin/lobby/#" in finding.remedy


def test_broker_that_does_not() -> None:
    def probe() -> BrokerAnswer:
        raise PublishError("nothing listens there; check mqtt.port")

    finding = only(doctor_checks.check_broker(probe))
    assert (finding.level, finding.exit_code) == (Level.FAIL, 1)


# clock, disk, temperature, power


def test_clock_that_is_not_synchronised_is_a_warning() -> None:
    finding = only(doctor_checks.check_clock(lambda: False))
    assert finding.level is Level.WARN
    assert finding.remedy
    assert "timedatectl" in finding.remedy


def test_memory_limit_that_the_firmware_switched_off_is_told() -> None:
    assert levels(doctor_checks.check_memory_limit(lambda: True)) == ["ok"]
    finding = only(doctor_checks.check_memory_limit(lambda: False))
    assert finding.level is Level.WARN
    assert finding.remedy
    assert "cgroup_enable=memory" in finding.remedy


@pytest.mark.parametrize(("free", "level"), [(49.0, "fail"), (100.0, "warn"), (5000.0, "ok")])
def test_disk_space(tmp_path: Path, free: float, level: str) -> None:
    check = doctor_checks.check_disk(tmp_path / "outbox.db", 50, lambda folder: free, lambda folder: True)
    assert levels(check) == [level]
    assert (only(check).remedy is None) == (level == "ok")


def test_disk_that_cannot_be_written(tmp_path: Path) -> None:
    check = doctor_checks.check_disk(tmp_path / "outbox.db", 50, lambda folder: 1e6, lambda folder: False)
    finding = only(check)
    assert (finding.level, finding.exit_code) == (Level.FAIL, 1)
    assert str(tmp_path) in finding.text


def test_disk_is_judged_where_the_outbox_will_be_made(tmp_path: Path) -> None:
    asked = []

    def writable(folder: Path) -> bool:
        asked.append(folder)
        return True

    only(doctor_checks.check_disk(tmp_path / "not" / "yet" / "outbox.db", 50, lambda folder: 1e6, writable))
    assert asked == [tmp_path]


@pytest.mark.parametrize(("kind", "level"), [("ext4", "ok"), ("", "ok"), ("tmpfs", "warn"), ("overlay", "warn")])
def test_an_outbox_that_a_reboot_would_empty_is_told(tmp_path: Path, kind: str, level: str) -> None:
    check = doctor_checks.check_storage(tmp_path / "not" / "yet" / "outbox.db", lambda folder: kind)
    assert levels(check) == [level]
    assert str(tmp_path) in only(check).text


@pytest.mark.parametrize(("degrees", "level"), [(None, "skip"), (45.0, "ok"), (71.0, "warn"), (82.0, "fail")])
def test_temperature(degrees: float | None, level: str) -> None:
    assert levels(doctor_checks.check_temperature(lambda: degrees)) == [level]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda: None, ["skip"]),
        (lambda: ((), ()), ["ok", "ok"]),
        (lambda: (("under-voltage",), ("under-voltage",)), ["fail", "ok"]),
        (lambda: ((), ("under-voltage", "throttled")), ["warn", "warn"]),
        (lambda: (("throttled", "frequency capped"), ()), ["ok", "warn"]),
    ],
)
def test_power(read: Callable[[], tuple[tuple[str, ...], tuple[str, ...]] | None], expected: list[str]) -> None:
    found = list(run_checks([doctor_checks.check_power(read)]))
    assert [finding.level.value for finding in found] == expected
    assert all(finding.remedy for finding in found if finding.level in (Level.WARN, Level.FAIL))
