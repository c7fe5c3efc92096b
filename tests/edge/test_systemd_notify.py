"""The notifier, against a real datagram socket as systemd has one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from bin_process import coloured_pictures, config_text
from tinymodel import write_tiny_model

from edge import app, config
from edge.adapters.capturing import Capturing
from edge.adapters.fill_gauges import FillGauges
from edge.adapters.flaps import GpioFlaps
from edge.adapters.litert import LiteRtClassifier
from edge.adapters.replay import ReplayCamera
from edge.adapters.site_keeper import SiteKeeper
from edge.adapters.systemd_notify import SystemdNotifier
from edge.ports import Notifier
from edge.testing import FakeClock


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """systemd's end, and the value of NOTIFY_SOCKET that leads there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        if request.param == "file":
            name = str(tmp_path / "notify")
            sock.bind(name)
        else:
            name = f"@smartbin-test-{os.getpid()}"
            sock.bind("\0" + name[1:])
        yield sock, name


def received(sock: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(sock.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_every_message(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier: Notifier = SystemdNotifier({"NOTIFY_SOCKET": name})
    notifier.ready("watching")
    notifier.status("3 items")
    notifier.stopping()
    assert received(sock) == ["READY=1\nSTATUS=watching", "STATUS=3 items", "STOPPING=1"]


def test_a_status_cannot_smuggle_in_another_assignment(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    SystemdNotifier({"NOTIFY_SOCKET": name}).status("fault: x\nWATCHDOG=trigger\r\nü")
    assert received(sock) == ["STATUS=fault: x WATCHDOG=trigger ü"]


def test_the_watchdog_is_fed_every_quarter_of_its_period(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    clock = FakeClock()
    notifier = SystemdNotifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000000"}, clock)
    fed_at_s = []
    for tenth in range(200):
        clock.now_s = tenth / 10
        notifier.progress()
        fed_at_s += [clock.now_s for _ in received(sock)]
    assert fed_at_s == [0.0, 5.0, 10.0, 15.0]


def test_it_is_fed_while_a_flap_is_on_its_way(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    clock = FakeClock()
    SystemdNotifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000000"}, clock, clock.sleep).wait(29.0)
    assert clock.now_s == 29.0
    assert received(sock) == ["WATCHDOG=1"] * 5


def test_the_flaps_of_a_bin_wait_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(SystemdNotifier, "wait", lambda _, seconds: waited.append(seconds))
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    text = config_text(write_tiny_model(tmp_path / "model"), pictures, 1, tmp_path, loop=True)
    settings = config.parse(text, {"SMARTBIN_MQTT__ENABLED": "false"}, base=tmp_path)
    app.run(settings, {}, lambda: 0.03 in waited)
    assert waited[:3] == [0.02, 0.03, 0.02], "to rest at start, open, and back"


def test_it_is_fed_between_the_parts_that_are_put_together_and_taken_apart_the_flaps_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def note(part: type, method: str) -> None:
        original = getattr(part, method)

        def noted(self: object, *given: object, **named: object) -> None:
            steps.append(f"{part.__name__}.{method}")
            original(self, *given, **named)

        monkeypatch.setattr(part, method, noted)

    parts = (LiteRtClassifier, ReplayCamera, GpioFlaps, FillGauges, Capturing, SiteKeeper)
    for part in parts:
        note(part, "__init__")
        note(part, "close")
    monkeypatch.setattr(SystemdNotifier, "progress", lambda _: steps.append("fed"))
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    text = config_text(write_tiny_model(tmp_path / "model"), pictures, 1, tmp_path, loop=True)
    environ = {"SMARTBIN_MQTT__ENABLED": "false", "SMARTBIN_CAPTURE__MODE": "on"}
    app.run(config.parse(text, environ, base=tmp_path), {}, lambda: True)
    assert set(steps) == {"fed", *(f"{part.__name__}.{method}" for part in parts for method in ("__init__", "close"))}
    assert next(step for step in steps if step.endswith("close")) == "GpioFlaps.close", "nothing else holds them up"
    hungry = [pair for pair in pairwise(steps) if "fed" not in pair]
    assert hungry == []


def test_without_a_watchdog_nothing_feeds_it(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    SystemdNotifier({"NOTIFY_SOCKET": name}).progress()
    assert received(sock) == []


def test_does_nothing_outside_systemd(caplog: pytest.LogCaptureFixture) -> None:
    notifier = SystemdNotifier({"WATCHDOG_USEC": "20000000"})
    notifier.ready("")
    notifier.progress()
    notifier.stopping()
    assert not caplog.records


def test_a_manager_that_is_gone_is_logged_and_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("watching")
    assert "check NOTIFY_SOCKET" in caplog.text


def test_a_manager_that_does_not_read_is_not_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        notifier = SystemdNotifier({"NOTIFY_SOCKET": name})
        for _ in range(2000):  # far more than the kernel queues for one socket
            notifier.status("busy")
    assert "does not hear" in caplog.text
