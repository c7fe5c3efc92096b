"""From the items that a site kept to what a bin can be taught with. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bank import Features
from edge.errors import LessonError
from edge.site_item import NOT_AN_ITEM
from edge.teach import Examples

MOST = 2000  # items: the newest ones; more take memory and time, and change little
LEAST = 8  # items, below which nobody can tell whether a head is better
ALIKE = 0.995  # cosine of two embeddings, from where they are the same picture to the model
_MOMENT = 8  # letters of an item's id (uuid7): its first 32 bits, which change every 65 seconds
_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """An item with a label. embedding: float32 (features,), of the model that is to be taught."""

    item_id: str
    label: str
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """labels: the model's, then new ones. others: float32 (n, features), what is no item. notes: what is left out."""

    labels: tuple[str, ...]
    examples: Examples
    others: Features
    notes: tuple[str, ...]


def material(items: Sequence[Labelled], known: Sequence[str], routes: Collection[str]) -> Material:
    """known: the model's labels. routes: those that a compartment takes.

    Raises LessonError: too few items, or of one label.
    """
    notes = list[str]()
    others = [item.embedding for item in items if item.label == NOT_AN_ITEM]
    things = _routed([item for item in items if item.label != NOT_AN_ITEM], routes, notes)
    things = _agreeing(things, notes)
    _check(things, notes)
    labels = (*known, *sorted({item.label for item in things} - set(known)))
    number = {label: i for i, label in enumerate(labels)}
    examples = Examples(
        np.stack([item.embedding for item in things]),
        np.array([number[item.label] for item in things], np.int64),
        [item.item_id[:_MOMENT] for item in things],
    )
    width = examples.features.shape[1]
    return Material(labels, examples, np.array(others, np.float32).reshape(-1, width), tuple(notes))


def _routed(items: Sequence[Labelled], routes: Collection[str], notes: list[str]) -> list[Labelled]:
    without = Counter(item.label for item in items if item.label not in routes)
    for label, count in sorted(without.items()):
        notes.append(
            f"{count} {label!r} left out: no compartment takes it; add it to the labels of one in the configuration"
        )
    return [item for item in items if item.label in routes]


def _agreeing(items: Sequence[Labelled], notes: list[str]) -> list[Labelled]:
    """Without those that look the same to the model and are labelled differently."""
    if not items:
        return []
    pairs = _contradictions(items)
    out = {i for pair in pairs for i in pair}
    if pairs:
        told = [f"{items[a].item_id} ({items[a].label}) and {items[b].item_id} ({items[b].label})" for a, b in pairs]
        more = f", and {len(told) - _NAMED} more pairs" if len(told) > _NAMED else ""
        notes.append(
            f"{len(out)} items left out: they look the same and are labelled differently; label them again: "
            f"{'; '.join(told[:_NAMED])}{more}"
        )
    return [item for i, item in enumerate(items) if i not in out]


def _contradictions(items: Sequence[Labelled]) -> list[tuple[int, int]]:
    features = np.stack([item.embedding for item in items])
    directions = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    labels = np.unique([item.label for item in items], return_inverse=True)[1]
    alike = (directions @ directions.T >= ALIKE) & (labels[:, np.newaxis] != labels)
    return [(int(a), int(b)) for a, b in np.argwhere(np.triu(alike))]


def _check(items: Sequence[Labelled], notes: Sequence[str]) -> None:
    because = f" ({'; '.join(notes)})" if notes else ""
    if len(items) < LEAST:
        raise LessonError(
            f"{len(items)} labelled items are too few to tell whether the bin gets better: label at least {LEAST}, "
            f"better 5 of each class{because}"
        )
    labels = Counter(item.label for item in items)
    if len(labels) == 1:
        raise LessonError(
            f"all {len(items)} items are {items[0].label!r}: a bin that is taught one class alone calls everything "
            f"that. Label some of what it confuses them with{because}"
        )
