"""Distillation: a pupil that knows nothing learns from the teacher alone, and a stranger is refused as teacher."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from convert.distill import Teacher, losses
from convert.errors import RecipeError
from convert.recipe import Teaching


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
    assert np.allclose(features(embedding, embedding), 0)
    assert np.allclose(features(embedding, 0 * embedding), 1, atol=1e-3)


def test_without_a_share_only_the_labels_count() -> None:
    answers, _ = losses(0.0, Teaching(share=0.0))
    logits = np.array([[2.0, -1.0]], np.float32)
    own = np.array([[1.0, 0.0, -9.0, 9.0]], np.float32)
    assert np.allclose(answers(own, logits), np.log(1 + np.exp(-3)), atol=1e-5)


def test_a_pupil_learns_what_the_teacher_answers(tmp_path: Path) -> None:
    teacher = Teacher(small_model(tmp_path / "teacher.keras"), 3, 5)
    pupil = keras.models.load_model(small_model(tmp_path / "pupil.keras", seed=1), compile=False)
    pupil.compile(keras.optimizers.Adam(0.01), losses(0.0, Teaching(share=1.0)))
    images = np.random.default_rng(0).uniform(0, 255, (64, 8, 8, 3)).astype(np.float32)
    lesson = teacher.teach(images)
    truth = [np.concatenate([np.zeros((64, 3), np.float32), lesson.logits], axis=1), lesson.features]
    first, *_, last = (np.sum(pupil.train_on_batch(images, truth)) for _ in range(150))
    assert last < first / 10


@pytest.mark.parametrize(("labels", "features"), [(4, 5), (3, 6)])
def test_a_teacher_of_other_labels_or_features_is_refused(tmp_path: Path, labels: int, features: int) -> None:
    path = small_model(tmp_path / "teacher.keras")
    with pytest.raises(RecipeError, match="needed"):
        Teacher(path, labels, features)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "teacher.keras").write_bytes(b"no model")
    with pytest.raises(RecipeError, match=r"model\.keras of a finished run"):
        Teacher(tmp_path / "teacher.keras", 3, 5)
