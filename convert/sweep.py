"""Which parts of a network suffer from 8 bits: each is quantised alone, and the error of the logits measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.activations import Activations, interpreter
from convert.encode import encode_only
from convert.measure import Pictures
from convert.tflite import Unit, units
from edge.preprocess import fit
from edge.progress import progress


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """noise: the energy of the error that this unit alone causes, as a share (0..) of the energy of the logits."""

    unit: Unit
    noise: float


def sweep(content: bytes, activations: Activations, pictures: Pictures) -> tuple[Sensitivity, ...]:
    """The units of a float file, the one that suffers most first."""
    images = [picture() for picture in pictures]
    exact = _logits(content, images)
    found = []
    parts = units(content)
    with progress("layer by layer", len(parts)) as advance:
        for part in parts:
            rounded = _logits(encode_only(content, activations, part.outputs), images)
            found.append(Sensitivity(part, float(((rounded - exact) ** 2).sum() / max((exact**2).sum(), 1e-12))))
            advance(1, part.name)
    return tuple(sorted(found, key=lambda s: -s.noise))


def worst(found: Sequence[Sensitivity], count: int = 5) -> str:
    """The first few in words."""
    total = sum(s.noise for s in found) or 1.0
    return ", ".join(f"{s.unit.name} ({s.noise / total:.0%} of the error)" for s in found[:count])


def _logits(content: bytes, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """float32 (n, labels) without their mean, which changes no probability."""
    runtime = interpreter(content)
    (given,), (logits, *_) = runtime.get_input_details(), runtime.get_output_details()
    _, height, width, _ = given["shape"]
    answers = []
    for image in images:
        runtime.set_tensor(given["index"], fit(image, height, width)[None].astype(np.float32))
        runtime.invoke()
        answers.append(runtime.get_tensor(logits["index"])[0])
    found = np.stack(answers)
    return np.asarray(found - found.mean(axis=1, keepdims=True))
