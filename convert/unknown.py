"""Whether the model notices that a thing is none of its labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert import metrics
from convert.figures import Unknown, share
from convert.measure import Answers
from edge.manifest import Manifest

KNOWN = 0.95  # of the known pictures are to be answered


def judge_unknown(known: Answers, unknown: Answers, manifest: Manifest) -> Unknown | None:
    """What is abstained from with the threshold that answers 95 % of the known; None without unknown pictures."""
    if not len(unknown.logits):
        return None
    name, of_known, of_unknown = _familiarity(known, unknown, manifest)
    curve = metrics.risk_coverage(of_known, np.ones(len(of_known), dtype=np.bool_))
    answered, _, threshold = metrics.at_coverage(curve, KNOWN)
    return Unknown(
        score=name,
        threshold=threshold,
        known=share(answered, len(of_known)),
        abstained=share(int((of_unknown < threshold).sum()), len(of_unknown)),
        separation=metrics.separation(-of_known, -of_unknown),
    )


def _familiarity(
    known: Answers, unknown: Answers, manifest: Manifest
) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
    """Name of the score; it on known and unknown pictures. Higher is more familiar."""
    of_known, of_unknown = (
        metrics.probabilities(answers.logits, manifest.temperature).max(axis=1) for answers in (known, unknown)
    )
    return "probability of the best label", of_known, of_unknown
