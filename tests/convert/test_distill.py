"""Distillation: a pupil that knows nothing learns from the teacher alone, and a stranger is refused as teacher.

A model folder teaches what a bin with it would say; the features of every place shrink to the pupil's grid.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from tinymodel import COLOURS

from convert import run
from convert.distill import KerasTeacher, PackagedTeacher, losses, shrink_grid, teacher
from convert.errors import RecipeError
from convert.recipe import Recipe, Teaching
from edge.adapters.litert import LiteRtClassifier

LABELS = ("a", "b", "c")


def small_model(path: Path, labels: int = 3, features: int = 5, seed: int = 0) -> Path:
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 3))
    embedding = layers.Dense(features, "relu")(layers.Flatten()(layers.Rescaling(1 / 255)(image)))
    keras.Model(image, [layers.Dense(labels)(embedding), embedding]).save(path)
    return path


def test_a_pupil_that_agrees_with_its_teacher_has_nothing_to_learn() -> None:
    answers, features = losses(0.0, Teaching(share=1.0))
    logits = np.array([[2.0, -1.0, 0.5]], np.float32)
    truth = np.concatenate([[[0, 0, 1]], logits], axis=1).astype(np.float32)
    assert np.allclose(answers(truth, logits), 0, atol=1e-5)
    assert np.all(np.asarray(answers(truth, -logits)) > 0.5)
    embedding = np.array([[1.0, 0.0, 3.0]], np.float32)
    assert np.allclose(features(embedding, 3 * embedding), 0, atol=1e-5), "the length is the pupil's own affair"
    assert np.allclose(features(embedding, 0 * embedding), 1, atol=1e-3)


def test_without_a_share_only_the_labels_count() -> None:
    answers, _ = losses(0.0, Teaching(share=0.0))
    logits = np.array([[2.0, -1.0]], np.float32)
    own = np.array([[1.0, 0.0, -9.0, 9.0]], np.float32)
    assert np.allclose(answers(own, logits), np.log(1 + np.exp(-3)), atol=1e-5)


def test_a_pupil_learns_what_the_teacher_answers(tmp_path: Path) -> None:
    master = KerasTeacher(small_model(tmp_path / "teacher.keras"), LABELS, Teaching(), 5)
    pupil = keras.models.load_model(small_model(tmp_path / "pupil.keras", seed=3), compile=False)
    pupil.compile(keras.optimizers.Adam(0.01), losses(0.0, Teaching(share=1.0)))
    images = np.random.default_rng(0).uniform(0, 255, (64, 8, 8, 3)).astype(np.float32)
    lesson = master.teach(images, 8)
    truth = [np.concatenate([np.zeros((64, 3), np.float32), lesson.logits], axis=1), lesson.features]
    first, *_, last = (np.sum(pupil.train_on_batch(images, truth)) for _ in range(150))
    assert last < first / 5


@pytest.mark.parametrize(("labels", "features"), [(4, 5), (3, 6)])
def test_a_teacher_of_other_labels_or_features_is_refused(tmp_path: Path, labels: int, features: int) -> None:
    path = small_model(tmp_path / "teacher.keras")
    with pytest.raises(RecipeError, match="needed"):
        KerasTeacher(path, tuple("abcd"[:labels]), Teaching(), features)


def test_the_order_of_its_labels_is_that_of_its_run(tmp_path: Path) -> None:
    """An imported model has them in the order in which it was trained."""
    path, plan = small_model(tmp_path / run.MODEL), Recipe.model_validate({"model": {"backbone": "efficientnet-lite2"}})
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    own = KerasTeacher(path, LABELS, Teaching(), 5).teach(images, 8).logits
    run.write_finished(run.Run(tmp_path, None, ("c", "a", "b"), plan, ""), keras.models.load_model(path, compile=False))
    assert np.array_equal(KerasTeacher(path, LABELS, Teaching(), 5).teach(images, 8).logits, own[:, [1, 2, 0]])
    with pytest.raises(RecipeError, match="knows c, a, b; a model of a, b, d is needed"):
        KerasTeacher(path, ("a", "b", "d"), Teaching(), 5)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "teacher.keras").write_bytes(b"no model")
    with pytest.raises(RecipeError, match=r"model\.keras of a finished run"):
        teacher(tmp_path / "teacher.keras", ("a", "b", "c"), Teaching())


def placed_model(path: Path) -> Path:
    """Its embedding is the mean of 4 x 4 places of a picture of 8 x 8."""
    image = keras.Input((8, 8, 3))
    embedding = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 2, 2)(layers.Rescaling(1 / 255)(image)))
    keras.Model(image, [layers.Dense(3)(embedding), embedding]).save(path)
    return path


def test_the_features_of_every_place_are_taught_on_the_pupils_grid(tmp_path: Path) -> None:
    master = KerasTeacher(placed_model(tmp_path / "teacher.keras"), LABELS, Teaching(grid=1.0, size=8), 5)
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    lesson = master.teach(images, 64)
    assert master.size == 8
    assert lesson.grid is not None
    assert lesson.grid.shape == (2, 2, 2, 5)
    assert np.allclose(lesson.grid.mean(axis=(1, 2)), lesson.features, atol=1e-5)
    assert not np.allclose(lesson.grid[:, 0, 0], lesson.features, atol=1e-3)
    *_, near = losses(0.0, Teaching(grid=2.0))
    assert np.allclose(near(lesson.grid, 0 * lesson.grid), 2, atol=1e-3)


def test_a_cell_of_the_grid_is_the_mean_of_what_it_covers() -> None:
    grid = np.arange(3, dtype=np.float32)[None, :, None, None] * np.ones((1, 3, 3, 1), np.float32)
    assert np.allclose(shrink_grid(grid, 2)[0, :, 0, 0], [1 / 3, 5 / 3])
    assert np.allclose(shrink_grid(grid, 3), grid)


def test_a_model_without_places_cannot_teach_them(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="grid = 0"):
        KerasTeacher(small_model(tmp_path / "teacher.keras"), LABELS, Teaching(grid=1.0), 5)


def test_a_model_folder_teaches_what_the_bin_would_say(tiny_model: Path) -> None:
    labels = tuple(reversed(COLOURS))
    master = PackagedTeacher(tiny_model, labels, Teaching(), 12)
    picture = np.full((master.size, master.size, 3), 100.4, np.float32)
    lesson = master.teach(picture[np.newaxis], 32)
    said = LiteRtClassifier(tiny_model).classify(np.full(picture.shape, 100, np.uint8))
    assert np.array_equal(lesson.logits[0], said.logits[::-1])
    assert said.embedding is not None
    assert np.array_equal(lesson.features[0], said.embedding)


def test_a_model_folder_of_other_labels_or_asked_for_places_is_refused(tiny_model: Path) -> None:
    with pytest.raises(RecipeError, match=r"knows .*a model of a, b"):
        teacher(tiny_model, ("a", "b"), Teaching())
    with pytest.raises(RecipeError, match="of 1280 numbers"):
        teacher(tiny_model, tuple(COLOURS), Teaching())
    with pytest.raises(RecipeError, match="grid = 0"):
        PackagedTeacher(tiny_model, tuple(COLOURS), Teaching(grid=1.0), 12)
