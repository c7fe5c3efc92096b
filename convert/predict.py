"""A Keras model's answers to the pictures of a prepared set."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from convert.data import Dataset
from edge.model import Pixels
from edge.preprocess import fit

_BATCH = 64


def predict(
    model: keras.Model,
    dataset: Dataset,
    indices: NDArray[np.int64],
    size: int,
    change: Callable[[Pixels, int], Pixels] | None = None,
) -> NDArray[np.float32]:
    """float32 (n, labels): the logits of these pictures, each stretched to size x size as on the Pi.

    change: what else happens to each, given its index too.
    """
    parts = []
    for start in range(0, len(indices), _BATCH):
        chosen = indices[start : start + _BATCH]
        batch = [fit(dataset.pictures[int(i)], size, size) for i in chosen]
        if change is not None:
            batch = [change(view, int(i)) for view, i in zip(batch, chosen, strict=True)]
        parts.append(np.asarray(_logits(model.predict_on_batch(np.stack(batch).astype(np.float32)))))
    return np.concatenate(parts)


def _logits(answer: object) -> object:
    """A packaged model answers [logits, embedding]; one in training the logits alone."""
    return answer[0] if isinstance(answer, list | tuple) else answer
