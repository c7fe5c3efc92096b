"""Learning from another model: its answers to the very picture that is trained on, and the features behind them.

The teacher sees every augmented and mixed picture as the pupil does, for as long as the pupil trains; that is what
makes distillation work (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from convert.errors import RecipeError
from convert.recipe import Teaching

Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What the teacher says to a batch. logits: float32 (n, labels). features: float32 (n, 1280)."""

    logits: NDArray[np.float32]
    features: NDArray[np.float32]


class Teacher:
    """A trained model with the outputs [logits, embedding]."""

    def __init__(self, path: Path, labels: int, features: int) -> None:
        """Raises RecipeError when the file is no such model, or one of another number of labels or features."""
        try:
            self._model = keras.models.load_model(path, compile=False)
        except (OSError, ValueError) as error:
            raise RecipeError(f"teacher {path}: {error}. Give the model.keras of a finished run.") from error
        found = [tuple(output.shape[1:]) for output in self._model.outputs]
        if found != [(labels,), (features,)]:
            raise RecipeError(
                f"teacher {path}: answers {found}; {labels} logits and {features} features are needed. "
                "Give a model of the same labels."
            )
        self._model.trainable = False

    def teach(self, images: NDArray[np.float32]) -> Lesson:
        """Its answers to float32 (n, size, size, 3), RGB 0..255."""
        logits, features = self._model.predict_on_batch(images)
        return Lesson(np.asarray(logits, dtype=np.float32), np.asarray(features, dtype=np.float32))


def losses(label_smoothing: float, teaching: Teaching) -> list[Loss]:
    """For the outputs [logits, embedding], whose targets are [labels beside the teacher's logits, features]."""

    def answers(truth: Any, logits: Any) -> Any:
        own, taught = ops.split(truth, 2, axis=-1)
        hard = ops.categorical_crossentropy(_smoothed(own, label_smoothing), logits, from_logits=True)
        soft = ops.softmax(taught / teaching.temperature)
        entropy = -ops.sum(soft * ops.log(ops.maximum(soft, 1e-9)), axis=-1)
        gap = ops.categorical_crossentropy(soft, logits / teaching.temperature, from_logits=True) - entropy
        return (1 - teaching.share) * hard + teaching.share * teaching.temperature**2 * gap

    def features(truth: Any, embedding: Any) -> Any:
        # Relative to the teacher's own size, so that the weight means the same for every teacher.
        gap = ops.mean(ops.square(embedding - truth), axis=-1)
        return teaching.features * gap / (ops.mean(ops.square(truth), axis=-1) + 1e-6)

    return [answers, features]


def _smoothed(targets: Any, smoothing: float) -> Any:
    return targets * (1 - smoothing) + smoothing / targets.shape[-1]
