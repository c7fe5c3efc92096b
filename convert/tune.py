"""Stage 2: gentle fine-tuning. Early blocks and all batch statistics stay; the result is a running mean of the weights.

With a teacher, and nothing frozen, the same stage trains a network from nothing.

Every batch is a function of the recipe, the set and the step, so a run that was stopped goes on from its checkpoint as
if nothing had happened.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from convert import arrays, backbones
from convert.augment import augment, empty_tray
from convert.data import Dataset
from convert.distill import Taught, Teacher, losses
from convert.head import class_weights
from convert.metrics import accuracy
from convert.predict import predict
from convert.recipe import Recipe, Tune
from convert.split import TRAIN, VALIDATION
from edge.progress import progress

CHECKPOINT_EVERY_S = 180.0
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """images: float32 (n, size, size, 3). targets: float32 (n, labels). weights: float32 (n,)."""

    images: NDArray[np.float32]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]
    lesson: Taught | None = None


def tune(model: keras.Model, dataset: Dataset, recipe: Recipe, run: Path, teacher: Teacher | None = None) -> None:
    """Fine-tune the model in place, or go on from run/checkpoint.npz."""
    backbones.freeze(model, recipe.tune.frozen_blocks, statistics=recipe.tune.frozen_statistics)
    trainee = _compiled(model, recipe, taught=teacher is not None)
    per_epoch = steps_per_epoch(dataset, recipe)
    descend(
        "fine-tune",
        trainee,
        dataset,
        recipe,
        checkpoint=run / "checkpoint.npz",
        teacher=teacher,
        judge=lambda state: _judge(state, per_epoch, dataset, recipe),
    )


def descend(
    name: str,
    trainee: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    *,
    checkpoint: Path,
    teacher: Teacher | None,
    judge: Callable[[State], bool] = lambda _: False,
) -> None:
    """Train a compiled model by recipe.tune, or go on from the checkpoint. At the end it has the mean of its weights.

    judge: looks on at every step, and says when it is enough.
    """
    keras.utils.set_random_seed(recipe.seed)
    state = State(trainee, recipe.tune.ema, checkpoint)
    total = steps_per_epoch(dataset, recipe) * len(recipe.tune.sizes)
    loss = math.nan
    with progress(name, total, state.step) as advance:
        for batch in _batches(dataset, recipe, state.step, total, teacher):
            if judge(state):
                break
            _seed_dropout(trainee, recipe.seed, state.step)
            trainee.optimizer.learning_rate = rate_at(state.step, total, recipe.tune)
            new = _train(trainee, batch)
            loss = new if math.isnan(loss) else 0.98 * loss + 0.02 * new
            state.advance()
            advance(1, f"loss {loss:.3f}")
    judge(state)
    state.save()
    state.use_mean()


def _compiled(model: keras.Model, recipe: Recipe, *, taught: bool) -> keras.Model:
    """The model as it is trained: its logits on the labels, or all that the teacher speaks of on labels and teacher."""
    grid = [backbones.grid(model)] if taught and recipe.teaching.grid else []
    trainee = keras.Model(model.input, [*model.outputs, *grid] if taught else model.outputs[0])
    optimizer = keras.optimizers.AdamW(recipe.tune.rate, weight_decay=recipe.tune.weight_decay)
    smoothing = recipe.tune.label_smoothing
    if taught:
        trainee.compile(optimizer, losses(smoothing, recipe.teaching))
    else:
        trainee.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing))
    return trainee


def _train(trainee: keras.Model, batch: Batch) -> float:
    """One step; the loss."""
    if batch.lesson is None:
        return float(trainee.train_on_batch(batch.images, batch.targets, sample_weight=batch.weights))
    targets = batch.lesson.targets(batch.targets)
    weights = [batch.weights, *(np.ones_like(batch.weights) for _ in targets[1:])]
    result = trainee.train_on_batch(batch.images, targets, sample_weight=weights)
    return float(result[0] if isinstance(result, list | tuple) else result)


def plateaued(scores: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` epochs brought nothing better than what was there before; never with 0."""
    return 0 < patience < len(scores) and max(scores[-patience:]) <= max(scores[:-patience])


