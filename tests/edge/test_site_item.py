"""The sidecar: what is written is read again, and what is not one is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from site_items import site_item

from edge.site_item import Embedding, SiteItem, Why, checked_label, from_json, to_dict, to_json, with_label

ITEM = site_item(1, why=(Why.LOW_MARGIN, Why.STRANGE), usefulness=0.1234)


@pytest.mark.parametrize(
    "item",
    [
        ITEM,
        replace(ITEM, event=None, embedding=None, why=(Why.TAUGHT,)),
        replace(ITEM, label="paper cup", labelled_by="page", labelled_at="2026-11-26T10:00:00.000Z", revision=3),
        replace(ITEM, label="Glas, weiß"),
    ],
)
def test_a_sidecar_comes_back_as_it_was(item: SiteItem) -> None:
    assert from_json(to_json(item)) == item


def test_an_embedding_comes_back_as_near_as_float16_holds_it() -> None:
    vector = np.random.default_rng(0).normal(0, 2, 1280).astype(np.float32)
    back = Embedding.of("ab" * 32, vector).vector
    assert back.dtype == np.float32
    assert back.shape == (1280,)
    assert np.allclose(back, vector, rtol=1e-3, atol=1e-3)


def test_unknown_keys_are_ignored_and_the_embedding_can_be_left_out() -> None:
    message = {**to_dict(ITEM), "later": 1}
    assert from_json(json.dumps(message).encode()) == ITEM
    assert "embedding" not in to_dict(ITEM, embedding=False)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"item_id": "../../etc/passwd"},
        {"item_id": "a__b"},
        {"bin_id": "../../lobby"},
        {"day": "yesterday"},
        {"usefulness": 2},
        {"why": ["because"]},
        {"label": "a/b"},
        {"revision": -1},
        {"event": {"schema": 1}},
    ],
)
def test_what_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a"):
        from_json(json.dumps({**to_dict(ITEM), **change}).encode())


@given(st.binary(max_size=300))
def test_bytes_that_are_no_sidecar_are_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        from_json(content)


@pytest.mark.parametrize("label", ["glass", "paper cup", "not-an-item", "Glas, weiß", "a" * 60])
def test_labels_that_can_be(label: str) -> None:
    assert checked_label(label) == label


@pytest.mark.parametrize("label", ["", " ", "a/b", "..", ".hidden", "a\nb", " a", "a ", "a" * 61, "c:d", "\ud800"])
def test_labels_that_cannot_be(label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        checked_label(label)


def test_a_label_that_the_bin_did_not_give_is_a_correction_until_it_is_taken_back() -> None:
    item = site_item(1, why=(Why.RANDOM,))
    assert item.suggested is not None
    right = with_label(item, item.suggested, "page", "2026-11-26T10:00:00Z")
    assert right.why == (Why.RANDOM,)
    wrong = with_label(right, "coffee cup", "page", "2026-11-26T10:01:00Z")
    assert wrong.why == (Why.RANDOM, Why.CORRECTED)
    assert (wrong.label, wrong.labelled_by, wrong.revision) == ("coffee cup", "page", 2)
    taken_back = with_label(wrong, None, "page", "2026-11-26T10:02:00Z")
    assert (taken_back.why, taken_back.label, taken_back.labelled_by) == ((Why.RANDOM,), None, None)
