"""The formats: each loads in LiteRT and answers like the Keras model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from fragile import SIZE_PX, fragile
from madeup import COLOURS, picture
from numpy.typing import NDArray

from convert.activations import Activations, observe
from convert.encode import FORMATS, encode
from convert.measure import Pictures
from convert.sweep import sweep
from convert.tflite import ends, float_file, op_counts, operations, units
from convert.trial import opened

_LABELS = tuple(COLOURS)
# Of the logits' size, on average.
_ALLOWED = {"float32": 1e-4, "float16": 0.01, "dynamic": 0.05, "int8": 0.08, "selective": 0.08, "int16x8": 0.05}


def made_up(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    truth = np.arange(count) % len(COLOURS)
    colours = list(COLOURS.values())
    return np.stack([picture(colours[i], random, SIZE_PX, SIZE_PX) for i in truth]).astype(np.float32), truth


@pytest.fixture(scope="module")
def model() -> Any:
    return fragile(*made_up(60, 0), labels=len(_LABELS))


@pytest.fixture(scope="module")
def content(model: Any) -> bytes:
    return float_file(model, SIZE_PX)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    images, _ = made_up(24, 1)
    return [partial(np.asarray, image.astype(np.uint8)) for image in images]


@pytest.fixture(scope="module")
def activations(content: bytes, pictures: Pictures) -> Activations:
    return observe(content, pictures)


def logits(content: bytes, images: NDArray[np.float32]) -> NDArray[np.float32]:
    with opened(content, _LABELS) as classifier:
        return np.stack([classifier.classify(image.astype(np.uint8)).logits for image in images])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_taken_by_the_bin_and_answers_like_keras(
    form: str, model: Any, content: bytes, activations: Activations
) -> None:
    images, _ = made_up(12, 2)
    file = encode(content, form, activations, units(content)[2].outputs if form == "selective" else ())
    with opened(file, _LABELS) as classifier:
        answers = [classifier.classify(image.astype(np.uint8)) for image in images]
        assert classifier.manifest.input.dtype == ("uint8" if form in ("int8", "selective") else "float32")
    expected, embedding = model.predict_on_batch(images)
    error = np.abs(np.stack([a.logits for a in answers]) - expected).mean() / np.abs(expected).mean()
    assert error < _ALLOWED[form]
    features = np.stack([a.embedding for a in answers if a.embedding is not None])
    assert np.corrcoef(features.ravel(), embedding.ravel())[0, 1] > 0.98


def test_all_of_int8_is_in_8_bits_but_the_head(content: bytes, activations: Activations) -> None:
    counts = op_counts(encode(content, "int8", activations))
    assert [kind for kind in counts if not kind.endswith("int8")] == ["DEQUANTIZE float32", "FULLY_CONNECTED float32"]
    assert not any("float32" in kind for kind in op_counts(encode(content, "int16x8", activations)) if "CONV" in kind)


def test_what_is_kept_is_computed_in_float(content: bytes, activations: Activations) -> None:
    kept = next(unit for unit in units(content) if unit.name == "block2a")
    counts = op_counts(encode(content, "selective", activations, kept.outputs))
    # expand, excite and project; the weights of all four stay in 8 bits
    assert (counts["CONV_2D float32"], counts["DEPTHWISE_CONV_2D float32"]) == (3, 1)
    assert (counts["CONV_2D int8"], counts["DEPTHWISE_CONV_2D int8"]) == (7, 2)
    size = len(encode(content, "int8", activations))
    assert len(encode(content, "selective", activations, kept.outputs)) < 1.3 * size


def test_blocks_and_layers_have_the_names_that_keras_gave_them(content: bytes) -> None:
    found = units(content)
    assert [unit.name for unit in found] == ["input", "stem_conv", "block1a", "block2a", "block2b", "logits"]
    assert sum((unit.outputs for unit in found), ()) == tuple(op.outputs[0] for op in operations(content))


def test_calibration_expects_any_pixel_and_cuts_off_what_a_sigmoid_makes_nothing_of(
    content: bytes, activations: Activations
) -> None:
    (image,), _ = ends(content)
    assert (activations[image].low, activations[image].high) == (0.0, 255.0)
    broken = fragile(*made_up(60, 0), labels=len(_LABELS), huge=-500.0)
    wild = float_file(broken, SIZE_PX)
    images, _ = made_up(6, 1)
    seen = observe(wild, [partial(np.asarray, i.astype(np.uint8)) for i in images])
    swish = {op.inputs[0] for op in operations(wild) if op.kind == "LOGISTIC"}
    assert min(seen[name].low for name in swish) == -8.0
    whole = {name: replace(tensor, low=-500.0) if name in swish else tensor for name, tensor in seen.items()}
    exact = logits(wild, images)
    cut, uncut = (np.abs(logits(encode(wild, "int8", a), images) - exact).mean() for a in (seen, whole))
    assert cut < 0.3 * uncut


def test_corrected_biases_bring_the_average_answer_back(content: bytes, activations: Activations) -> None:
    images, _ = made_up(24, 3)
    exact = logits(content, images)
    shift = [
        np.abs((logits(encode(content, "dynamic", a), images) - exact).mean(axis=0)).sum() for a in ({}, activations)
    ]
    assert shift[1] < 0.7 * shift[0]


def test_the_sweep_finds_the_block_that_8_bits_break(pictures: Pictures) -> None:
    broken = float_file(fragile(*made_up(60, 0), labels=len(_LABELS), huge=2000.0), SIZE_PX)
    found = sweep(broken, observe(broken, pictures), pictures[:4])
    assert found[0].unit.name == "block2a"
    assert found[0].noise > 5 * found[1].noise
    assert {s.unit.name for s in found} == {unit.name for unit in units(broken)}
