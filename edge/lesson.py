"""Whether a taught head is better: on the site, by cross-validation, and hardly worse on the bank. Pure.

The strength is the greatest of STRENGTHS that costs the bank's held-out part little. The head is to be taken over only
if it is right more often on the site, drops no more items wrong there, and loses at most TOO_MUCH on the bank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bank import Bank, Features, Truth
from edge.softmax import softmax
from edge.teach import Examples, Layer, fit, own_layer

STRENGTHS = (3.0, 1.0, 0.3, 0.1)  # what all of the site weighs against all of the bank
LITTLE = 0.003  # share of the bank's held-out labels that a strength may cost
TOO_MUCH = 0.005  # share of them beyond which a head is not taken over
FOLDS = 5
MOST_FITS = len(STRENGTHS) + FOLDS


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    right: int
    of: int

    def __str__(self) -> str:
        return f"{self.right} of {self.of} ({self.right / self.of:.1%})" if self.of else "none"


@dataclass(frozen=True, slots=True)
class Compared:
    """Before and after teaching. compartments: where items would fall, were each to go to the most probable one."""

    labels_before: Share
    labels_after: Share
    compartments_before: Share
    compartments_after: Share


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A taught layer and how it was judged. site: by cross-validation. objection: why not to take it over, or None."""

    layer: Layer
    strength: float
    temperature: float
    site: Compared
    bank: Compared
    objection: str | None


def learn(
    bank: Bank,
    site: Examples,
    labels: Sequence[str],
    routes: Mapping[str, str],
    temperature: float,
    *,
    advance: Callable[[], None] = lambda: None,
) -> Lesson:
    """labels: the model's, then new ones. routes: label -> compartment. temperature: the model's own.

    advance: called after each of at most MOST_FITS fits.
    """
    before = own_layer(bank, len(labels))
    checks, truth = bank.part(held_out=True)
    layer, strength = _strongest(bank, site, before, advance)
    held_out = _held_out(bank, site, len(labels), strength, advance)
    belongs = _belongs(labels, routes)
    on_site = _compared(before.logits(site.features), held_out, site.truth, belongs, temperature)
    on_bank = _compared(before.logits(checks), layer.logits(checks), truth, belongs, temperature)
    warmth = calibrated([(layer.logits(checks), truth), (held_out, site.truth)])
    return Lesson(layer, strength, warmth, on_site, on_bank, _objection(on_site, on_bank))


def calibrated(parts: Sequence[tuple[Features, Truth]]) -> float:
    """The temperature (0.2..5) at which the answers surprise least, each part counting the same."""
    choices = np.geomspace(0.2, 5.0, 81)
    return float(choices[np.argmin([sum(_surprise(*part, float(choice)) for part in parts) for choice in choices])])


def _strongest(bank: Bank, site: Examples, before: Layer, advance: Callable[[], None]) -> tuple[Layer, float]:
    checks, truth = bank.part(held_out=True)
    least = _right(before.logits(checks), truth) - LITTLE * len(truth)
    for strength in STRENGTHS:
        layer = fit(bank, site, len(before.bias), strength)
        advance()
        if _right(layer.logits(checks), truth) >= least:
            break
    return layer, strength


def _held_out(
    bank: Bank, site: Examples, labels: int, strength: float, advance: Callable[[], None]
) -> NDArray[np.float32]:
    """float32 (n, labels): of each item, the answer of a layer that was fitted without its fold."""
    fold = _folds(site.moments)
    logits = np.zeros((len(site.truth), labels), np.float32)
    for number in range(FOLDS):
        out = fold == number
        if out.any() and not out.all():
            logits[out] = fit(bank, site.of(~out), labels, strength).logits(site.features[out])
            advance()
    return logits


def _folds(moments: Sequence[str]) -> NDArray[np.int64]:
    """(n,): the fold of each item. Moments stay together where there are enough of them."""
    names = sorted(set(moments))
    if len(names) < FOLDS:
        return np.arange(len(moments)) % FOLDS
    number = {moment: i % FOLDS for i, moment in enumerate(names)}
    return np.array([number[moment] for moment in moments])


def _belongs(labels: Sequence[str], routes: Mapping[str, str]) -> Features:
    """(labels, ways): 1 where the label goes that way. A label without a route is a way of its own."""
    ways = [routes.get(label, f"the way of {label}") for label in labels]
    return np.array([[way == column for column in sorted(set(ways))] for way in ways], np.float32)


def _compared(before: Features, after: Features, truth: Truth, belongs: Features, temperature: float) -> Compared:
    of, way = len(truth), belongs[truth].argmax(axis=1)
    ways = [softmax(logits, temperature) @ belongs for logits in (before, after)]
    return Compared(
        labels_before=Share(_right(before, truth), of),
        labels_after=Share(_right(after, truth), of),
        compartments_before=Share(_right(ways[0], way), of),
        compartments_after=Share(_right(ways[1], way), of),
    )


def _right(answers: Features, truth: NDArray[np.int64]) -> int:
    return int((answers.argmax(axis=1) == truth).sum())


def _surprise(logits: Features, truth: Truth, temperature: float) -> float:
    right = softmax(logits, temperature)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def _objection(site: Compared, bank: Compared) -> str | None:
    if site.labels_after.right <= site.labels_before.right:
        return f"it is not right more often on the site: {site.labels_after}, before {site.labels_before}"
    if site.compartments_after.right < site.compartments_before.right:
        before, after = site.compartments_before, site.compartments_after
        return f"more items would fall into a wrong compartment on the site: right {after}, before {before}"
    lost = (bank.labels_before.right - bank.labels_after.right) / max(1, bank.labels_before.of)
    if lost > TOO_MUCH:
        return f"it forgets too much of what the model knew: {bank.labels_after}, before {bank.labels_before}"
    return None
