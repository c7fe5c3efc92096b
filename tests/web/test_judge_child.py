"""What looks at pictures for a bin's page: a process that comes with the first one, goes after the last, may die."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from bin_process import config_text
from broker_fixtures import WITHIN_S, wait_until
from PIL import Image
from tinymodel import COLOURS, write_tiny_model

from edge import chosen, config
from edge.config import Settings
from edge.errors import ModelError
from edge.testing import FakeClock
from edge.verdict import VerdictOutcome
from edge.web.judge_child import AGAIN_AFTER_S, IDLE_S, JudgeChild, starter
from edge.web.problems import ApiError

DIES = "import os; os.read({line}, 1); raise SystemExit(7)"  # over the first picture
HANGS = "import os, time; os.read({line}, 1); time.sleep(1000)"


@dataclass
class Starts:
    """Starts what is in the way first, each once, then the real process."""

    settings: Settings
    programs: list[str] = field(default_factory=list)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __call__(self, descriptor: int) -> subprocess.Popen[bytes]:
        if self.programs:
            command = [sys.executable, "-c", self.programs.pop(0).format(line=descriptor)]
            process = subprocess.Popen(command, pass_fds=[descriptor])
        else:
            process = starter(self.settings.model_dump_json(), os.environ)(descriptor)
        self.started.append(process)
        return process

    @property
    def alive(self) -> list[bool]:
        return [process.poll() is None for process in self.started]


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    model = write_tiny_model(tmp_path / "model")
    (tmp_path / "config.toml").write_text(config_text(model, tmp_path, 1, tmp_path))
    return Starts(config.load(tmp_path / "config.toml", {}))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def child(starts: Starts, clock: FakeClock) -> Iterator[JudgeChild]:
    with closing(JudgeChild(starts, clock, within_s=WITHIN_S)) as made:
        yield made
    assert not any(starts.alive)


def picture(label: str = "glass") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (160, 120), COLOURS[label]).save(stream, "PNG")
    return stream.getvalue()


def test_it_says_what_the_model_says_here(child: JudgeChild, starts: Starts) -> None:
    with chosen.judge(starts.settings) as (judge, _):
        for content, name in ((picture(), "größe.png"), (picture("battery"), "b"), (b"no picture", "c"), (b"", "")):
            assert child.verdict(content, name) == judge.verdict(content, name)
    assert child.verdict(picture(), "\ud800").file == "?", "a name that is no text"
    assert starts.alive == [True], "one process for all of them"


def test_its_memory_is_given_back_when_nobody_asks_and_the_next_picture_works(
    child: JudgeChild, starts: Starts, clock: FakeClock
) -> None:
    child.rest()
    assert not starts.started, "none until somebody asks"
    child.verdict(picture(), "a")
    clock.sleep(IDLE_S - 1)
    child.rest()
    child.verdict(picture(), "a")
    clock.sleep(IDLE_S - 1)
    child.rest()
    assert starts.alive == [True]
    clock.sleep(1)
    child.rest()
    assert starts.alive == [False]
    child.rest()
    assert child.verdict(picture(), "a").outcome is VerdictOutcome.SORTED
    assert starts.alive == [False, True]


def test_one_that_was_killed_while_it_waited_is_not_missed(child: JudgeChild, starts: Starts) -> None:
    child.verdict(picture(), "a")
    starts.started[0].kill()
    starts.started[0].wait()
    assert child.verdict(picture(), "a").outcome is VerdictOutcome.SORTED


@pytest.mark.parametrize(("program", "within_s"), [(DIES, WITHIN_S), (HANGS, 0.5)])
def test_one_that_dies_or_hangs_over_a_picture_is_told_and_not_started_at_once(
    starts: Starts, clock: FakeClock, program: str, within_s: float
) -> None:
    starts.programs.append(program)
    with closing(JudgeChild(starts, clock, within_s)) as child:
        for _ in range(2):
            with pytest.raises(ApiError, match="ask again") as caught:
                child.verdict(os.urandom(3_000_000), "more than the line holds")
            assert caught.value.status == 503
            assert 0 < int(caught.value.headers["Retry-After"]) <= AGAIN_AFTER_S
            assert starts.alive == [False]


def test_after_one_that_died_there_is_another(child: JudgeChild, starts: Starts, clock: FakeClock) -> None:
    starts.programs.append(DIES)
    with pytest.raises(ApiError):
        child.verdict(picture(), "a")
    clock.sleep(AGAIN_AFTER_S)
    assert child.verdict(picture(), "a").outcome is VerdictOutcome.SORTED
    assert starts.alive == [False, True]


def test_who_waits_for_an_answer_is_told_when_the_bin_stops(starts: Starts, clock: FakeClock) -> None:
    starts.programs.append(HANGS)
    child = JudgeChild(starts, clock, within_s=WITHIN_S)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(child.verdict, picture(), "a")
        wait_until(lambda: starts.started and asked.running())
        child.close()
        with pytest.raises(ApiError, match="ask again"):
            asked.result(WITHIN_S)
    child.close()
    assert starts.alive == [False]


class WatchedLock:
    """Knows how many have asked for it."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.asked += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_one_that_is_being_started_when_the_bin_stops_is_not_waited_for(
    starts: Starts, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts.programs.append(HANGS)
    lock = WatchedLock()
    monkeypatch.setattr("edge.web.judge_child.Lock", lambda: lock)
    with ThreadPoolExecutor(2) as pool:
        closed = list[Future[None]]()

        def start(descriptor: int) -> subprocess.Popen[bytes]:
            closed.append(pool.submit(made.close))
            wait_until(lambda: lock.asked == 2)
            return starts(descriptor)

        made = JudgeChild(start, clock, within_s=2 * WITHIN_S)
        with pytest.raises(ApiError, match="ask again"):
            pool.submit(made.verdict, picture(), "a").result(WITHIN_S)
        closed[0].result(WITHIN_S)
    assert starts.alive == [False]


def test_what_is_wrong_with_the_model_is_told_until_it_is_right(child: JudgeChild, starts: Starts) -> None:
    path = starts.settings.model.path / "model.tflite"
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="sha256"):
        child.verdict(picture(), "a")
    path.write_bytes(content)
    assert child.verdict(picture(), "a").outcome is VerdictOutcome.SORTED
    assert starts.alive == [True]


def test_the_page_has_none_of_the_libraries_that_look_at_pictures() -> None:
    heavy = "{'ai_edge_litert', 'cv2', 'numpy', 'PIL'}"
    program = f"import sys, edge.web.bin_server; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n", "they take more memory than the page itself"


@pytest.mark.parametrize("what", ["processes", "files"])
def test_one_that_cannot_be_started_is_told(clock: FakeClock, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def none(*_: object) -> NoReturn:
        raise BlockingIOError(f"no more {what}")

    if what == "files":
        monkeypatch.setattr("socket.socketpair", none)
    with pytest.raises(ApiError, match="ask again") as caught:
        JudgeChild(none, clock).verdict(picture(), "a")
    assert caught.value.status == 503
