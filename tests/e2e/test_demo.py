"""`smartbin demo` as somebody starts it: its own broker, the shipped model and samples, a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from broker_fixtures import PROGRAM, Listener, wait_until

from edge.wire import parse_event

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "edge" / "samples"

# a new process takes the terminal for its own, so that it gets SIGHUP, also where the tests run under nohup
AT_ITS_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The empty tray and the first items of the samples."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("empty-1", "empty-2", *sorted(path.stem for path in SAMPLES.glob("[!e]*.jpg"))[:3]):
        shutil.copy(SAMPLES / f"{name}.jpg", folder)
    return folder


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo puts what it needs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge", "demo", *map(str, arguments)]


@pytest.fixture
def looping(images: Path, temporary: Path, model_dir: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A demo that goes on until it is interrupted, and the port of the broker that it tells of."""
    words = command("--plain", "--fast", "--loop", "--images", images, "--model", model_dir)
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        words, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            told = next(found for line in process.stderr if (found := re.search(r"mosquitto_sub -p (\d+)", line)))
            yield process, int(told[1])
        finally:
            process.kill()


@pytest.mark.broker
@pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")
def test_its_events_come_from_a_broker_of_its_own_which_ends_with_it(
    looping: tuple[subprocess.Popen[str], int], temporary: Path
) -> None:
    process, port = looping
    with closing(Listener(port, "smartbin/demo/#")) as listener:
        wait_until(lambda: len(listener.payloads("smartbin/demo/event")) >= 4, within_s=120)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        events = [parse_event(payload) for payload in listener.payloads("smartbin/demo/event")]
    assert process.returncode == 0
    assert {event.model.name for event in events} == {"garbage10-efficientnet-lite2"}
    assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + len(events)))
    assert json.loads(listener.payloads("smartbin/demo/state")[-1])["bin_id"] == "demo"
    assert "items handled" in said
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "its broker still listens"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("lines", "columns"), [(24, 80), (50, 140)])
def test_a_terminal_shows_tray_verdict_compartments_and_queue(
    images: Path, model_dir: Path, lines: int, columns: int
) -> None:
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environ = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    words = command("--fast", "--images", images, "--model", model_dir)
    with subprocess.Popen(
        words,
        cwd=REPOSITORY,
        env={**environ, "TERM": "xterm-256color"},
        stdin=far,
        stdout=far,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(far)
        seen = b""
        with suppress(OSError):  # the other end is closed: it has ended
            while chunk := os.read(near, 65536):
                seen += chunk
        os.close(near)
    assert process.returncode == 0
    screen, _, afterwards = seen.decode(errors="replace").partition("\x1b[?1049l")
    assert "\x1b[?1049h" in screen, "a screen of its own, which leaves what was there"
    text = without_codes(screen)
    for shown in ("tray", "verdict", "compartments", "▀", "recycling", "an item lies still", "events queued", "-> "):
        assert shown in text
    assert "3 items handled" in without_codes(afterwards)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("all_of_it", [False, True])
def test_a_terminal_that_is_closed_ends_it_without_a_word(
    images: Path, temporary: Path, model_dir: Path, plain: bool, all_of_it: bool
) -> None:
    near, far = pty.openpty()
    words = command("--fast", "--loop", *(["--plain"] if plain else []), "--images", images, "--model", model_dir)
    with subprocess.Popen(
        [sys.executable, "-c", AT_ITS_TERMINAL, *words],
        cwd=REPOSITORY,
        env={**os.environ, "TERM": "xterm-256color", "TMPDIR": str(temporary)},
        start_new_session=True,
        stdin=far,
        stdout=far,
        stderr=far if all_of_it else subprocess.PIPE,
    ) as process:
        os.close(far)
        seen = b""
        while "-> " not in without_codes(seen.decode(errors="replace")):
            seen += os.read(near, 65536)
        os.close(near)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert b"Traceback" not in (said or b"")
    assert list(temporary.iterdir()) == []


def without_codes(text: str) -> str:
    """What a terminal makes colours and places of is left out."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
