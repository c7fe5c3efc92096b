"""Whether a taught head is better: on the site, by cross-validation, and hardly worse on the bank. Pure.

The strength is the greatest of STRENGTHS that costs the bank's held-out part little. A few dozen items hold a handful
of errors, too few to count alone. So the head is to be taken over if, of items that it was not fitted to, it is right
no less often, is clearly less surprised by their labels, agrees with these beyond chance, and drops no more of them
wrong than one; and if it loses at most TOO_MUCH on the bank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.agreement import beyond_chance, calibrated, in_errors, surprise
from edge.bank import Bank, Features, Truth
from edge.softmax import softmax
from edge.teach import Examples, Layer, fit, own_layer, place_of

STRENGTHS = (30.0, 10.0, 3.0, 1.0, 0.3)  # what all of the site weighs against all of the bank
LITTLE = 0.003  # share of the bank's held-out labels that a strength may cost
TOO_MUCH = 0.005  # share of them beyond which a head is not taken over
SURER = 0.03  # nats: the least by which the site's labels must surprise less
CLEAR = 1.0  # standard errors by which they must do so
BY_CHANCE = 1.64  # standard deviations: of labels that were dealt out at random, 1 in 20 would pass
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
    here, known = (before.logits(site.features), held_out), (before.logits(checks), layer.logits(checks))
    belongs = _belongs(labels, routes)
    on_site = _compared(*here, site.truth, belongs, temperature)
    on_bank = _compared(*known, truth, belongs, temperature)
    warmth = [calibrated([(known[i], truth), (here[i], site.truth)]) for i in range(2)]
    told = [surprise(here[i], site.truth, warmth[i]) for i in range(2)]
    chance = beyond_chance(held_out.argmax(axis=1), site.truth)
    objection = _objection(on_site, told[0] - told[1], chance) or _forgets(on_bank)
    return Lesson(layer, strength, warmth[1], on_site, on_bank, objection)


def _strongest(bank: Bank, site: Examples, before: Layer, advance: Callable[[], None]) -> tuple[Layer, float]:
    checks, truth = bank.part(held_out=True)
    least = _right(before.logits(checks), truth) - LITTLE * len(truth)
    place = place_of(bank, site)
    for strength in STRENGTHS:
        layer = fit(bank, site, len(before.bias), strength, place)
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
            rest = site.of(~out)
            logits[out] = fit(bank, rest, labels, strength, place_of(bank, rest)).logits(site.features[out])
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


def _objection(site: Compared, surer: Features, chance: float) -> str | None:
    """surer: (n,), by how much less each item of the site surprises. chance: how far its answers are beyond it."""
    before, after = site.labels_before, site.labels_after
    if chance < BY_CHANCE:
        return f"what some items teach tells of the others no more than chance: {after} right; are labels mixed up?"
    if after.right < before.right:
        return f"it is right less often on the site: {after}, before {before}"
    if float(surer.mean()) < SURER or in_errors(surer) < CLEAR:
        return f"it is not right more often on the site, nor clearly surer: {after}, before {before}"
    before, after = site.compartments_before, site.compartments_after
    if before.right - after.right > 1:
        return f"more items would fall into a wrong compartment on the site: right {after}, before {before}"
    return None


def _forgets(bank: Compared) -> str | None:
    lost = (bank.labels_before.right - bank.labels_after.right) / max(1, bank.labels_before.of)
    if lost > TOO_MUCH:
        return f"it forgets too much of what the model knew: {bank.labels_after}, before {bank.labels_before}"
    return None
