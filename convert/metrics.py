"""How good a model is: by label, by compartment, and how honest its probabilities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# Where the ten classes go in the bin as it is delivered.
COMPARTMENTS = {
    "recycling": ("cardboard", "glass", "metal", "paper", "plastic"),
    "organic": ("biological",),
    "textile": ("clothes", "shoes"),
    "hazard": ("battery",),
    "landfill": ("trash",),
}


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """float64 (n, labels), each row sums to 1."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    powers = np.exp(scaled)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def accuracy(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The share of pictures whose best label is right."""
    return float((logits.argmax(axis=1) == truth).mean())


def compartment_matrix(
    labels: Sequence[str], compartments: Mapping[str, Sequence[str]] = COMPARTMENTS
) -> NDArray[np.float64]:
    """(labels, compartments) of 0 and 1. A label that goes nowhere is a compartment of its own."""
    known = {label for group in compartments.values() for label in group}
    columns = [set(group) for group in compartments.values()] + [{label} for label in labels if label not in known]
    return np.array([[float(label in column) for column in columns] for label in labels])


def compartment_accuracy(
    logits: NDArray[np.float32],
    truth: NDArray[np.int64],
    labels: Sequence[str],
    temperature: float = 1.0,
    compartments: Mapping[str, Sequence[str]] = COMPARTMENTS,
) -> float:
    """The share of pictures that the bin would drop right: probabilities summed over each compartment's labels."""
    matrix = compartment_matrix(labels, compartments)
    chosen = (probabilities(logits, temperature) @ matrix).argmax(axis=1)
    return float((chosen == matrix[truth].argmax(axis=1)).mean())


def confusion(logits: NDArray[np.float32], truth: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    """int64 (labels, labels): rows are the truth, columns the answers."""
    matrix = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(matrix, (truth, logits.argmax(axis=1)), 1)
    return matrix


def negative_log_likelihood(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float) -> float:
    """Mean surprise in nats; lower is better calibrated."""
    p = probabilities(logits, temperature)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(p, 1e-12)).mean())


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature (0.2..5) that makes these logits least surprising; by golden-section search."""
    low, high = np.log(0.2), np.log(5.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if negative_log_likelihood(logits, truth, float(np.exp(a))) < negative_log_likelihood(
            logits, truth, float(np.exp(b))
        ):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


def expected_calibration_error(
    logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float, bins: int = 15
) -> float:
    """The mean gap (0..1) between confidence and accuracy, over equally wide bins of confidence."""
    p = probabilities(logits, temperature)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = (abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).mean() for b in set(place))
    return float(sum(gaps))
