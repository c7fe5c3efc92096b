"""The figures that a model is judged by."""

from __future__ import annotations

import numpy as np
import pytest

from convert.metrics import (
    accuracy,
    at_coverage,
    compartment_accuracy,
    confusion,
    expected_calibration_error,
    fit_temperature,
    probabilities,
    reliability,
    risk_coverage,
    separation,
)

LABELS = ("battery", "cardboard", "paper")


def logits(*rows: tuple[float, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(rows, dtype=np.float32)


def test_probabilities_sum_to_one_also_for_large_logits() -> None:
    p = probabilities(logits((1000, 999, -1000), (0, 0, 0)))
    assert p.sum(axis=1) == pytest.approx([1, 1])
    assert p[1] == pytest.approx([1 / 3] * 3)


def test_a_wrong_label_in_the_right_compartment_counts_there() -> None:
    given, truth = logits((0, 3, 1), (0, 3, 1), (3, 0, 0)), np.array([1, 2, 2])
    assert accuracy(given, truth) == pytest.approx(1 / 3)
    assert compartment_accuracy(given, truth, LABELS) == pytest.approx(2 / 3)


def test_compartments_add_up_their_labels() -> None:
    # Battery is the best single label, paper and cardboard together are more likely.
    given = logits((1.0, 0.9, 0.9))
    assert accuracy(given, np.array([2])) == 0
    assert compartment_accuracy(given, np.array([2]), LABELS) == 1


def test_confusion_has_the_truth_in_rows() -> None:
    matrix = confusion(logits((0, 3, 1), (3, 0, 0)), np.array([2, 0]), 3)
    assert matrix.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_the_temperature_of_scaled_logits_is_found_and_calibrates() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(0, 1.5, (4000, 4)).astype(np.float32)
    truth = np.array([random.choice(4, p=p) for p in probabilities(honest)])
    boastful = honest * 3
    temperature = fit_temperature(boastful, truth)
    assert temperature == pytest.approx(3, rel=0.1)
    assert expected_calibration_error(boastful, truth, temperature) < 0.03
    assert expected_calibration_error(boastful, truth, 1.0) > 0.1


def test_the_bins_hold_every_picture_and_give_the_calibration_error() -> None:
    given, truth = logits((3, 0, 0), (0, 3, 0), (0, 0, 0.1)), np.array([0, 2, 2])
    count, sure, right = reliability(given, truth, 1.0, bins=10).T
    assert count.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    assert sure[9] == pytest.approx(0.9094, abs=1e-3)
    assert (right[9], right[3], right[0]) == (0.5, 1.0, 0.0)
    gaps = 2 / 3 * abs(sure[9] - 0.5) + 1 / 3 * abs(sure[3] - 1)
    assert expected_calibration_error(given, truth, 1.0, bins=10) == pytest.approx(gaps)


def test_risk_and_coverage_take_equals_together() -> None:
    confidence = np.array([0.5, 0.9, 0.7, 0.7, 0.2])
    right = np.array([True, True, False, True, False])
    curve = risk_coverage(confidence, right)
    assert curve.tolist() == [[1, 0, 0.9], [3, 1, 0.7], [4, 1, 0.5], [5, 2, 0.2]]
    assert at_coverage(curve, 0.4) == (3, 1, 0.7), "two of five would need half of the equals"
    assert at_coverage(curve, 0.8) == (4, 1, 0.5)
    assert at_coverage(curve, 1.0) == (5, 2, 0.2)


def test_separation_is_the_area_under_the_roc() -> None:
    known = np.array([0.1, 0.2, 0.3])
    assert separation(known, np.array([0.4, 0.5])) == 1.0
    assert separation(known, np.array([0.0])) == 0.0
    assert separation(known, np.array([0.2, 0.25])) == pytest.approx((1.5 / 3 + 2 / 3) / 2)
