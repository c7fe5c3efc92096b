"""What native code says: nothing is lost but the line that nobody wants."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.adapters.native_stderr import without_lines


def test_only_the_lines_that_begin_so_are_gone(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before\n")
    with without_lines(b"INFO: Created"):
        os.write(2, b"WARNING: one\nINFO: Created a delegate.\n")
        os.write(2, b"no end of line")
    os.write(2, b"\nafter\n")
    assert capfd.readouterr().err == "before\nWARNING: one\nno end of line\nafter\n"


def test_what_was_said_before_an_error_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), without_lines(b"INFO"):
        os.write(2, b"ERROR: the reason\n")
        raise RuntimeError
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "ERROR: the reason\nlater\n"


def test_no_descriptor_stays_open() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    with without_lines(b"INFO"):
        pass
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_command_says_nothing_of_the_runtime(model_dir: Path) -> None:
    """The float path of LiteRT announces its delegate once a process, so it takes one of its own."""
    picture = next(Path("edge/samples").resolve().glob("glass-*.jpg"))
    command = [sys.executable, "-m", "edge", "classify", "--model", str(model_dir), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr == ""
