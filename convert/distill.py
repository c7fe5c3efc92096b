"""Learning from another model: its answers to the very picture that is trained on, and the features behind them.

A teacher may look closer than its pupil: at the picture as it was before it was shrunk to what the pupil is given.

The teacher sees every augmented and mixed picture as the pupil does, for as long as the pupil trains; that is what
makes distillation work (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from convert import backbones, data
from convert import run as runs
from convert.errors import RecipeError
from convert.recipe import Teaching
from edge.adapters.litert import LiteRtClassifier

Loss = Callable[[Any, Any], Any]

_STRIDE_PX = 32  # of every backbone: a picture of 96 px has a grid of 3 x 3 features


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What the teacher says to a batch. logits: float32 (n, labels). features: float32 (n, 1280).

    grid: float32 (n, h, w, 1280), the features of every place; None when they are not taught.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    grid: NDArray[np.float32] | None = None

    def targets(self, truth: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """As losses() takes them."""
        grids = [] if self.grid is None else [self.grid]
        return [np.concatenate([truth, self.logits], axis=1), self.features, *grids]


class Taught(Protocol):
    """What a teacher says to a batch."""

    def targets(self, truth: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """One for each output of who is taught. truth: float32 (n, labels)."""


class Teacher(Protocol):
    """size: the side in pixels of the pictures it is best shown; 0: any."""

    size: int

    def teach(self, images: NDArray[np.float32], side: int) -> Taught:
        """Its answers to float32 (n, h, w, 3), RGB 0..255, for a pupil who sees them at side x side."""


def teacher(path: Path, labels: tuple[str, ...], teaching: Teaching) -> Teacher:
    """The model folder or .keras file as a teacher. Raises RecipeError, ModelError: it is none for these labels."""
    return PackagedTeacher(path, labels, teaching) if path.is_dir() else KerasTeacher(path, labels, teaching)


def load_teacher(path: Path) -> keras.Model:
    """The Keras model in a .keras file. Raises RecipeError."""
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise RecipeError(f"teacher {path}: {error}. Give the model.keras of a finished run.") from error


class PackagedTeacher:
    """A model folder, as the bin runs it: for whoever has no longer what it was made from."""

    def __init__(
        self, folder: Path, labels: tuple[str, ...], teaching: Teaching, features: int = backbones.FEATURES
    ) -> None:
        """Raises RecipeError when it knows other labels or gives another number of features; ModelError."""
        self._classifier = LiteRtClassifier(folder)
        manifest = self._classifier.manifest
        self._order = order_of(folder, manifest.labels, labels)
        embedding = self._classifier.classify(np.zeros((8, 8, 3), np.uint8)).embedding
        if embedding is None or embedding.shape != (features,):
            raise RecipeError(f"teacher {folder}: a model that gives its embedding, of {features} numbers, is needed.")
        if teaching.grid:
            raise RecipeError(f"teacher {folder}: a model folder cannot teach a grid; set grid = 0, or give a .keras.")
        self.size = manifest.input.height

    def teach(self, images: NDArray[np.float32], side: int) -> Lesson:
        said = [self._classifier.classify(image) for image in np.rint(images).astype(np.uint8)]
        logits = np.stack([prediction.logits for prediction in said])[:, self._order]
        return Lesson(logits, np.stack([p.embedding for p in said if p.embedding is not None]))


class KerasTeacher:
    """A trained model with the outputs [logits, embedding]; run.json beside it says in which order its labels are."""

    def __init__(
        self, path: Path, labels: tuple[str, ...], teaching: Teaching, features: int = backbones.FEATURES
    ) -> None:
        """Raises RecipeError when the file is no such model, or one of other labels or another number of features."""
        model = load_teacher(path)
        found = [tuple(output.shape[1:]) for output in model.outputs]
        if found != [(len(labels),), (features,)]:
            raise RecipeError(
                f"teacher {path}: answers {found}; {len(labels)} logits and {features} features are needed. "
                "Give a model of the same labels."
            )
        self._order = order_of(path, runs.labels_of(path) or labels, labels)
        outputs = [*model.outputs, backbones.grid(model)] if teaching.grid else model.outputs
        self._model = keras.Model(model.input, outputs)
        self._model.trainable = False
        self.size = teaching.size

    def teach(self, images: NDArray[np.float32], side: int) -> Lesson:
        said = [np.asarray(answer, dtype=np.float32) for answer in self._model.predict_on_batch(images)]
        logits, features = said[:2]
        return Lesson(
            logits[:, self._order], features, shrink_grid(said[2], math.ceil(side / _STRIDE_PX)) if said[2:] else None
        )


def order_of(teacher: Path, known: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Where each label is among those that a teacher knows. Raises RecipeError: it knows others."""
    order = data.places(known, labels)
    if order is None:
        raise RecipeError(f"teacher {teacher}: knows {', '.join(known)}; a model of {', '.join(labels)} is needed.")
    return order


def shrink_grid(grid: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """float32 (n, side, side, c): the mean of float32 (n, h, w, c) over every cell of a coarser grid."""
    rows, columns = (_overlap(length, side) for length in grid.shape[1:3])
    return np.asarray(np.einsum("Yy,Xx,nyxc->nYXc", rows, columns, grid, optimize=True), dtype=np.float32)


def _overlap(fine: int, coarse: int) -> NDArray[np.float32]:
    """float32 (coarse, fine): which share of a coarse cell each fine one covers."""
    edges, wide = np.arange(fine) / fine, np.arange(coarse)[:, None] / coarse
    shared = np.minimum(edges + 1 / fine, wide + 1 / coarse) - np.maximum(edges, wide)
    return np.asarray(np.maximum(shared, 0) * coarse, dtype=np.float32)


def losses(label_smoothing: float, teaching: Teaching) -> list[Loss]:
    """For the outputs [logits, embedding, grid]; the targets are [labels beside the teacher's logits, features, grid].

    The grid is left out where the recipe does not have it taught.
    """

    def answers(truth: Any, logits: Any) -> Any:
        own, taught = ops.split(truth, 2, axis=-1)
        hard = ops.categorical_crossentropy(_smoothed(own, label_smoothing), logits, from_logits=True)
        soft = ops.softmax(taught / teaching.temperature)
        entropy = -ops.sum(soft * ops.log(ops.maximum(soft, 1e-9)), axis=-1)
        gap = ops.categorical_crossentropy(soft, logits / teaching.temperature, from_logits=True) - entropy
        return (1 - teaching.share) * hard + teaching.share * teaching.temperature**2 * gap

    def near(weight: float) -> Loss:
        def loss(truth: Any, own: Any) -> Any:
            # The angle, not the distance: how long features are is the pupil's own affair.
            gap = 1 - ops.sum(_unit(own) * _unit(truth), axis=-1)
            return weight * ops.mean(gap, axis=tuple(range(1, len(gap.shape))))

        return loss

    return [answers, near(teaching.features), *([near(teaching.grid)] if teaching.grid else [])]


def _smoothed(targets: Any, smoothing: float) -> Any:
    return targets * (1 - smoothing) + smoothing / targets.shape[-1]


def _unit(features: Any) -> Any:
    return features / ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + 1e-6)