def _judge(state: State, per_epoch: int, dataset: Dataset, recipe: Recipe) -> bool:
    """After each epoch, the accuracy of the mean weights on the validation part, seen as trained; whether to stop."""
    held = dataset.indices(VALIDATION)
    while len(state.scores) < state.step // per_epoch:
        side = recipe.tune.sizes[len(state.scores)]
        with state.mean_in_place() as model:
            score = accuracy(predict(model, dataset, held, side), dataset.truth[held])
        state.scores.append(score)
        said = f"epoch {len(state.scores)}: {score:.2%} of the validation labels at {side} px"
        print(said, file=sys.stderr, flush=True)
    return plateaued(state.scores, recipe.tune.patience)


def rate_at(step: int, total: int, settings: Tune) -> float:
    """The learning rate: linear warm-up, level, then a half cosine down to zero over the last `decay` of the steps."""
    warm = min(1.0, (step + 1) / (settings.warmup_steps + 1))
    fallen = max(0.0, 1 - (1 - step / total) / settings.decay)
    return settings.rate * warm * 0.5 * (1 + math.cos(math.pi * fallen))


def steps_per_epoch(dataset: Dataset, recipe: Recipe) -> int:
    """Full batches only, but at least one."""
    return max(1, len(dataset.indices(TRAIN)) // recipe.tune.batch)


def make_batch(dataset: Dataset, recipe: Recipe, step: int, weights: NDArray[np.float32], least_px: int = 0) -> Batch:
    """The batch of one step: the same whenever it is asked for. weights: of each label. least_px: of its pictures.

    A share of the pictures is replaced by empty trays, whose target is every label alike: a tray is no thing.
    """
    epoch, place = divmod(step, steps_per_epoch(dataset, recipe))
    order = np.random.default_rng([recipe.seed, epoch]).permutation(dataset.indices(TRAIN))
    chosen = order[place * recipe.tune.batch : (place + 1) * recipe.tune.batch]
    random, side = np.random.default_rng([recipe.seed, 1, step]), max(recipe.tune.sizes[epoch], least_px)
    empty = random.random(len(chosen)) < recipe.tune.empty
    views = [
        empty_tray(side, recipe.augment, random)
        if bare
        else augment(dataset.pictures[int(i)], side, recipe.augment, random)
        for i, bare in zip(chosen, empty, strict=True)
    ]
    count, truth = len(dataset.labels), dataset.truth[chosen]
    targets = np.where(empty[:, None], np.float32(1 / count), np.eye(count, dtype=np.float32)[truth])
    batch = Batch(np.stack(views).astype(np.float32), targets, np.where(empty, np.float32(1), weights[truth]))
    return mix(batch, float(random.beta(recipe.tune.mixup, recipe.tune.mixup)), random) if recipe.tune.mixup else batch


def mix(batch: Batch, share: float, random: np.random.Generator) -> Batch:
    """Every picture and target mixed with another one of the batch (mixup, Zhang et al. 2018)."""
    other, part = random.permutation(len(batch.images)), np.float32(max(share, 1 - share))

    def mixed(own: NDArray[np.float32]) -> NDArray[np.float32]:
        return part * own + (1 - part) * own[other]

    return Batch(mixed(batch.images), mixed(batch.targets), mixed(batch.weights))


def _batches(
    dataset: Dataset, recipe: Recipe, start: int, total: int, teacher: Teacher | None = None
) -> Iterator[Batch]:
    """The batches of the steps start..total; the next ones are made while the current one is trained on."""
    weights = class_weights(dataset.truth[dataset.indices(TRAIN)], len(dataset.labels), recipe.tune.balance)
    per_epoch = steps_per_epoch(dataset, recipe)

    def make(step: int) -> Batch:
        batch = make_batch(dataset, recipe, step, weights, 0 if teacher is None else teacher.size)
        return batch if teacher is None else _taught(batch, teacher, recipe.tune.sizes[step // per_epoch])

    with ThreadPoolExecutor(1) as pool:
        queue = []
        for step in range(start, total + _BATCHES_AHEAD):
            if step < total:
                queue.append(pool.submit(make, step))
            if step >= start + _BATCHES_AHEAD:
                yield queue.pop(0).result()


def _taught(batch: Batch, teacher: Teacher, side: int) -> Batch:
    """With the teacher's word on its pictures, and these as the pupil is shown them."""
    lesson = teacher.teach(batch.images, side)
    small = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in batch.images]
    return replace(batch, images=np.stack(small).astype(np.float32), lesson=lesson)


class State:
    """The step, the weights, their running mean and the optimizer's moments: all that a checkpoint holds."""

    def __init__(self, model: keras.Model, decay: float, path: Path) -> None:
        self._model, self._decay, self._path = model, decay, path
        model.optimizer.build(model.trainable_variables)
        self.step = 0
        self.scores: list[float] = []
        self._mean = [np.array(a) for a in _arrays(model.trainable_variables)]
        self._saved_s = time.monotonic()
        stored = arrays.load(path)
        if stored is not None:
            self._restore(stored)

    def advance(self) -> None:
        """Count one step, take the new weights into the mean, and save now and then."""
        self.step += 1
        # The mean starts as a plain one, else the first weights would weigh too much in a short run.
        share = np.float32(1 - min(self._decay, (1 + self.step) / (10 + self.step)))
        for mean, own in zip(self._mean, _arrays(self._model.trainable_variables), strict=True):
            np.add(mean, share * (own - mean), out=mean)
        if time.monotonic() - self._saved_s > CHECKPOINT_EVERY_S:
            self.save()

    def save(self) -> None:
        weights, moments = _arrays(self._model.trainable_variables), _arrays(self._moments())
        statistics = _arrays(self._statistics())
        groups = {"weight": weights, "mean": self._mean, "moment": moments, "statistic": statistics}
        named = {f"{name}{i:04}": value for name, values in groups.items() for i, value in enumerate(values)}
        arrays.save(self._path, {"step": np.array(self.step), "scores": np.array(self.scores), **named})
        self._saved_s = time.monotonic()

    def use_mean(self) -> None:
        """Put the mean into the model."""
        _assign(self._model.trainable_variables, self._mean)

    @contextmanager
    def mean_in_place(self) -> Iterator[keras.Model]:
        """The model with the mean of its weights, for a look."""
        own = _arrays(self._model.trainable_variables)
        self.use_mean()
        try:
            yield self._model
        finally:
            _assign(self._model.trainable_variables, own)

    def _statistics(self) -> list[Any]:
        """Of the batch normalisations that are not frozen."""
        norms = (layer for layer in self._model.layers if isinstance(layer, keras.layers.BatchNormalization))
        return [v for layer in norms if layer.trainable for v in layer.non_trainable_variables]

    def _moments(self) -> list[Any]:
        # The learning rate is a variable of the optimizer too, but it is set at every step.
        rate = self._model.optimizer.learning_rate
        return [v for v in self._model.optimizer.variables if v is not rate]

    def _restore(self, stored: dict[str, NDArray[Any]]) -> None:
        def group(name: str) -> list[NDArray[Any]]:
            return [stored[key] for key in sorted(stored) if key.startswith(name)]

        self.step, self.scores = int(stored["step"]), stored["scores"].tolist()
        self._mean = [np.array(a) for a in group("mean")]
        _assign(self._model.trainable_variables, group("weight"))
        _assign(self._moments(), group("moment"))
        _assign(self._statistics(), group("statistic"))


def _seed_dropout(model: keras.Model, seed: int, step: int) -> None:
    # Its own generator counts the steps of this process: a resumed run would drop others than an unbroken one.
    for number, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            layer.seed_generator.state.assign([seed + number, step])


def _arrays(variables: Sequence[Any]) -> list[NDArray[Any]]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _assign(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
