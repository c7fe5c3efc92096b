"""One small network in every format: each runtime that is here gives the same answers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from convert import formats
from convert.errors import RecipeError
from edge.bench.process import Worker
from edge.bench.rounds import agreement
from edge.bench.runtimes import importable, plan
from edge.model import Pixels

SIDE_PX = 32
FORMATS = {"float.keras", "float.tflite", "int8.tflite", "float.onnx", "int8.onnx"}


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    return list(np.random.default_rng(0).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3), np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: list[Pixels]) -> Path:
    for package in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'smart-bin[bench]'")
    made = tmp_path_factory.mktemp("formats") / "small"
    formats.build(made, _small, pictures, say=lambda text: None)
    return made


def _small() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE_PX, SIDE_PX, 3))
    x = keras.layers.Rescaling(1 / 128, offset=-1)(image)
    x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu")(x)
    embedding = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, [keras.layers.Dense(4)(embedding), embedding])


def test_everything_is_made_and_nothing_else_is_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == FORMATS


def test_what_is_there_is_kept_and_what_is_missing_is_made(folder: Path, pictures: list[Pixels]) -> None:
    said: list[str] = []
    (folder / "float.tflite").unlink()
    formats.build(folder, lambda: pytest.fail("the network is there"), pictures, said.append)
    assert [line.split("/")[-1] for line in said] == ["float.tflite ..."]


@pytest.mark.slow  # TensorFlow starts once more
def test_all_runtimes_agree_about_the_picture(folder: Path, pictures: list[Pixels]) -> None:
    reference = None
    for candidate in plan([folder], importable).candidates:
        with Worker(candidate, threads=1) as worker:
            worker.show(pictures[0], (1, SIDE_PX, SIDE_PX, 3))
            reference = reference or worker.answers
            name = f"{candidate.runtime.name} {candidate.path.name}"
            assert worker.kind == candidate.path.stem, name
            assert (agreement(worker.answers, reference) or 0) > 0.98, name


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError, match=r"surely_not_here .*smart-bin\[bench\]"):
        formats._needs("surely_not_here")
