"""From a model's answers on pictures of known label to figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert import metrics
from convert.figures import Bin, Compared, Corrupted, LabelScore, Mistake, Point, Robustness, Scores, Share, share
from convert.measure import Answers
from convert.metrics import Logits, Truth
from edge.manifest import Manifest

COVERAGE = 0.9
MEAN_STRENGTH = 3
_MISTAKES = 24
_POINTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Pictures that are judged together. reference: the logits of the float model on them, if it was asked."""

    name: str
    answers: Answers
    truth: Truth
    reference: Logits | None = None

    @property
    def logits(self) -> Logits:
        """float32 (n, labels)"""
        return self.answers.logits


def scores(group: Group, manifest: Manifest) -> Scores:
    """How good the model is on a group of pictures."""
    logits, truth, temperature = group.logits, group.truth, manifest.temperature
    answered, wrong, _ = metrics.at_coverage(_curve(group, manifest), COVERAGE)
    return Scores(
        name=group.name,
        label=label_share(logits, truth),
        compartment=compartment_share(logits, truth, manifest),
        ece_raw=metrics.expected_calibration_error(logits, truth, 1.0),
        ece=metrics.expected_calibration_error(logits, truth, temperature),
        wrong=share(wrong, answered),
        float_model=None if group.reference is None else compared(group.reference, logits, truth, manifest),
    )


def compared(other: Logits, logits: Logits, truth: Truth, manifest: Manifest) -> Compared:
    """How good another model is on the same pictures, and how often it names the same label."""
    return Compared(
        label=label_share(other, truth),
        compartment=compartment_share(other, truth, manifest),
        agreement=label_share(logits, other.argmax(axis=1)),
    )


def label_share(logits: Logits, truth: Truth) -> Share:
    """Pictures whose best label is right."""
    return share(int((logits.argmax(axis=1) == truth).sum()), len(truth))


def compartment_share(logits: Logits, truth: Truth, manifest: Manifest) -> Share:
    """Pictures that fall into the right compartment."""
    chosen, _ = metrics.choose_compartments(logits, manifest.labels, manifest.temperature)
    return share(int((chosen == metrics.compartment_truth(truth, manifest.labels)).sum()), len(truth))


def label_scores(confusion: NDArray[np.int64], labels: Sequence[str]) -> tuple[LabelScore, ...]:
    """One for each label, in order. confusion: rows are the truth."""
    right, shown, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        LabelScore(
            label=label,
            pictures=int(shown[i]),
            named=int(named[i]),
            precision=_ratio(right[i], named[i]),
            recall=_ratio(right[i], shown[i]),
            f1=_ratio(2 * right[i], shown[i] + named[i]) if shown[i] else None,
        )
        for i, label in enumerate(labels)
    )


def reliability(group: Group, temperature: float) -> tuple[Bin, ...]:
    """The bins of the reliability diagram, from unsure to sure."""
    rows = metrics.reliability(group.logits, group.truth, temperature)
    return tuple(Bin(int(count), float(confidence), float(right)) for count, confidence, right in rows)


def coverage(group: Group, manifest: Manifest) -> tuple[float, tuple[Point, ...]]:
    """The threshold that answers 90 %, and the risk-coverage curve in at most 200 points, the surest first."""
    curve = _curve(group, manifest)
    total = curve[-1, 0]
    # Even steps of coverage: what a plot 200 steps wide can show.
    at = np.searchsorted(curve[:, 0], np.linspace(curve[0, 0], total, _POINTS))
    points = (Point(float(t), float(n / total), float(w / n)) for n, w, t in curve[np.unique(at)])
    return metrics.at_coverage(curve, COVERAGE)[2], tuple(points)


def robustness(
    clean: Logits, corrupted: Mapping[tuple[str, int], Logits], truth: Truth, manifest: Manifest, seed: int
) -> Robustness:
    """From the answers on the same pictures, by (corruption, strength)."""
    cells = tuple(
        Corrupted(name, strength, label_share(logits, truth), compartment_share(logits, truth, manifest))
        for (name, strength), logits in corrupted.items()
    )
    return Robustness(
        seed=seed,
        clean=label_share(clean, truth),
        clean_compartment=compartment_share(clean, truth, manifest),
        cells=cells,
        mean=float(np.mean([cell.label.value for cell in cells if cell.strength == MEAN_STRENGTH])),
    )


def mistakes(group: Group, names: Sequence[str], manifest: Manifest) -> tuple[Mistake, ...]:
    """The worst 24: wrong compartments first, and of each kind the surest first. names: of the pictures."""
    p = metrics.probabilities(group.logits, manifest.temperature)
    answers, confidence = p.argmax(axis=1), p.max(axis=1)
    chosen, _ = metrics.choose_compartments(group.logits, manifest.labels, manifest.temperature)
    astray = chosen != metrics.compartment_truth(group.truth, manifest.labels)
    worst_first = np.lexsort((-confidence, ~astray))
    wrong = worst_first[answers[worst_first] != group.truth[worst_first]]
    return tuple(
        Mistake(
            picture=names[i],
            truth=manifest.labels[group.truth[i]],
            answer=manifest.labels[answers[i]],
            confidence=float(confidence[i]),
            wrong_compartment=bool(astray[i]),
        )
        for i in wrong[:_MISTAKES]
    )


def stratified(truth: Truth, count: int, seed: int) -> NDArray[np.int64]:
    """`count` pictures (indices, sorted), each label with its share as nearly as it goes; all when there are fewer."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(truth))
    by_label = shuffled[np.argsort(truth[shuffled], kind="stable")]
    # Even steps through pictures that lie label by label.
    steps = np.linspace(0, len(truth), min(count, len(truth)), endpoint=False).astype(int)
    return np.sort(by_label[steps])


def _curve(group: Group, manifest: Manifest) -> NDArray[np.float64]:
    chosen, confidence = metrics.choose_compartments(group.logits, manifest.labels, manifest.temperature)
    return metrics.risk_coverage(confidence, chosen == metrics.compartment_truth(group.truth, manifest.labels))


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
