"""`smartbin watch` beside a bin, on a real broker."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from threading import Thread

import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import Mosquitto, wait_until
from paho.mqtt import publish

from edge.cli import main
from edge.model import ModelId
from edge.state import BinState, ready
from edge.wire import state_json

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.broker
def test_every_item_of_a_bin_is_one_line(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    command = [sys.executable, "-m", "edge", "watch", "--host", "127.0.0.1", "--port", str(mosquitto.port), "--plain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stderr is not None
        where = f"connected to the broker 127.0.0.1:{mosquitto.port}; each item will be a line"
        assert where in watcher.stderr.readline(), "nobody waits before an empty screen"
        pictures = coloured_pictures(tmp_path / "pictures", each=1)
        bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True))
        bin_.start()
        lines = [watcher.stdout.readline() for _ in range(3)]
        bin_.kill()
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(30) == 0
    assert all(line.startswith("e2e ") and " -> " in line for line in lines)


class Screen:
    """A terminal of 30 lines on which a command runs. text: all that it was shown, without colours."""

    def __init__(self, command: list[str]) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 30, 140, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm-256color"}
        )
        os.close(theirs)
        self._shown = b""
        self._reading = Thread(target=self._read)
        self._reading.start()

    @property
    def text(self) -> str:
        return _ESCAPES.sub("", self._shown.decode(errors="replace"))

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        self._reading.join()
        os.close(self._ours)
        return code

    def _read(self) -> None:
        with suppress(OSError):  # EIO: the command has ended
            while shown := os.read(self._ours, 65536):
                self._shown += shown


@pytest.mark.broker
@pytest.mark.slow
def test_all_bins_of_a_broker_are_a_table_with_totals(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    attic = ready(BinState("attic", ModelId("m", "1", "0" * 64), "1", items=700, by_compartment={"organic": 700}))
    publish.single("smartbin/attic/state", state_json(attic), qos=1, retain=True, port=mosquitto.port)
    publish.single("smartbin/attic/status", b"offline", qos=1, retain=True, port=mosquitto.port)
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path))
    bin_.start()
    screen = Screen([sys.executable, "-m", "edge", "watch", "--host", "127.0.0.1", "--port", str(mosquitto.port)])
    try:
        assert bin_.wait() == 0, bin_.log
        total = "hazard 1, organic 701, recycling 4, textile 2"
        wait_until(lambda: total in screen.text, 60)
        wait_until(lambda: re.search(r"│ e2e .*│ offline +│ +8 │", screen.text), 60)
        # what it shows of a bin at work it may have begun too late to see, so this one goes on until it is seen
        bin_.start(SMARTBIN_CAMERA__LOOP="true")
        wait_until(lambda: re.search(r"│ e2e .*│ ready +│ .* -> \w+ \(sorted\)", screen.text), 60)
    finally:
        bin_.kill()
        assert screen.end() in (0, 130)
    assert re.search(r"│ attic .*│ offline +│ +700 │", screen.text)


def test_a_broker_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--host", "127.0.0.1", "--port", "1", "--plain"]) != 0
    assert "127.0.0.1:1" in capsys.readouterr().err
