"""Whether the model notices that a thing is none of its labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert import metrics
from convert.figures import Unknown, share
from convert.measure import Answers
from edge.novelty import Novelty, distance

KNOWN = 0.95  # of the known pictures are to be answered


def judge_unknown(known: Answers, unknown: Answers, temperature: float, novelty: Novelty | None) -> Unknown | None:
    """What is abstained from with the threshold that answers 95 % of the known; None without unknown pictures.

    novelty: what the model carries to tell them; without it the probability of the best label has to do.
    """
    if not len(unknown.logits):
        return None
    name = "angle to what it was trained on" if novelty else "probability of the best label"
    of_known, of_unknown = (_familiarity(answers, temperature, novelty) for answers in (known, unknown))
    curve = metrics.risk_coverage(of_known, np.ones(len(of_known), dtype=np.bool_))
    answered, _, threshold = metrics.at_coverage(curve, KNOWN)
    return Unknown(
        score=name,
        threshold=abs(threshold),
        known=share(answered, len(of_known)),
        abstained=share(int((of_unknown < threshold).sum()), len(of_unknown)),
        separation=metrics.separation(-of_known, -of_unknown),
    )


def _familiarity(answers: Answers, temperature: float, novelty: Novelty | None) -> NDArray[np.float64]:
    """The probability, or the distance made negative: the higher, the more like what was trained on."""
    if novelty is None:
        return np.asarray(metrics.probabilities(answers.logits, temperature).max(axis=1))
    if answers.embeddings is None:
        raise ValueError("unknown things are told by the embedding, and the model gives none")
    return -np.array([distance(embedding, novelty.statistics) for embedding in answers.embeddings])
