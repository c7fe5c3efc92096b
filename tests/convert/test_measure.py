"""The packaged model is asked in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tinymodel import COLOURS

from convert.errors import RecipeError
from convert.measure import TFLITE, in_fresh_process, installed, measure, measure_corrupted
from edge.errors import ImageError, ModelError


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    for label in ("glass", "paper"):
        Image.new("RGB", (30, 40), COLOURS[label]).save(tmp_path / f"{label}.png")
    return [tmp_path / "glass.png", tmp_path / "paper.png"]


def _here() -> tuple[int, list[str]]:
    return os.getpid(), list(sys.modules)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_nothing_of_the_converter_is_loaded_there() -> None:
    process, modules = in_fresh_process(_here)

    assert process != os.getpid()
    assert "convert.measure" in modules
    assert not {"tensorflow", "keras", "torch"} & set(modules)


def test_answers_and_errors_come_back(tiny_model: Path, pictures: list[Path], tmp_path: Path) -> None:
    answers = in_fresh_process(measure, tiny_model, pictures, False)

    assert [list(COLOURS)[i] for i in answers.logits.argmax(axis=1)] == ["glass", "paper"]
    assert answers.embeddings is not None
    assert answers.embeddings.shape == (2, 12)
    assert answers.of(np.array([1])).logits.tolist() == answers.logits[1:].tolist()
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        in_fresh_process(measure, tiny_model, [tmp_path / "gone.png"], False)


def test_a_process_that_is_killed() -> None:
    with pytest.raises(RecipeError, match=r"was killed\. Check the memory"):
        in_fresh_process(_kill)


def _wait(told: Path) -> None:
    told.with_suffix(".new").write_text(str(os.getpid()))
    told.with_suffix(".new").replace(told)
    threading.Event().wait(60)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """Whether it is there and no zombie that nobody has collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to see processes in")
def test_it_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "child"
    code = (
        "import sys; from pathlib import Path; from convert.measure import in_fresh_process; from test_measure import "
        "_wait; in_fresh_process(_wait, Path(sys.argv[1]))"
    )
    paths = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen([sys.executable, "-c", code, str(told)], env={**os.environ, "PYTHONPATH": paths}) as parent:
        _until(told.exists)
        child = int(told.read_text())
        assert _runs(child)
        parent.kill()
    _until(lambda: not _runs(child))


@pytest.mark.skipif(installed(TFLITE), reason="tflite-runtime is installed")
def test_only_the_runtime_that_was_asked_for_is_used(tiny_model: Path, pictures: list[Path]) -> None:
    with pytest.raises(ModelError, match="No TensorFlow Lite runtime is installed"):
        in_fresh_process(measure, tiny_model, pictures, False, TFLITE)


def test_every_corruption_at_every_strength(tiny_model: Path, pictures: list[Path]) -> None:
    logits = measure_corrupted(tiny_model, pictures, False, 0)

    assert len(logits) == 30
    assert {found.shape for found in logits.values()} == {(2, 10)}
    again = measure_corrupted(tiny_model, pictures, False, 0)
    assert all((logits[cell] == again[cell]).all() for cell in logits)
    other = measure_corrupted(tiny_model, pictures, False, 1)
    assert any((logits[cell] != other[cell]).any() for cell in logits)
