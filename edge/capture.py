"""Which items are worth keeping, why, and how much a person's label of each would teach. Pure.

What was hard is kept: it teaches most. Of what the bin was sure of a random share is kept, so that its accuracy where
it stands can be told: the hard ones alone would make it look worse than it is, the confident ones alone better.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model import LabelProbability, Outcome, Prediction, SortEvent
from edge.novelty import Novelty, times_threshold
from edge.site_item import Why

SAMPLED = 0.5  # in the middle: the sample must not be the first to give way, or it would be none
# at least, however clear the labels seemed: a mistake would have cost too much, or somebody had to take the item out
LEAST = {Why.ABSTAINED: 0.5, Why.VOTES_DISAGREE: 0.5, Why.JAM: 0.3, Why.FLAP_ERROR: 0.3}
STRANGE_FROM, STRANGE_TO = 0.8, 1.2  # times the model's own limit: from not strange at all to as strange as it gets


@dataclass(frozen=True, slots=True)
class CaptureRules:
    """random_share, margin_below: 0..1, see settings.learning.CaptureSettings. routes: label -> compartment.

    novelty: what tells strange things, where the model has it.
    """

    random_share: float
    margin_below: float
    routes: Mapping[str, str]
    novelty: Novelty | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """why: empty when the item need not be kept. usefulness: 0..1."""

    why: tuple[Why, ...]
    usefulness: float


def worth(event: SortEvent, votes: Sequence[Prediction], rules: CaptureRules, drawn: float) -> Worth:
    """Of one item that was handled. drawn: a random number, 0..1. Raises ValueError: an embedding that does not fit."""
    margin = min(_label_margin(event.top), _compartment_margin(event.top, rules.routes))
    strange = strangeness(votes, rules.novelty)
    reasons = {
        Why.ABSTAINED: event.outcome is Outcome.ABSTAINED,
        Why.LOW_MARGIN: margin < rules.margin_below,
        Why.VOTES_DISAGREE: len({int(vote.logits.argmax()) for vote in votes}) > 1,
        Why.STRANGE: strange > 1.0,
        Why.JAM: event.outcome is Outcome.JAM,
        Why.FLAP_ERROR: event.outcome is Outcome.FLAP_ERROR,
    }
    why = tuple(reason for reason, holds in reasons.items() if holds)
    if not why:
        return Worth((Why.RANDOM,), SAMPLED) if drawn < rules.random_share else Worth((), 0.0)
    odd = (strange - STRANGE_FROM) / (STRANGE_TO - STRANGE_FROM)
    return Worth(why, min(1.0, max(1 - margin, odd, *(LEAST.get(reason, 0.0) for reason in why))))


def strangeness(votes: Sequence[Prediction], novelty: Novelty | None) -> float:
    """Times the limit from which the model calls a thing unknown, the mean over the votes; 0 where it cannot tell."""
    embeddings = _embeddings(votes)
    return 0.0 if novelty is None or not embeddings else times_threshold(embeddings, novelty)


def mean_embedding(votes: Sequence[Prediction]) -> NDArray[np.float32] | None:
    """float32 (features,), the mean over the votes; None where the model gives none."""
    embeddings = _embeddings(votes)
    return np.mean(embeddings, axis=0, dtype=np.float32) if embeddings else None


def _embeddings(votes: Sequence[Prediction]) -> list[NDArray[np.float32]]:
    return [vote.embedding for vote in votes if vote.embedding is not None]


def _label_margin(top: Sequence[LabelProbability]) -> float:
    return top[0].p - top[1].p if len(top) > 1 else 1.0


def _compartment_margin(top: Sequence[LabelProbability], routes: Mapping[str, str]) -> float:
    by_compartment: dict[str, float] = defaultdict(float)
    for choice in top:
        by_compartment[routes.get(choice.label, choice.label)] += choice.p
    best, *others = sorted(by_compartment.values(), reverse=True)
    return best - others[0] if others else 1.0
