"""Fitting the model's last layer to what a site has labelled, held by the bank. Pure.

The layer that minimises: cross-entropy on the bank + strength * cross-entropy on the site's items
+ PULL / 2 * the squared distance to the model's own layer. That is multinomial logistic regression with the trained
weights as its prior mean. The loss is convex; Nesterov's accelerated gradient finds it, with steps of one by the
largest curvature, which is at most half the largest eigenvalue of the features' second moment (Böhning 1992,
"Multinomial logistic regression algorithm") and PULL. Centred features make that small.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bank import Bank, Features, Truth
from edge.softmax import softmax

# Chosen on the validation part and on two sites of another camera and other photographers, see tests/bench/site.py.
PULL = 0.1
STEPS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a site has labelled. features: float32 (n, m). truth: int64 (n,), indices into the labels.

    moments: (n,): items of one moment may show one thing, and are held out together.
    """

    features: Features
    truth: Truth
    moments: Sequence[str]

    def of(self, chosen: NDArray[np.bool_]) -> Examples:
        """These alone."""
        moments = [moment for moment, taken in zip(self.moments, chosen, strict=True) if taken]
        return Examples(self.features[chosen], self.truth[chosen], moments)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """logits = features @ weights.T + bias. weights: float32 (labels, m). bias: float32 (labels,)."""

    weights: Features
    bias: Features

    def logits(self, features: Features) -> Features:
        """float32 (n, labels) of float32 (n, m)."""
        return np.asarray(features @ self.weights.T + self.bias, dtype=np.float32)


def own_layer(bank: Bank, labels: int) -> Layer:
    """The model's own, with labels that it does not know yet: as improbable to it as what it least believes in."""
    new = labels - len(bank.bias)
    known = Layer(bank.weights, bank.bias)
    least = float(known.logits(bank.part(held_out=False)[0]).min(axis=1).mean())
    weights = np.concatenate([bank.weights, np.zeros((new, bank.weights.shape[1]), np.float32)])
    return Layer(weights, np.concatenate([bank.bias, np.full(new, least, np.float32)]))


def fit(bank: Bank, site: Examples, labels: int, strength: float) -> Layer:
    """The layer for so many labels (the model's first). strength: > 0, what all of the site weighs against the bank."""
    features, truth = bank.part(held_out=False)
    rows = np.concatenate([features, site.features])
    wanted = np.eye(labels, dtype=np.float32)[np.concatenate([truth, site.truth])]
    weight = np.concatenate([_shares(truth), strength * _shares(site.truth)])[:, np.newaxis]
    centre = rows[: len(features)].mean(axis=0)
    start = own_layer(bank, labels)
    began = np.vstack([start.weights.T, start.logits(centre[np.newaxis])])
    found = _minimised(np.column_stack([rows - centre, np.ones(len(rows), np.float32)]), wanted, weight, began)
    weights = np.ascontiguousarray(found[:-1].T)
    return Layer(weights, found[-1] - weights @ centre)


def _shares(truth: Truth) -> Features:
    """What each item weighs, in all 1: of a label with many items each weighs less, but not as much less."""
    counts = Counter(truth.tolist())
    weight = np.array([counts[label] ** -0.5 for label in truth.tolist()], dtype=np.float32)
    return np.asarray(weight / weight.sum(), dtype=np.float32)


def _minimised(rows: Features, wanted: Features, weight: Features, began: Features) -> Features:
    curvature = PULL + _largest_eigenvalue(rows * np.sqrt(weight)) / 2
    here: Features = began
    ahead: Features = began
    pace = 1.0
    for _ in range(STEPS):
        slope = rows.T @ (weight * (softmax(rows @ ahead) - wanted)) + PULL * (ahead - began)
        there = (ahead - slope / curvature).astype(np.float32)
        faster = (1 + math.sqrt(1 + 4 * pace**2)) / 2
        ahead = (there + (pace - 1) / faster * (there - here)).astype(np.float32)
        here, pace = there, faster
    return np.asarray(here, dtype=np.float32)


def _largest_eigenvalue(rows: Features) -> float:
    """Of rows.T @ rows, a little too large rather than too small; by power iteration."""
    direction = np.ones(rows.shape[1], np.float32)
    length = 0.0
    for _ in range(30):
        direction = rows.T @ (rows @ direction)
        length = float(np.linalg.norm(direction))
        direction /= max(length, float(np.finfo(np.float32).tiny))
    return 1.1 * length
