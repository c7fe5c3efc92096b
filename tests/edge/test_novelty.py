from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import novelty
from edge.novelty import Statistics, distance

_FLOOR = Statistics(np.eye(5, dtype=np.float32)[:, :2])  # what was trained on lies in the first two dimensions


def _embedding(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("embedding", "expected"),
    [
        (_embedding(3, 4, 0, 0, 0), 0.0),
        (_embedding(0, 0, 0, 7, 0), 1.0),
        (_embedding(3, 0, 4, 0, 0), 0.8),
        (_embedding(0, 0, 0, 0, 0), 1.0),
    ],
)
def test_it_is_the_sine_of_the_angle_to_what_was_trained_on(
    embedding: np.ndarray[tuple[int], np.dtype[np.float32]], expected: float
) -> None:
    assert distance(embedding, _FLOOR) == pytest.approx(expected, abs=1e-6)


@given(
    st.lists(st.floats(-100, 100, width=32), min_size=5, max_size=5).filter(lambda v: max(map(abs, v)) > 1e-3),
    st.floats(0.01, 100),
)
def test_only_the_direction_counts(values: list[float], factor: float) -> None:
    embedding = _embedding(*values)

    assert 0 <= distance(embedding, _FLOOR) <= 1
    assert distance(embedding * np.float32(factor), _FLOOR) == pytest.approx(distance(embedding, _FLOOR), abs=1e-3)


@pytest.mark.parametrize("features", [4, 6])
def test_the_embedding_of_another_model_is_refused(features: int) -> None:
    with pytest.raises(ValueError, match="statistics are of 5 features"):
        distance(np.ones(features, np.float32), _FLOOR)


def test_a_lesson_lets_what_it_was_taught_pass_and_never_less_than_before() -> None:
    """Of twenty things, each a little further from what is known, all but the last."""
    before = novelty.Novelty(Statistics(np.eye(2, 1, dtype=np.float32)), threshold=0.3)
    angles = np.linspace(0, 1, 21)
    taught = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    limit = novelty.refitted(before, taught)
    assert [distance(one, before.statistics) <= limit for one in taught] == [True] * 20 + [False]
    assert novelty.refitted(before, taught[:3]) == 0.3
    assert novelty.refitted(before, taught[:0]) == 0.3


def test_what_is_written_is_read() -> None:
    assert np.array_equal(novelty.from_bytes(novelty.to_bytes(_FLOOR)).basis, _FLOOR.basis)
    assert novelty.to_bytes(_FLOOR) == novelty.to_bytes(_FLOOR), "its sha256 is in model.json"


def _npz(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type] # wrong on purpose
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a .npz"),
        (b"PK\x03\x04 cut", "not a .npz"),
        (novelty.to_bytes(_FLOOR)[:-40], "not a .npz"),
        (_npz(other=np.eye(2)), "not a .npz file with an array `basis`"),
        (_npz(basis=np.array(["a"])), "not a .npz"),
        (_npz(basis=np.array([{}], dtype=object)), "not a .npz"),
        (_npz(basis=np.ones(3)), "must be finite"),
        (_npz(basis=np.full((3, 2), np.nan)), "must be finite"),
    ],
)
def test_other_content_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        novelty.from_bytes(content)
