"""Teaching the last layer: clouds of features that stand for what a model and a site see."""

from __future__ import annotations

import numpy as np
import pytest

from edge.agreement import beyond_chance, calibrated, in_errors
from edge.bank import Bank, from_bytes, last_layer, to_bytes
from edge.lesson import TOO_MUCH, learn
from edge.teach import Examples, Place, fit, own_layer, place_of

FEATURES, EACH = 24, 60
LABELS = ("glass", "metal", "paper")
ROUTES = {"glass": "recycling", "metal": "recycling", "paper": "recycling", "cup": "landfill"}


def clouds(shift: float, each: int, labels: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Things of each label around a centre of its own; shift moves all of them, as another camera does."""
    centres = np.abs(np.random.default_rng(7).normal(size=(4, FEATURES))).astype(np.float32) * 2
    moved = np.abs(np.random.default_rng(8).normal(size=(4, FEATURES))).astype(np.float32) * shift
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(labels), each)
    noise = random.normal(scale=0.5, size=(len(truth), FEATURES)).astype(np.float32)
    return np.abs(centres[truth] + moved[truth] + noise), truth


def bank() -> Bank:
    features, truth = clouds(0.0, 2 * EACH)
    spread = np.eye(3, dtype=np.float32)[truth] * 4 - 2
    weights, bias = last_layer(features, spread)
    return Bank(features, truth, np.arange(len(truth)) % 2 == 1, weights, bias)


def site(shift: float, each: int, labels: int = 3, seed: int = 1) -> Examples:
    features, truth = clouds(shift, each, labels, seed)
    return Examples(features, truth, [str(i) for i in range(len(truth))])


def right(logits: np.ndarray, truth: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == truth).mean())


def test_what_a_site_labels_makes_it_right_there_and_the_bank_is_not_forgotten() -> None:
    known, seen = bank(), site(3.0, 5)
    before, after = own_layer(known, 3), fit(known, seen, 3, 1.0, place_of(known, seen))
    elsewhere = site(3.0, 200, seed=2)
    assert right(before.logits(elsewhere.features), elsewhere.truth) < 0.95, "else there is nothing to teach"
    assert right(after.logits(elsewhere.features), elsewhere.truth) > 0.97
    checks, truth = known.part(held_out=True)
    assert right(after.logits(checks), truth) >= right(before.logits(checks), truth) - TOO_MUCH


def test_a_lesson_that_helps_has_no_objection_and_says_by_how_much() -> None:
    lesson = learn(bank(), site(3.0, 10), LABELS, ROUTES, 1.0)
    assert lesson.objection is None
    assert lesson.site.labels_after.right > lesson.site.labels_before.right
    assert lesson.site.labels_after.of == 30
    assert lesson.bank.labels_after.of == 3 * EACH


@pytest.mark.parametrize("seed", range(4))
def test_a_handful_of_items_suffices(seed: int) -> None:
    lesson = learn(bank(), site(3.0, 5, seed=seed), LABELS, ROUTES, 1.0)
    assert lesson.objection is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_labels_that_are_mixed_up_are_objected_to(shift: float, seed: int) -> None:
    """What cannot be foretold from the rest is no gain in cross-validation."""
    honest = site(shift, 6, seed=seed)
    mixed = Examples(honest.features, np.roll(honest.truth, 3), honest.moments)
    assert "mixed up" in str(learn(bank(), mixed, LABELS, ROUTES, 1.0).objection)


@pytest.mark.parametrize("seed", range(4))
def test_a_lesson_that_costs_what_the_model_knew_is_objected_to(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that looks like the bank's own things is called something else here, by everybody, always."""
    seen = site(0.0, 20, seed=seed)
    contrary = Examples(seen.features, (seen.truth + 1) % 3, seen.moments)
    monkeypatch.setattr("edge.lesson.STRENGTHS", (30.0,))
    lesson = learn(bank(), contrary, LABELS, ROUTES, 1.0)
    assert lesson.site.labels_after.right > lesson.site.labels_before.right, "for the site it would be better"
    assert "it forgets too much of what the model knew" in str(lesson.objection)


def test_one_label_alone_is_objected_to() -> None:
    seen = site(3.0, 10)
    alone = seen.of(seen.truth == 1)
    assert learn(bank(), alone, LABELS, ROUTES, 1.0).objection is not None


def test_what_does_not_look_like_the_site_is_answered_as_before() -> None:
    known, seen = bank(), site(3.0, 5)
    place = place_of(known, seen)
    assert place.near(site(3.0, 50, seed=2).features).min() > 0.5
    checks = known.part(held_out=True)[0]
    assert place.near(checks).max() < 0.5
    moved = np.abs(fit(known, seen, 3, 30.0, place).logits(checks) - own_layer(known, 3).logits(checks)).mean()
    everywhere = Place(np.zeros(FEATURES, np.float32), np.asarray(9.0, np.float32))
    without = np.abs(fit(known, seen, 3, 30.0, everywhere).logits(checks) - own_layer(known, 3).logits(checks)).mean()
    assert moved < 0.5 * without


def test_labels_dealt_out_at_random_agree_by_chance() -> None:
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 10)
    drawn = np.array([beyond_chance(random.permutation(truth), truth) for _ in range(2000)])
    assert abs(drawn.mean()) < 0.1
    assert drawn.std() == pytest.approx(1.0, abs=0.1)
    assert beyond_chance(truth, truth) > 5
    assert beyond_chance(np.zeros(30, np.int64), truth) == 0, "one answer to everything says nothing"


