"""Multinomial logistic regression on top of given logits. Pure.

The loss is convex. Nesterov's accelerated gradient finds its minimum, with steps of one by the largest curvature, which
is at most half the largest eigenvalue of the rows' second moment (Böhning 1992, "Multinomial logistic regression
algorithm") and the pull. Centred rows make that small.
"""

from __future__ import annotations

import math

import numpy as np

from edge.bank import Features
from edge.softmax import softmax

STEPS = 60


def fitted(rows: Features, given: Features, wanted: Features, weight: Features, pull: float) -> Features:
    """float32 (m, labels): the matrix that minimises cross-entropy of given + rows @ matrix, + pull / 2 * its square.

    rows: float32 (n, m). given: logits, wanted: shares that sum to 1; both float32 (n, labels). weight: float32 (n,),
    0 or more. pull: > 0.
    """
    by_row = weight[:, np.newaxis]
    curvature = pull + _largest_eigenvalue(rows * np.sqrt(by_row)) / 2
    here = ahead = np.zeros((rows.shape[1], wanted.shape[1]), np.float32)
    pace = 1.0
    for _ in range(STEPS):
        slope = rows.T @ (by_row * (softmax(given + rows @ ahead) - wanted)) + pull * ahead
        there = (ahead - slope / curvature).astype(np.float32)
        faster = (1 + math.sqrt(1 + 4 * pace**2)) / 2
        ahead = (there + (pace - 1) / faster * (there - here)).astype(np.float32)
        here, pace = there, faster
    return here


def _largest_eigenvalue(rows: Features) -> float:
    """Of rows.T @ rows, a little too large rather than too small; by power iteration."""
    direction = np.ones(rows.shape[1], np.float32)
    length = 0.0
    for _ in range(30):
        direction = rows.T @ (rows @ direction)
        length = float(np.linalg.norm(direction))
        direction /= max(length, float(np.finfo(np.float32).tiny))
    return 1.1 * length
