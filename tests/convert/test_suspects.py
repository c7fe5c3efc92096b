"""Wrong labels are found among made-up features whose truth is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.suspects import find_suspects

NAMES = ["glass", "metal", "paper"]


def made_up(count: int = 40) -> tuple[NDArray[np.float32], list[str]]:
    """Three clouds in eight dimensions, `count` points each."""
    random = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 8) * 4, count, axis=0)
    return (centres + random.normal(0, 0.8, centres.shape)).astype(np.float32), list(np.repeat(NAMES, count))


def test_wrong_labels_come_first_with_the_right_one_suggested() -> None:
    features, labels = made_up()
    labels[3], labels[50], labels[100] = "paper", "glass", "metal"
    found = find_suspects(features, labels, range(120))
    assert {(s.index, s.suggested) for s in found[:3]} == {(3, "glass"), (50, "metal"), (100, "paper")}
    assert all(s.score < 0.5 for s in found)
    assert [s.score for s in found] == sorted(s.score for s in found)
    assert len(found) <= 6


def test_the_same_input_gives_the_same_suspects() -> None:
    features, labels = made_up()
    labels[3] = "paper"
    assert find_suspects(features, labels, range(120)) == find_suspects(features, labels, range(120))


def test_duplicates_do_not_vouch_for_each_other() -> None:
    features, labels = made_up()
    features[:6] = features[0]
    labels[:6] = ["paper"] * 6
    found = find_suspects(features, labels, [0] * 6 + list(range(6, 120)))
    assert {s.index for s in found[:6]} == set(range(6))


def test_a_class_of_one_group_is_not_judged() -> None:
    features, labels = made_up()
    found = find_suspects(features, labels, [0] * 40 + list(range(40, 120)))
    assert not [s for s in found if labels[s.index] == "glass"]


def test_two_classes_of_one_group_each_leave_nothing_to_judge() -> None:
    features, labels = made_up()
    assert find_suspects(features[:80], labels[:80], [0] * 40 + [1] * 40) == []
