"""From kept items to what can be taught."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.errors import LessonError
from edge.material import LEAST, Labelled, material

KNOWN = ("glass", "metal")
ROUTES = ("glass", "metal", "cup")


def items(label: str, count: int, axis: int, first: int = 0) -> list[Labelled]:
    """Embeddings of 8 features that point along one of them, each a little elsewhere."""
    random = np.random.default_rng(axis)
    around = np.eye(8)[axis] + random.normal(0, 0.2, (count, 8))
    return [
        Labelled(f"{first + i:08x}-0000-7000-8000-000000000000", label, row.astype(np.float32))
        for i, row in enumerate(around)
    ]


def test_labels_that_the_model_does_not_know_come_after_its_own() -> None:
    found = material([*items("cup", 5, 0), *items("metal", 5, 1)], KNOWN, ROUTES)

    assert found.labels == ("glass", "metal", "cup")
    assert found.examples.truth.tolist() == [2] * 5 + [1] * 5
    assert found.examples.features.shape == (10, 8)
    assert not found.notes


def test_what_is_no_item_is_no_label() -> None:
    found = material([*items("glass", 5, 0), *items("metal", 5, 1), *items("not-an-item", 3, 2)], KNOWN, ROUTES)

    assert found.labels == KNOWN
    assert found.others.shape == (3, 8)
    assert len(found.examples.truth) == 10


def test_a_label_that_no_compartment_takes_is_left_out_and_said() -> None:
    found = material([*items("glass", 5, 0), *items("metal", 5, 1), *items("toy", 2, 2)], KNOWN, ROUTES)

    assert "toy" not in found.labels
    assert len(found.notes) == 1
    assert found.notes[0].startswith("2 'toy' left out: no compartment takes it")


def test_labels_that_contradict_each_other_are_left_out_and_named() -> None:
    same = np.ones(8, np.float32)
    twins = [Labelled("one", "glass", same), Labelled("two", "metal", same * 3), Labelled("three", "metal", same)]

    found = material([*items("glass", 5, 0), *items("metal", 5, 1), *twins], KNOWN, ROUTES)

    assert len(found.examples.truth) == 10
    assert "3 items left out" in found.notes[0]
    assert "one (glass) and two (metal)" in found.notes[0]
    assert "two (metal) and three" not in found.notes[0], "they agree"


def test_items_of_one_moment_stay_together() -> None:
    burst = [Labelled(f"0198c1d2-{i:04d}-7000", "glass", item.embedding) for i, item in enumerate(items("glass", 4, 0))]

    found = material([*burst, *items("metal", 5, 1)], KNOWN, ROUTES)

    assert len(set(found.examples.moments[:4])) == 1
    assert len(set(found.examples.moments)) == 6


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([], "0 labelled items are too few"),
        (items("glass", 3, 0), f"3 labelled items are too few.*at least {LEAST}"),
        (items("glass", 20, 0), "all 20 items are 'glass'.*Label some of what it confuses"),
        ([*items("glass", 2, 0), *items("toy", 20, 1)], r"2 labelled items are too few.*20 'toy' left out"),
        (items("not-an-item", 20, 0), "0 labelled items are too few"),
    ],
)
def test_too_little_to_teach_is_said(kept: Sequence[Labelled], told: str) -> None:
    with pytest.raises(LessonError, match=told):
        material(kept, KNOWN, ROUTES)
