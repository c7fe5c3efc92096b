"""Lessons that a bin starts: one at a time, in real processes that stand for the lesson."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from broker_fixtures import wait_until

from edge.adapters.lessons import Lessons
from edge.errors import LessonError
from edge.state import Teaching

ENDS = 'print(\'{"head": "0001", "message": "head 0001 answers"}\')'
WAITS = "input()"
FAILS = "raise SystemExit(3)"


class Starts:
    """Starts a program of one line instead of a lesson."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self, settings: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", self._program]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self.process


@pytest.fixture
def waiting() -> Iterator[tuple[Lessons, Starts]]:
    starts = Starts(WAITS)
    lessons = Lessons(starts)
    yield lessons, starts
    lessons.close()


def ended(lessons: Lessons) -> Teaching:
    wait_until(lambda: not lessons.state(None).running)
    return lessons.state(None)


def test_what_became_of_a_lesson_is_told() -> None:
    lessons = Lessons(Starts(ENDS))
    assert lessons.state(None) == Teaching()
    lessons.begin("{}")
    assert ended(lessons).message == "head 0001 answers"
    assert lessons.state("0001").head == "0001"


def test_one_at_a_time(waiting: tuple[Lessons, Starts]) -> None:
    lessons, starts = waiting
    lessons.begin("{}")
    assert lessons.state(None).running
    with pytest.raises(LessonError, match="under way"):
        lessons.begin("{}")
    assert starts.process is not None
    assert starts.process.stdin is not None
    starts.process.stdin.close()
    ended(lessons)
    lessons.begin("{}")
    assert lessons.state(None).message is None, "of the one before it"


def test_a_lesson_that_breaks_is_told_and_another_may_begin() -> None:
    lessons = Lessons(Starts(FAILS))
    lessons.begin("{}")
    assert "ended with code 3 and no result" in str(ended(lessons).message)
    lessons.begin("{}")
    lessons.close()


def test_the_end_of_the_bin_ends_the_lesson(waiting: tuple[Lessons, Starts]) -> None:
    lessons, starts = waiting
    lessons.begin("{}")
    lessons.close()
    assert starts.process is not None
    assert starts.process.poll() is not None
    lessons.close()


def test_a_process_that_cannot_be_started_is_said() -> None:
    def start(settings: str) -> subprocess.Popen[bytes]:
        raise OSError(12, "Cannot allocate memory")

    with pytest.raises(LessonError, match="cannot be started: Cannot allocate memory"):
        Lessons(start).begin("{}")
