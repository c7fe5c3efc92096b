"""`smartbin watch` beside a bin, on a real broker."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import Mosquitto

from edge.cli import main


@pytest.mark.broker
def test_every_item_of_a_bin_is_one_line(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    command = [sys.executable, "-m", "edge", "watch", "--host", "127.0.0.1", "--port", str(mosquitto.port), "--plain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        pictures = coloured_pictures(tmp_path / "pictures", each=1)
        bin_ = BinProcess(tmp_path, config_text(tiny_model, pictures, mosquitto.port, tmp_path, loop=True))
        bin_.start()
        lines = [watcher.stdout.readline() for _ in range(3)]
        bin_.kill()
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(30) == 0
    assert all(line.startswith("e2e ") and " -> " in line for line in lines)


def test_a_broker_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--host", "127.0.0.1", "--port", "1", "--plain"]) != 0
    assert "127.0.0.1:1" in capsys.readouterr().err
