"""How well answers agree with labels, and whether that is more than chance. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.bank import Features, Truth
from edge.softmax import softmax


def surprise(logits: Features, truth: Truth, temperature: float) -> Features:
    """float32 (n,): minus the logarithm of the probability of the right label. logits: (n, labels). truth: (n,)."""
    right = softmax(logits, temperature)[np.arange(len(truth)), truth]
    return np.asarray(-np.log(np.maximum(right, 1e-12)), dtype=np.float32)


def calibrated(parts: Sequence[tuple[Features, Truth]]) -> float:
    """The temperature (0.2..5) at which the answers surprise least, each part counting the same."""
    choices = np.geomspace(0.2, 5.0, 81)
    told = [sum(float(surprise(*part, float(choice)).mean()) for part in parts) for choice in choices]
    return float(choices[np.argmin(told)])


def in_errors(values: Features) -> float:
    """The mean, in its standard errors; 0 where they cannot be told. values: (n,)."""
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return float(values.mean()) / error if error else 0.0


def beyond_chance(found: Truth, truth: Truth) -> float:
    """By how many standard deviations more often they are the same than if the labels had been dealt out at random.

    found, truth: (n,). 0 where chance cannot be told from anything else: all found, or all true, are one label.
    Hoeffding 1951, "A combinatorial central limit theorem".
    """
    same = np.asarray(found[:, np.newaxis] == truth, dtype=np.float32)
    rest = same - same.mean(axis=1, keepdims=True) - same.mean(axis=0) + same.mean()
    spread = (float((rest**2).sum()) / max(1, len(truth) - 1)) ** 0.5
    return (float(np.trace(same)) - float(same.sum()) / len(truth)) / spread if spread > 1e-3 else 0.0
