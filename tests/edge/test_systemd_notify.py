"""The notifier, against a real datagram socket as systemd has one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

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
