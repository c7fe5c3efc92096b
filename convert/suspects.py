"""Pictures whose label is probably wrong, for a person to look at: confident learning, with cleanlab.

Every picture is judged by a logistic regression on ImageNet features that was trained without it and without its
near-duplicates, which would only repeat its label. (Northcutt et al., Confident Learning, arXiv 1911.00068.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.progress import progress

_FOLDS = 5
# Of the mean loss; scikit-learn's C is of the sum. With ten times as much the log loss on 12,500 is 0.34, not 0.29.
_PENALTY = 0.01


@dataclass(frozen=True, slots=True)
class Suspect:
    """index: of the picture. score: how probable its own label is (0..1); suggested: the label that is most so."""

    index: int
    suggested: str
    score: float


def find_suspects(
    features: NDArray[np.float32], labels: Sequence[str], groups: Sequence[int], seed: int = 0
) -> list[Suspect]:
    """The suspects among float32 (n, m) features, the most suspicious first.

    A picture cannot be judged, and so is none, when all others of its class are its near-duplicates.
    """
    from cleanlab.filter import find_label_issues  # noqa: PLC0415 # brings pandas and scikit-learn: a second or two

    names, truth = np.unique(np.asarray(labels), return_inverse=True)
    probabilities, judged = _out_of_fold(features, truth, np.asarray(groups), seed)
    # A class of which nothing can be judged would not be in the table that cleanlab makes.
    kept = np.isin(truth, np.unique(truth[judged])) & judged
    known, given = np.unique(truth[kept], return_inverse=True)
    if len(known) < 2:
        return []
    chances = probabilities[np.ix_(kept, known)] + 1e-9
    chances /= chances.sum(axis=1, keepdims=True)
    ranked = find_label_issues(given, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    index = np.nonzero(kept)[0]
    best = names[known[chances.argmax(axis=1)]]
    return [Suspect(int(index[i]), str(best[i]), float(chances[i, given[i]])) for i in ranked]


def _out_of_fold(
    features: NDArray[np.float32], truth: NDArray[np.intp], groups: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """float64 (n, classes), and of which pictures the class was known to the model that judged it."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 # see above

    probabilities = np.zeros((len(truth), int(truth.max()) + 1))
    judged = np.zeros(len(truth), np.bool_)
    count = min(_FOLDS, len(np.unique(groups)), int(np.bincount(truth).min()))
    if count < 2:
        return probabilities, judged
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with progress("judge labels", count) as advance:
        for train, held in folds.split(features, truth, groups):
            classes, chances = _judge(features[train], truth[train], features[held])
            probabilities[np.ix_(held, classes)] = chances
            judged[held] = np.isin(truth[held], classes)
            advance(1, "")
    return probabilities, judged


def _judge(
    features: NDArray[np.float32], truth: NDArray[np.intp], held: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The classes that were learned, none when there is only one, and float64 (n, classes) of the held features."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 # see above
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    if len(np.unique(truth)) < 2:
        return np.empty(0, np.intp), np.empty((len(held), 0))
    strength = 1 / (_PENALTY * len(truth))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000, tol=1e-3))
    model.fit(features, truth)
    return model.classes_, model.predict_proba(held)
