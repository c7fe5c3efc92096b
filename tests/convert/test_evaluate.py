"""From answers to figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from convert import evaluate
from convert.evaluate import Group
from convert.measure import Answers
from convert.unknown import judge_unknown
from edge.manifest import Input, Manifest, Outputs
from edge.novelty import Novelty, Statistics

_MANIFEST = Manifest(
    name="m",
    version="1",
    created="2026-11-24",
    backbone="none",
    sha256="0" * 64,
    labels=("battery", "metal", "paper"),
    input=Input(height=8, width=8, dtype="uint8"),
    outputs=Outputs(logits=0),
    licence="Apache-2.0",
)


def _answers(*rows: tuple[float, ...]) -> Answers:
    return Answers(np.array(rows, np.float32), None, np.ones(len(rows)))


def _group(rows: Sequence[tuple[float, ...]], truth: Sequence[int]) -> Group:
    return Group("test", _answers(*rows), np.array(truth))


def test_wrong_at_90_percent_leaves_out_the_unsure() -> None:
    # Nine sure and right, one unsure and in the wrong compartment.
    group = _group([(0.0, 9.0, 0.0)] * 9 + [(1.0, 0.0, 0.0)], [1] * 10)

    assert (evaluate.scores(group, _MANIFEST).wrong.right, evaluate.scores(group, _MANIFEST).wrong.total) == (0, 9)
    threshold, points = evaluate.coverage(group, _MANIFEST)
    assert threshold == pytest.approx(0.9999, abs=1e-4)
    assert [(p.answered, p.wrong) for p in points] == [(0.9, 0.0), (1.0, 0.1)]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    sure = np.linspace(1, 5, 5000)
    group = _group([(0, s, 0) for s in sure], [1] * 5000)

    _, points = evaluate.coverage(group, _MANIFEST)

    assert 150 <= len(points) <= 200
    assert points[0].answered == 1 / 5000
    assert points[-1].answered == 1.0


def test_the_worst_mistakes_come_first() -> None:
    group = _group([(0, 3, 0), (0, 5, 0), (0, 0, 4), (2, 0, 0)], [0, 2, 2, 1])

    found = evaluate.mistakes(group, ["a", "b", "c", "d"], _MANIFEST)

    # metal for battery (surer) and battery for metal are wrong drops; metal for paper is not; paper for paper is right.
    assert [(m.picture, m.truth, m.answer, m.wrong_compartment) for m in found] == [
        ("a", "battery", "metal", True),
        ("d", "metal", "battery", True),
        ("b", "paper", "metal", False),
    ]


def test_a_sample_keeps_the_shares_of_the_labels() -> None:
    truth = np.repeat([0, 1, 2], [600, 300, 100])

    chosen = evaluate.stratified(truth, 50, seed=3)

    counts = Counter(truth[chosen].tolist())
    assert (counts[0], counts[1], counts[2]) == (30, 15, 5)
    assert len(set(chosen.tolist())) == 50
    assert chosen.tolist() == evaluate.stratified(truth, 50, seed=3).tolist()
    assert chosen.tolist() != evaluate.stratified(truth, 50, seed=4).tolist()
    assert evaluate.stratified(truth, 5000, seed=3).tolist() == list(range(1000))


def test_robustness_averages_strength_three() -> None:
    clean, right, wrong = (_answers(row).logits for row in ((0, 1, 0), (0, 1, 0), (1, 0, 0)))
    cells = {("noise", 3): right, ("blur", 3): wrong, ("noise", 5): wrong}

    found = evaluate.robustness(clean, cells, np.array([1]), _MANIFEST, seed=0)

    assert found.mean == 0.5
    assert [(c.corruption, c.strength, c.label.right) for c in found.cells] == [
        ("noise", 3, 1),
        ("blur", 3, 0),
        ("noise", 5, 0),
    ]


def test_unknown_things_are_told_by_what_95_percent_of_the_known_reach() -> None:
    known = _answers(*[(0, 9, 0)] * 19, (0, 0.1, 0))
    unknown = _answers((0, 0.2, 0), (0, 1, 0), (0, 12, 0))

    found = judge_unknown(known, unknown, 1.0, None)

    assert found is not None
    assert found.score == "probability of the best label"
    assert 0.9 < found.threshold < 1
    assert (found.known.right, found.known.total) == (19, 20)
    assert (found.abstained.right, found.abstained.total) == (2, 3)
    assert found.separation == pytest.approx((19 / 20 + 19 / 20 + 0) / 3)
    assert judge_unknown(known, unknown.of(np.array([], dtype=np.int64)), 1.0, None) is None


def test_a_model_that_carries_statistics_is_judged_by_them() -> None:
    def answers(*embeddings: tuple[float, float]) -> Answers:
        rows = len(embeddings)
        return Answers(np.zeros((rows, 3), np.float32), np.array(embeddings, np.float32), np.ones(rows))

    novelty = Novelty(Statistics(np.array([[1.0], [0.0]], np.float32)), threshold=0.5)
    known = answers(*[(5.0, 0.0)] * 19, (3.0, 4.0))

    found = judge_unknown(known, answers((0.0, 1.0), (9.0, 0.0)), 1.0, novelty)

    assert found is not None
    assert found.score == "angle to what it was trained on"
    assert found.threshold == 0.0, "nineteen of twenty lie within what was trained on"
    assert (found.abstained.right, found.abstained.total) == (1, 2)
