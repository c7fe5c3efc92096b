"""How good a model is on pictures that it was not trained on, and by one number: what weights are chosen by."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from convert.corruptions import CORRUPTIONS, corrupt
from convert.data import Dataset
from convert.metrics import accuracy
from convert.predict import predict
from convert.split import ROBUST, VALIDATION
from edge.model import Pixels

CORRUPTED = f"corrupted {VALIDATION}"
STRENGTH = 3  # of 1 to 5
# Robustness pictures are few objects, but the only word on how a bin will differ.
_WEIGHTS = {VALIDATION: 3.0, ROBUST: 1.0, CORRUPTED: 1.0}


def scores(model: keras.Model, dataset: Dataset, size: int, *, corrupted: bool = False) -> dict[str, float]:
    """The share of labels that are right (0..1) on each part that the set has; the test part is never asked.

    corrupted: on the validation part also as a bad camera sees it, each picture in one of the ways of corruptions.py.
    """
    parts = {split: dataset.indices(split) for split in (VALIDATION, ROBUST)}
    found = {
        split: accuracy(predict(model, dataset, chosen, size), dataset.truth[chosen])
        for split, chosen in parts.items()
        if len(chosen)
    }
    if corrupted and len(chosen := parts[VALIDATION]):
        found[CORRUPTED] = accuracy(predict(model, dataset, chosen, size, worsened), dataset.truth[chosen])
    return found


def merit(parts: Mapping[str, float]) -> float:
    """One number out of scores()."""
    return sum(_WEIGHTS[name] * score for name, score in parts.items())


def told(parts: Mapping[str, float]) -> str:
    """For people to read."""
    return ", ".join(f"{score:.2%} of {name}" for name, score in parts.items())


def worsened(rgb: Pixels, index: int) -> Pixels:
    """uint8 RGB of the same shape, in one of the ways of corruptions.py, always the same for one index."""
    ways = list(CORRUPTIONS)
    return corrupt(rgb, ways[index % len(ways)], STRENGTH, [index])