def test_a_mean_is_told_in_its_errors() -> None:
    assert in_errors(np.array([1.0, 3.0], np.float32)) == pytest.approx(2.0)
    assert in_errors(np.ones(1, np.float32)) == 0.0


def test_a_site_that_the_model_knows_already_is_left_as_it_is() -> None:
    lesson = learn(bank(), site(0.0, 5), LABELS, ROUTES, 1.0)
    assert lesson.objection is not None
    assert "not right more often" in lesson.objection


def test_a_new_class_is_taught_beside_the_known_ones() -> None:
    known, seen = bank(), site(0.0, 8, labels=4)
    before = own_layer(known, 4)
    assert not (before.logits(known.features).argmax(axis=1) == 3).any(), "untaught, nothing is taken for it"
    lesson = learn(known, seen, (*LABELS, "cup"), ROUTES, 1.0)
    assert lesson.objection is None
    more = site(0.0, 50, labels=4, seed=5)
    assert right(lesson.layer.logits(more.features), more.truth) > 0.95


def test_the_fit_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    known, seen = bank(), site(3.0, 5)
    place = place_of(known, seen)
    usual = fit(known, seen, 3, 1.0, place)
    monkeypatch.setattr("edge.logistic.STEPS", 2000)
    longest = fit(known, seen, 3, 1.0, place)
    checks = known.part(held_out=True)[0]
    np.testing.assert_allclose(usual.logits(checks), longest.logits(checks), atol=0.2)


def test_answers_that_are_too_sure_get_a_higher_temperature() -> None:
    truth = np.zeros(100, np.int64)
    logits = np.tile(np.array([[4.0, 0.0]], np.float32), (100, 1))
    logits[:30] = -logits[:30]  # right in 70 of 100, and always just as sure
    assert calibrated([(logits, truth)]) == pytest.approx(4.0 / np.log(7 / 3), rel=0.05)


def test_a_bank_comes_back_as_it_went_but_for_its_8_bits() -> None:
    known = bank()
    back = from_bytes(to_bytes(known))
    step = known.features.max() / 255
    assert np.abs(back.features - known.features).max() <= step / 2 + 1e-6
    np.testing.assert_array_equal(back.truth, known.truth)
    np.testing.assert_array_equal(back.held_out, known.held_out)
    np.testing.assert_array_equal(back.weights, known.weights)


@pytest.mark.parametrize("content", [b"", b"PK", b"no bank at all"])
def test_a_damaged_bank_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a \.npz file"):
        from_bytes(content)


def test_a_bank_whose_arrays_do_not_fit_is_refused() -> None:
    known = bank()
    wrong = Bank(known.features, known.truth + 3, known.held_out, known.weights, known.bias)
    with pytest.raises(ValueError, match="do not fit"):
        from_bytes(to_bytes(wrong))
