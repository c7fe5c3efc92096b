"""From a model's answers to probabilities. Pure."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


def softmax(logits: NDArray[Real], temperature: float = 1.0) -> NDArray[Real]:
    """(n, labels) of the same type, each row sums to 1. temperature: > 0; above 1 makes the answers less sure."""
    odds = np.exp((logits - logits.max(axis=1, keepdims=True)) / logits.dtype.type(temperature))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
