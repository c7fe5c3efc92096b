"""A small network of the kind that 8 bits break: swish, squeeze-and-excitation, and one channel of huge values.

It tells made-up pictures apart by their colours; its head is fitted, not trained.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

SIZE_PX = 32
_CHANNELS = 16


def fragile(pictures: NDArray[np.float32], truth: NDArray[np.int64], labels: int, huge: float = 0.0) -> Any:
    """A model with outputs [logits, embedding]. huge: a value that one channel of block2a always has, and none reads.

    pictures: float32 (n, SIZE_PX, SIZE_PX, 3), to fit the head on.
    """
    keras.utils.set_random_seed(1)
    image = keras.Input((SIZE_PX, SIZE_PX, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-1, name="rescaling")(image)
    x = layers.Conv2D(_CHANNELS, 3, 2, "same", activation="silu", name="stem_conv")(x)
    x = _block(x, "block1a")
    x = _block(x, "block2a", residual=False)
    x = _block(x, "block2b")
    embedding = layers.GlobalAveragePooling2D(name="embedding")(x)
    model = keras.Model(image, [layers.Dense(labels, name="logits")(embedding), embedding], name="fragile")
    if huge:
        _make_huge(model, huge)
    features = model.predict_on_batch(pictures)[1]
    wanted = 6 * np.eye(labels)[truth]
    kernel, *_ = np.linalg.lstsq(np.column_stack([features, np.ones(len(features))]), wanted, rcond=0.01)
    model.get_layer("logits").set_weights([kernel[:-1], kernel[-1]])
    return model


def _block(x: Any, name: str, residual: bool = True) -> Any:
    y = layers.Conv2D(4 * _CHANNELS, 1, activation="silu", name=f"{name}_expand")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="silu", name=f"{name}_dwconv")(y)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_squeeze")(y)
    squeezed = layers.Conv2D(4 * _CHANNELS, 1, activation="sigmoid", name=f"{name}_se_excite")(squeezed)
    y = layers.Multiply(name=f"{name}_se_mul")([y, squeezed])
    # without training, values would fade from layer to layer
    lively = keras.initializers.RandomNormal(stddev=4.0, seed=2)
    y = layers.Conv2D(_CHANNELS, 1, kernel_initializer=lively, name=f"{name}_project")(y)
    return layers.Add(name=f"{name}_add")([x, y]) if residual else y


def _make_huge(model: Any, value: float) -> None:
    expand, depthwise, excite, project = (
        model.get_layer(f"block2a_{part}") for part in ("expand", "dwconv", "se_excite", "project")
    )
    kernel, bias = expand.get_weights()
    bias[0] = value
    expand.set_weights([kernel, bias])
    kernel, bias = depthwise.get_weights()
    kernel[:, :, 0] = 1 / 9
    depthwise.set_weights([kernel, bias])
    for reader in (excite, project):
        kernel, bias = reader.get_weights()
        kernel[:, :, 0] = 0
        reader.set_weights([kernel, bias])
