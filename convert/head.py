"""Stage 1: a linear head on features that stay as they are.

It comes first so that stage 2 starts from a head that fits: a random one would tear up the features that it is fed.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from convert import arrays
from convert.augment import augment
from convert.data import Dataset
from convert.recipe import Recipe
from convert.split import TRAIN
from edge.model import Pixels
from edge.preprocess import fit
from edge.progress import progress

_BATCH = 64


def fit_head(model: keras.Model, backbone: keras.Model, dataset: Dataset, recipe: Recipe, run: Path) -> None:
    """Set the weights of the layer `logits` by logistic regression on the features of the backbone."""
    if not recipe.head.steps:
        return
    stored = arrays.load(run / "head.npz")
    if stored is None:
        features, truth = _features(backbone, dataset, recipe, run)
        kernel, bias = regress(features, truth, len(dataset.labels), recipe)
        stored = {"kernel": kernel, "bias": bias}
        arrays.save(run / "head.npz", stored)
    model.get_layer("logits").set_weights([stored["kernel"], stored["bias"]])


def regress(
    features: NDArray[np.float32], truth: NDArray[np.int64], labels: int, recipe: Recipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel float32 (features, labels) and bias (labels,) of a logistic regression."""
    keras.utils.set_random_seed(recipe.seed)
    head = keras.Sequential([keras.Input((features.shape[1],)), keras.layers.Dense(labels)])
    head.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(recipe.head.rate, recipe.head.steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    weights = class_weights(truth, labels, recipe.tune.balance)
    random = np.random.default_rng(recipe.seed)
    for _ in range(recipe.head.steps):
        chosen = random.integers(len(features), size=256)
        head.train_on_batch(features[chosen], truth[chosen], sample_weight=weights[truth[chosen]])
    kernel, bias = head.layers[-1].get_weights()
    return kernel, bias


def class_weights(truth: NDArray[np.int64], labels: int, balance: float) -> NDArray[np.float32]:
    """float32 (labels,), mean 1 over the pictures: how much a picture of each class counts."""
    counts = np.bincount(truth, minlength=labels).astype(np.float64)
    weights = (counts.mean() / np.maximum(counts, 1)) ** balance
    return np.asarray(weights * len(truth) / (weights * counts).sum(), dtype=np.float32)


def _features(
    backbone: keras.Model, dataset: Dataset, recipe: Recipe, run: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    indices = dataset.indices(TRAIN)
    done: list[NDArray[np.float32]] = list((arrays.load(run / "features.npz") or {}).values())
    with progress("features", recipe.head.views * len(indices), sum(map(len, done))) as advance:
        for view in range(len(done), recipe.head.views):
            parts = []
            for start in range(0, len(indices), _BATCH):
                looks = [_look(dataset, int(i), recipe, view) for i in indices[start : start + _BATCH]]
                parts.append(backbone.predict_on_batch(np.stack(looks).astype(np.float32)))
                advance(len(looks), "")
            done.append(np.concatenate(parts))
            arrays.save(run / "features.npz", {f"view{i}": a for i, a in enumerate(done)})
    return np.concatenate(done), np.tile(dataset.truth[indices], len(done))


def _look(dataset: Dataset, index: int, recipe: Recipe, view: int) -> Pixels:
    picture, size = dataset.pictures[index], recipe.head.size
    if view == 0:
        return fit(picture, size, size)
    return augment(picture, size, recipe.augment, np.random.default_rng([recipe.seed, view, index]))
