"""What lets the bin tell unknown things: fitted on embeddings, then from pictures to a folder that abstains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinymodel import Colour, tiny_tflite

from convert import data, modelfolder, strangers
from convert.augment import Augment
from convert.modelfolder import Description
from edge import manifest
from edge.novelty import distance

_PALETTE: dict[str, Colour] = {"metal": (150, 160, 170), "paper": (220, 210, 190), "plastic": (60, 110, 200)}
_DRAFT = Description("made-up", "1.2.3", "2026-11-24", "none", tuple(_PALETTE), "Apache-2.0")


def _cloud(axis: int, count: int = 50) -> strangers.Embeddings:
    """Embeddings of 40 features that point along one of them, more or less, and are of any length."""
    random = np.random.default_rng(axis)
    around = np.eye(40)[axis] + random.normal(0, 0.05, (count, 40))
    return np.asarray(around * random.uniform(1, 30, (count, 1)), dtype=np.float32)


def _unit(axis: int) -> strangers.Embeddings:
    return np.asarray(np.eye(40)[axis], dtype=np.float32)


def test_what_was_trained_on_is_near_and_the_rest_far() -> None:
    statistics = strangers.fit(np.concatenate([_cloud(0), _cloud(1)]), _cloud(7), dimensions=2)

    assert distance(_unit(0), statistics) < 0.2
    assert distance(_unit(1) * 9, statistics) < 0.2
    assert distance(_unit(2), statistics) > 0.9


def test_empty_trays_are_strange_even_where_known_things_look_a_little_like_them() -> None:
    known = np.concatenate([_cloud(0), _cloud(1), _cloud(2, count=10)])

    blind = strangers.fit(known, _cloud(2), dimensions=3, contrast=0)
    seeing = strangers.fit(known, _cloud(2), dimensions=3, contrast=0.2)

    assert distance(_unit(2), blind) < 0.2
    assert distance(_unit(2), seeing) > 0.9
    assert distance(_unit(0), seeing) < 0.2


def test_the_basis_is_orthonormal() -> None:
    basis = strangers.fit(_cloud(0), _cloud(1), dimensions=5).basis

    assert basis.dtype == np.float32
    assert np.allclose(basis.T @ basis, np.eye(5), atol=1e-5)


def test_a_model_of_few_features_leaves_strangers_a_place_to_point() -> None:
    assert strangers.fit(_cloud(0), _cloud(1)).basis.shape == (40, 10)


def test_the_threshold_answers_the_share_that_was_asked_for() -> None:
    statistics = strangers.fit(_cloud(0), _cloud(1), dimensions=1)
    held = _cloud(0, count=200)

    limit = strangers.threshold(held, statistics, answered=0.9)

    assert np.mean([distance(embedding, statistics) <= limit for embedding in held]) == pytest.approx(0.9, abs=0.01)


def test_a_threshold_is_above_nought_where_all_are_alike() -> None:
    same = np.tile(_unit(0), (3, 1))

    assert strangers.threshold(same, strangers.fit(same, _cloud(1), dimensions=1)) > 0


def test_from_pictures_to_a_folder_that_knows_strangers(small_set: Path, tmp_path: Path) -> None:
    tflite = tiny_tflite(palette=_PALETTE)

    knowing = strangers.described(tflite, _DRAFT, data.load(small_set), Augment())
    modelfolder.write(tflite, knowing, tmp_path / "model")

    found = manifest.load_novelty(tmp_path / "model", manifest.load(tmp_path / "model"))
    assert found is not None
    assert found.statistics.basis.shape == (12, 3)
    assert 0 < found.threshold < 1


def test_the_limit_is_set_on_held_out_pictures_as_a_tray_shows_them(
    small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, black = data.load(small_set), np.zeros((32, 32, 3), np.uint8)
    plain = strangers.described(tiny_tflite(palette=_PALETTE), _DRAFT, dataset, Augment()).novelty

    monkeypatch.setattr(strangers, "augment", lambda *_: black)
    of_black = strangers.described(tiny_tflite(palette=_PALETTE), _DRAFT, dataset, Augment()).novelty

    assert plain is not None
    assert of_black is not None
    assert of_black.threshold == pytest.approx(1.0), "what has no colour points nowhere"
    assert plain.threshold < 1


def test_the_same_pictures_give_the_same_statistics(small_set: Path) -> None:
    tflite = tiny_tflite(palette=_PALETTE)

    first, second = (strangers.described(tflite, _DRAFT, data.load(small_set), Augment()).novelty for _ in range(2))

    assert first is not None
    assert second is not None
    assert np.array_equal(first.statistics.basis, second.statistics.basis)
    assert first.threshold == second.threshold
