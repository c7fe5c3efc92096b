"""How good a model is: by label, by compartment, and how honest its probabilities are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.softmax import softmax

Logits: TypeAlias = NDArray[np.float32]
Truth: TypeAlias = NDArray[np.int64]

# Where the ten classes go in the bin as it is delivered.
COMPARTMENTS = {
    "recycling": ("cardboard", "glass", "metal", "paper", "plastic"),
    "organic": ("biological",),
    "textile": ("clothes", "shoes"),
    "hazard": ("battery",),
    "landfill": ("trash",),
}
ROUTES = {label: name for name, labels in COMPARTMENTS.items() for label in labels}


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """float64 (n, labels), each row sums to 1."""
    return softmax(logits.astype(np.float64), temperature)


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
    chosen, _ = choose_compartments(logits, labels, temperature, compartments)
    return float((chosen == compartment_truth(truth, labels, compartments)).mean())


def choose_compartments(
    logits: Logits,
    labels: Sequence[str],
    temperature: float = 1.0,
    compartments: Mapping[str, Sequence[str]] = COMPARTMENTS,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The most probable compartment of each picture, a column of `compartment_matrix`, and its probability."""
    by_compartment = probabilities(logits, temperature) @ compartment_matrix(labels, compartments)
    return by_compartment.argmax(axis=1), by_compartment.max(axis=1)


def compartment_truth(
    truth: Truth, labels: Sequence[str], compartments: Mapping[str, Sequence[str]] = COMPARTMENTS
) -> NDArray[np.int64]:
    """The column of `compartment_matrix` into which each picture belongs."""
    return np.asarray(compartment_matrix(labels, compartments)[truth].argmax(axis=1))


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


def reliability(logits: Logits, truth: Truth, temperature: float, bins: int = 15) -> NDArray[np.float64]:
    """float64 (bins, 3), for equally wide bins of the best label's probability: pictures, their mean, share right.

    Guo et al. 2017, arXiv 1706.04599. Of a bin without a picture the last two are 0.
    """
    p = probabilities(logits, temperature)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count, sure, hit = (np.bincount(place, weights, bins) for weights in (None, confidence, right.astype(float)))
    return np.column_stack([count, sure / np.maximum(count, 1), hit / np.maximum(count, 1)])


def expected_calibration_error(logits: Logits, truth: Truth, temperature: float, bins: int = 15) -> float:
    """The mean gap (0..1) between confidence and accuracy, over equally wide bins of confidence."""
    count, sure, right = reliability(logits, truth, temperature, bins).T
    return float((count * abs(sure - right)).sum() / len(truth))


def risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64 (k, 3), a row for each threshold from the highest down: answered, wrong among them, the threshold.

    Geifman and El-Yaniv 2017, arXiv 1705.08500. Pictures of equal confidence are answered together or not at all, as
    by the bin. The last row answers everything.
    """
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last_of_equals = np.append(falling[1:] != falling[:-1], True)
    table = np.column_stack([np.arange(1, len(order) + 1), np.cumsum(~right[order]), falling])
    return np.asarray(table[last_of_equals])


def at_coverage(curve: NDArray[np.float64], coverage: float) -> tuple[int, int, float]:
    """The first row of `risk_coverage` that answers at least this share (0..1): answered, wrong, threshold."""
    # A hair less, so that 0.9 of 10 is 9 also in binary.
    enough = math.ceil(coverage * curve[-1, 0] - 1e-9)
    answered, wrong, threshold = curve[np.searchsorted(curve[:, 0], enough)]
    return int(answered), int(wrong), float(threshold)


def separation(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> float:
    """How often (0..1) an unknown thing scores higher than a known one; equals count half (area under the ROC)."""
    ranked = np.sort(known)
    below, upto = (np.searchsorted(ranked, unknown, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(known))
