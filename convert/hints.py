"""The early stages of an EfficientNetV2S learn to give the maps that a Lite2's later blocks were made for.

Its later ones come from the Lite2 itself (convert/inherit.py), so nothing else has to be learned before the whole
network works. A map says something of every place on every picture: hours of learning from answers alone become
minutes (FitNets, Romero et al. 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from convert import arrays
from convert.data import Dataset
from convert.distill import Loss, load_teacher, order_of
from convert.errors import RecipeError
from convert.inherit import inherit, tap
from convert.recipe import Recipe
from convert.run import labels_of
from convert.split import TRAIN
from convert.tune import descend
from edge.preprocess import fit

Array = NDArray[np.float32]

_STRIDES_PX = (4, 8)
_FITTED_ON = 96  # pictures for the fits of inherit()
_SIDE_PX = 128


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """What the teacher makes of a batch: float32 (n, h, w, c) for each stride."""

    maps: list[Array]

    def targets(self, truth: Array) -> list[Array]:
        """The maps; the labels are not asked for."""
        return self.maps


class MapTeacher:
    """A Lite2's maps of 4 and 8 px a place."""

    size = 0

    def __init__(self, model: keras.Model) -> None:
        self.model = keras.Model(model.input, [tap(model, stride) for stride in _STRIDES_PX])

    def teach(self, images: Array, side: int) -> Maps:
        return Maps([np.asarray(m, dtype=np.float32) for m in self.model.predict_on_batch(images)])


def begin(model: keras.Model, teacher: Path | None, dataset: Dataset, recipe: Recipe, run: Path) -> None:
    """Give the V2S [logits, embedding] what the teacher knows, or what run/inherited.npz holds of an earlier call.

    Raises RecipeError: no teacher, or not one of the same labels and whose blocks fit.
    """
    if not recipe.inherit.sizes:
        return
    stored = arrays.load(run / "inherited.npz")
    if stored is None:
        (master, order), pictures = _load(teacher, dataset.labels), _pictures(dataset, recipe.seed)
        inherit(model, master, pictures, order)
        feeding = MapTeacher(master)
        early, head = _early(model, feeding.teach(pictures, _SIDE_PX).maps, recipe)
        plan = recipe.model_copy(update={"tune": recipe.inherit})
        descend("early stages", early, dataset, plan, checkpoint=run / "early.npz", teacher=feeding)
        merge(model, head)
        stored = {f"weight{i:04}": value for i, value in enumerate(model.get_weights())}
        arrays.save(run / "inherited.npz", stored)
    model.set_weights(list(stored.values()))


def _load(teacher: Path | None, labels: Sequence[str]) -> tuple[keras.Model, list[int]]:
    """The teacher, and where each of the labels is among its own."""
    if teacher is None or teacher.suffix != ".keras":
        raise RecipeError("[inherit]: needs --teacher RUN/model.keras, of a trained efficientnet-lite2.")
    master = load_teacher(teacher)
    return master, order_of(teacher, labels_of(teacher) or labels, labels)


def _pictures(dataset: Dataset, seed: int) -> Array:
    chosen = np.random.default_rng(seed).permutation(dataset.indices(TRAIN))[:_FITTED_ON]
    return np.stack([fit(dataset.pictures[int(i)], _SIDE_PX, _SIDE_PX) for i in chosen]).astype(np.float32)


def _early(model: keras.Model, maps: list[Array], recipe: Recipe) -> tuple[keras.Model, layers.Conv2D]:
    """The early stages with a linear layer to each of the teacher's maps, compiled; the last of these layers."""
    heads = [layers.Conv2D(m.shape[-1], 1, name=f"map{stride}") for m, stride in zip(maps, _STRIDES_PX, strict=True)]
    taps = [tap(model, stride) for stride in _STRIDES_PX]
    early = keras.Model(model.input, [head(x) for head, x in zip(heads, taps, strict=True)])
    optimizer = keras.optimizers.AdamW(recipe.inherit.rate, weight_decay=recipe.inherit.weight_decay)
    early.compile(optimizer, [_gap(m) for m in maps])
    return early, heads[-1]


def _gap(maps: Array) -> Loss:
    """The squared distance to a map, each channel measured by how much it varies in these."""
    variance = maps.var(axis=(0, 1, 2)) + np.float32(1e-3)

    def loss(wanted: Any, own: Any) -> Any:
        return ops.mean(ops.square(own - wanted) / variance, axis=(1, 2, 3))

    return loss


def merge(model: keras.Model, head: layers.Conv2D) -> None:
    """Let stage 4 read the early stages themselves instead of the map that the head makes of them."""
    (to_map, bias), convolution = head.get_weights(), model.get_layer("block4a_expand_conv")
    (kernel,) = convolution.get_weights()
    from_map = kernel[0, 0, : to_map.shape[3]]
    convolution.set_weights([(to_map[0, 0] @ from_map)[None, None]])
    norm = model.get_layer("block4a_expand_bn")
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta, mean - bias @ from_map, variance])
