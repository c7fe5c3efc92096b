"""Fitting what a site's labels change in the model's last layer, held by the bank. Pure.

A thing that looks like the site is answered by a changed layer, one that looks like the bank by the model's own:
logits = own + near * change, near from 0 to 1. Both are logistic regressions on the embedding: near tells the site's
items from the bank's; the change then minimises cross-entropy on the bank + strength * cross-entropy on the site's
items + a pull towards no change. So the bank holds the change back only where things look like the site.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bank import Bank, Features, Truth
from edge.logistic import fitted

# By the variance of the features, so that models whose numbers are small or large are taught alike. Chosen on the
# validation part and on sites that the model was not trained on (PLACE_PULL on one, then tried on another): see
# tests/bench/site.py.
PULL = 0.0025
PLACE_PULL = 0.0005


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
class Place:
    """How a thing of the site looks. towards: float32 (m,). bias: float32 ()."""

    towards: Features
    bias: Features

    def near(self, features: Features) -> Features:
        """float32 (n,) of float32 (n, m): 0 looks like the bank, 1 like the site."""
        return np.asarray(0.5 + np.tanh((features @ self.towards + self.bias) / 2) / 2, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """logits = features @ weights.T + bias + near * (features @ change.T + shift), near by place and place_bias.

    weights, change: float32 (labels, m). bias, shift: float32 (labels,). place: float32 (m,). place_bias: float32 ().
    """

    weights: Features
    bias: Features
    change: Features
    shift: Features
    place: Features
    place_bias: Features

    @classmethod
    def unchanged(cls, weights: Features, bias: Features) -> Layer:
        """That answers everywhere as these do."""
        width = np.zeros(weights.shape[1], np.float32)
        return cls(weights, bias, np.zeros_like(weights), np.zeros_like(bias), width, np.zeros((), np.float32))

    def logits(self, features: Features) -> Features:
        """float32 (n, labels) of float32 (n, m)."""
        own = features @ self.weights.T + self.bias
        near = Place(self.place, self.place_bias).near(features)[:, np.newaxis]
        return np.asarray(own + near * (features @ self.change.T + self.shift), dtype=np.float32)


def own_layer(bank: Bank, labels: int) -> Layer:
    """The model's own, with labels that it does not know yet: as improbable to it as what it least believes in."""
    known, width = bank.weights.shape
    least = (bank.part(held_out=False)[0] @ bank.weights.T + bank.bias).min(axis=1).mean()
    weights = np.concatenate([bank.weights, np.zeros((labels - known, width), np.float32)])
    bias = np.concatenate([bank.bias, np.full(labels - known, least, np.float32)])
    return Layer.unchanged(weights, bias)


def place_of(bank: Bank, site: Examples) -> Place:
    """What tells the site's items from the bank's, as if there were as many of both."""
    known = bank.part(held_out=False)[0]
    rows = np.concatenate([known, site.features])
    sides = np.repeat(np.eye(2, dtype=np.float32), [len(known), len(site.features)], axis=0)
    weight = sides @ np.array([0.5 / len(known), 0.5 / len(site.features)], np.float32)
    centre = weight @ rows
    matrix = fitted(_extended(rows - centre), np.zeros_like(sides), sides, weight, PLACE_PULL * _variance(known))
    towards = matrix[:-1, 1] - matrix[:-1, 0]
    return Place(towards, np.asarray(matrix[-1, 1] - matrix[-1, 0] - towards @ centre, np.float32))


def fit(bank: Bank, site: Examples, labels: int, strength: float, place: Place) -> Layer:
    """The layer for so many labels (the model's first). strength: > 0, what all of the site weighs against the bank."""
    known, truth = bank.part(held_out=False)
    rows = np.concatenate([known, site.features])
    wanted = np.eye(labels, dtype=np.float32)[np.concatenate([truth, site.truth])]
    weight = np.concatenate([_shares(truth), strength * _shares(site.truth)])
    centre = known.mean(axis=0)
    own = own_layer(bank, labels)
    seen = _extended(rows - centre) * place.near(rows)[:, np.newaxis]
    matrix = fitted(seen, own.logits(rows), wanted, weight, PULL * _variance(known))
    change = np.ascontiguousarray(matrix[:-1].T)
    return Layer(own.weights, own.bias, change, matrix[-1] - change @ centre, place.towards, place.bias)


def _extended(rows: Features) -> Features:
    return np.column_stack([rows, np.ones(len(rows), np.float32)])


def _variance(features: Features) -> float:
    return float(features.var(axis=0).sum())


def _shares(truth: Truth) -> Features:
    """What each item weighs, in all 1: of a label with many items each weighs less, but not as much less."""
    counts = Counter(truth.tolist())
    weight = np.array([counts[label] ** -0.5 for label in truth.tolist()], dtype=np.float32)
    return np.asarray(weight / weight.sum(), dtype=np.float32)
