"""What native code says: nothing is lost but the line that nobody wants."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from edge.adapters import child_process
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


@pytest.mark.parametrize("lost", ["closed", "nobody listens"])
def test_a_stream_that_is_lost_is_no_error(lost: str) -> None:
    program = """
import logging, os, socket, sys
from edge.adapters.native_stderr import without_lines

os.close(2)
if sys.argv[1] == "nobody listens":
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), 2)
    theirs.close()
logging.error("said to nobody")
for _ in range(2):
    with without_lines(b"INFO"):
        print("done", flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program, lost], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["done"] * 2


def test_of_two_threads_one_waits_and_the_stream_is_as_it_was() -> None:
    before = Path("/proc/self/fd/2").readlink()
    inside, first_is_done = Event(), Event()

    def load() -> None:
        with without_lines(b"INFO"):
            inside.set()
            first_is_done.wait(20)

    other = Thread(target=load)
    with without_lines(b"INFO"):
        other.start()
        assert not inside.wait(0.2)
    first_is_done.set()
    other.join(20)
    assert inside.is_set()
    assert Path("/proc/self/fd/2").readlink() == before


def test_a_process_that_is_started_meanwhile_says_what_it_says_where_it_is_heard(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with without_lines(b"INFO"):
        child = child_process.start("edge.teach_command", settings="no settings", environ={**os.environ})
        assert child.wait(60) == 1
        said = capfd.readouterr().err
    assert "no settings" in said


def test_a_command_says_nothing_of_the_runtime(model_dir: Path) -> None:
    """The float path of LiteRT announces its delegate once a process, so it takes one of its own."""
    picture = next(Path("edge/samples").resolve().glob("glass-*.jpg"))
    command = [sys.executable, "-m", "edge", "classify", "--model", str(model_dir), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr == ""
