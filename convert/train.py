"""Two stages: a linear head on frozen features, then gentle fine-tuning that averages its weights as it goes.

A head first keeps the features from being torn up by a random one; few, slow changes keep what ImageNet knew about light,
clutter and angles, which is what carries over to a bin. Everything is a function of the recipe, the set and the step
number, so a run that was stopped goes on from its last checkpoint as if nothing had happened.

    RUN/features.npz    stage 1's features            RUN/head.npz   its result
    RUN/checkpoint.npz  stage 2's state, every few minutes
    RUN/model.keras     the result: outputs [logits, embedding]; RUN/train.json what was measured
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from convert import backbones
from convert.augment import augment
from convert.data import Dataset
from convert.metrics import accuracy
from convert.progress import progress
from convert.recipe import Recipe, Tune
from convert.split import ROBUST, TRAIN, VALIDATION
from edge.preprocess import fit

CHECKPOINT_EVERY_S = 180.0
_FEATURE_BATCH = 64

Arrays = list[NDArray[np.float32]]


def train(dataset: Dataset, recipe: Recipe, run: Path) -> keras.Model:
    """Train, or go on with the run in this folder. Returns the model with outputs [logits, embedding]."""
    run.mkdir(parents=True, exist_ok=True)
    backbone = backbones.build(recipe.model.backbone, recipe.model.weights)
    model = backbones.with_head(backbone, len(dataset.labels), recipe.model.dropout)
    fit_head(model, backbone, dataset, recipe, run)
    linear = model.get_weights()
    if recipe.tune.sizes:
        tune(model, dataset, recipe, run)
        model.set_weights(choose_blend(model, linear, model.get_weights(), dataset, recipe))
    model.save(run / "model.keras")
    return model


def predict(model: keras.Model, dataset: Dataset, indices: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """float32 (n, labels): the logits of these pictures, each stretched to size x size as on the Pi."""
    return _outputs(model, dataset, indices, size)[0]


def class_weights(truth: NDArray[np.int64], balance: float) -> NDArray[np.float32]:
    """float32 (labels,), mean 1 over the pictures: how much a picture of each class counts."""
    counts = np.bincount(truth).astype(np.float64)
    weights = (counts.mean() / counts) ** balance
    return np.asarray(weights * len(truth) / (weights * counts).sum(), dtype=np.float32)


def rate_at(step: int, steps: int, tune: Tune) -> float:
    """The learning rate: linear warm-up, then a half cosine down to zero."""
    warm = min(1.0, (step + 1) / (tune.warmup_steps + 1))
    return tune.rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))


# ---------------------------------------------------------------------------------------------------------- stage 1


def fit_head(model: keras.Model, backbone: keras.Model, dataset: Dataset, recipe: Recipe, run: Path) -> None:
    """Set the weights of the layer `logits` by logistic regression on the features of the backbone."""
    stored = _load(run / "head.npz")
    if stored is None:
        features, truth = _features(backbone, dataset, recipe, run)
        stored = dict(zip(("kernel", "bias"), _regress(features, truth, len(dataset.labels), recipe), strict=True))
        _save(run / "head.npz", stored)
    model.get_layer("logits").set_weights([stored["kernel"], stored["bias"]])


def _features(
    backbone: keras.Model, dataset: Dataset, recipe: Recipe, run: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    indices = dataset.indices(TRAIN)
    done: Arrays = [a for a in (_load(run / "features.npz") or {}).values()]
    with progress("features", recipe.head.views * len(indices), sum(map(len, done))) as advance:
        for view in range(len(done), recipe.head.views):
            parts = []
            for start in range(0, len(indices), _FEATURE_BATCH):
                chosen = indices[start : start + _FEATURE_BATCH]
                batch = [_look(dataset, int(i), recipe.head.size, recipe, view) for i in chosen]
                parts.append(backbone.predict_on_batch(np.stack(batch).astype(np.float32)))
                advance(len(chosen), "")
            done.append(np.concatenate(parts))
            _save(run / "features.npz", {f"view{i}": a for i, a in enumerate(done)})
    return np.concatenate(done), np.tile(dataset.truth[indices], len(done))


def _look(dataset: Dataset, index: int, size: int, recipe: Recipe, view: int) -> NDArray[np.uint8]:
    picture = dataset.picture(index)
    if view == 0:
        return fit(picture, size, size)
    return augment(picture, size, recipe.augment, np.random.default_rng([recipe.seed, view, index]))


def _regress(
    features: NDArray[np.float32], truth: NDArray[np.int64], labels: int, recipe: Recipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel (features, labels) and bias of a logistic regression, by Adam on batches of 256."""
    keras.utils.set_random_seed(recipe.seed)
    head = keras.Sequential([keras.Input((features.shape[1],)), keras.layers.Dense(labels)])
    head.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(recipe.head.rate, recipe.head.steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    weights = class_weights(truth, recipe.tune.balance)
    random = np.random.default_rng(recipe.seed)
    for _ in range(recipe.head.steps):
        chosen = random.integers(len(features), size=256)
        head.train_on_batch(features[chosen], truth[chosen], sample_weight=weights[truth[chosen]])
    kernel, bias = head.layers[-1].get_weights()
    return kernel, bias


# ---------------------------------------------------------------------------------------------------------- stage 2


@dataclass(frozen=True, eq=False)
class Batch:
    """images: float32 (n, size, size, 3). targets: float32 (n, labels). weights: float32 (n,)."""

    images: NDArray[np.float32]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


def tune(model: keras.Model, dataset: Dataset, recipe: Recipe, run: Path) -> None:
    """Fine-tune in place; at the end the model holds the running mean of its weights."""
    backbones.freeze(model, recipe.tune.frozen_blocks)
    trainee = keras.Model(model.input, model.outputs[0])
    trainee.compile(
        keras.optimizers.AdamW(recipe.tune.rate, weight_decay=recipe.tune.weight_decay),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.tune.label_smoothing),
    )
    state = _State(trainee, recipe.tune.ema, run / "checkpoint.npz")
    epoch_steps = len(dataset.indices(TRAIN)) // recipe.tune.batch
    total = epoch_steps * len(recipe.tune.sizes)
    keras.utils.set_random_seed(recipe.seed)
    with progress("fine-tune", total, state.step) as advance:
        loss = math.nan
        for batch in _batches(dataset, recipe, state.step, total):
            trainee.optimizer.learning_rate = rate_at(state.step, total, recipe.tune)
            new = float(trainee.train_on_batch(batch.images, batch.targets, sample_weight=batch.weights))
            loss = new if math.isnan(loss) else 0.98 * loss + 0.02 * new
            state.advance()
            advance(1, f"loss {loss:.3f}")
            if state.step % epoch_steps == 0:
                state.save()
                with state.averaged():
                    _report(model, dataset, recipe.tune.sizes[state.step // epoch_steps - 1])
    state.save()
    state.use_average()


def _batches(dataset: Dataset, recipe: Recipe, start: int, total: int) -> Iterator[Batch]:
    """The batches of the steps start..total; the next one is made while the current one is trained on."""
    weights = class_weights(dataset.truth[dataset.indices(TRAIN)], recipe.tune.balance)
    with ThreadPoolExecutor(1) as pool:
        queue = [pool.submit(make_batch, dataset, recipe, step, weights) for step in range(start, min(start + 2, total))]
        for step in range(start, total):
            if step + 2 < total:
                queue.append(pool.submit(make_batch, dataset, recipe, step + 2, weights))
            yield queue.pop(0).result()


def make_batch(dataset: Dataset, recipe: Recipe, step: int, weights: NDArray[np.float32]) -> Batch:
    """The batch of one step: the same whenever it is asked for."""
    indices, size = dataset.indices(TRAIN), recipe.tune.batch
    epoch, place = divmod(step, len(indices) // size)
    order = np.random.default_rng([recipe.seed, epoch]).permutation(indices)
    chosen = order[place * size : (place + 1) * size]
    random = np.random.default_rng([recipe.seed, 1, step])
    side = recipe.tune.sizes[epoch]
    images = np.stack([augment(dataset.picture(int(i)), side, recipe.augment, random) for i in chosen])
    truth = dataset.truth[chosen]
    return Batch(images.astype(np.float32), np.eye(len(dataset.labels), dtype=np.float32)[truth], weights[truth])


class _State:
    """The step, the weights, their running mean and the optimizer's moments: all that a checkpoint holds."""

    def __init__(self, model: keras.Model, decay: float, path: Path) -> None:
        self._model, self._decay, self._path = model, decay, path
        model.optimizer.build(model.trainable_variables)
        self.step = 0
        self._mean: Arrays = [np.array(v) for v in model.trainable_variables]
        self._saved_s = time.monotonic()
        stored = _load(path)
        if stored is not None:
            self._restore(stored)

    def advance(self) -> None:
        """Count one step, take the new weights into the mean, and save now and then."""
        self.step += 1
        # The mean starts as a plain one, else the first weights would weigh too much in a short run.
        share = 1 - min(self._decay, (1 + self.step) / (10 + self.step))
        for mean, variable in zip(self._mean, self._model.trainable_variables, strict=True):
            mean += np.float32(share) * (np.asarray(variable) - mean)
        if time.monotonic() - self._saved_s > CHECKPOINT_EVERY_S:
            self.save()

    def save(self) -> None:
        groups = {"weight": self._model.trainable_variables, "mean": self._mean, "moment": self._moments()}
        arrays = {f"{name}{i:04}": np.asarray(v) for name, values in groups.items() for i, v in enumerate(values)}
        _save(self._path, {"step": np.array(self.step), **arrays})
        self._saved_s = time.monotonic()

    def use_average(self) -> None:
        """Put the mean into the model."""
        _assign(self._model.trainable_variables, self._mean)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model holds the mean inside the block, and goes on with its own weights after it."""
        own = [np.array(v) for v in self._model.trainable_variables]
        self.use_average()
        yield
        _assign(self._model.trainable_variables, own)

    def _moments(self) -> list[Any]:
        # The learning rate is a variable of the optimizer too, but it is set at every step.
        return [v for v in self._model.optimizer.variables if v is not self._model.optimizer._learning_rate]

    def _restore(self, stored: dict[str, NDArray[Any]]) -> None:
        def group(name: str) -> list[NDArray[Any]]:
            return [stored[key] for key in sorted(stored) if key.startswith(name)]

        self.step = int(stored["step"])
        self._mean = [np.array(a) for a in group("mean")]
        _assign(self._model.trainable_variables, group("weight"))
        _assign(self._moments(), group("moment"))


def _assign(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _report(model: keras.Model, dataset: Dataset, size: int) -> None:
    chosen = dataset.indices(VALIDATION)
    score = accuracy(predict(model, dataset, chosen, size), dataset.truth[chosen])
    print(f"validation at {size} px: {score:.2%} of labels", file=sys.stderr, flush=True)


def choose_blend(model: keras.Model, linear: Arrays, tuned: Arrays, dataset: Dataset, recipe: Recipe) -> Arrays:
    """The mixture of both models' weights that does best on validation and robustness pictures together."""
    held = dataset.indices(VALIDATION)
    robust = dataset.indices(ROBUST)
    best: tuple[float, Arrays] = (-1.0, tuned)
    for share in recipe.tune.blend:
        mixed = [a + np.float32(share) * (b - a) for a, b in zip(linear, tuned, strict=True)]
        model.set_weights(mixed)
        parts = [accuracy(predict(model, dataset, i, recipe.model.size), dataset.truth[i]) for i in (held, robust) if len(i)]
        print(f"blend {share}: " + ", ".join(f"{p:.2%}" for p in parts), file=sys.stderr, flush=True)
        # Robustness pictures count a quarter: they are few objects, but the only word on how a bin will differ.
        score = float(np.average(parts, weights=[3, 1][: len(parts)]))
        best = max(best, (score, mixed), key=lambda pair: pair[0])
    return best[1]


def _outputs(
    model: keras.Model, dataset: Dataset, indices: NDArray[np.int64], size: int
) -> list[NDArray[np.float32]]:
    parts = []
    for start in range(0, len(indices), _FEATURE_BATCH):
        pictures = [fit(dataset.picture(int(i)), size, size) for i in indices[start : start + _FEATURE_BATCH]]
        parts.append([np.asarray(o) for o in model.predict_on_batch(np.stack(pictures).astype(np.float32))])
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


# ------------------------------------------------------------------------------------------------------------ files


def _save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """All or nothing: a stop while writing leaves the older file."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def _load(path: Path) -> dict[str, NDArray[Any]] | None:
    if not path.exists():
        return None
    with np.load(path) as stored:
        return dict(stored)
