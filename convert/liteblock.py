"""One block of an EfficientNet-Lite2 as plain arrays, and what its parts are given for real pictures."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float32]

_RIDGE = 1e-3  # of the mean variance
_LEAST_RIDGE = 1e-6  # so that a channel that is always 0 has an answer too
_CHANNELS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class LiteBlock:
    """Norms folded in: what each convolution multiplies with, and adds.

    expand: (in, inner). depthwise: (k, k, inner). project: (inner, out). source, expanded, inner: float32 (n, h, w, c),
    what they were given.
    """

    expand: Array
    expand_bias: Array
    depthwise: Array
    depthwise_bias: Array
    stride: int
    project: Array
    project_bias: Array
    source: Array
    expanded: Array
    inner: Array

    def importance(self) -> Array:
        """(inner,): how much each inner channel moves what comes out."""
        return np.asarray(self.inner.std((0, 1, 2)) * np.linalg.norm(self.project, axis=1), dtype=np.float32)

    def small_depthwise(self) -> tuple[Array, Array]:
        """The 3 x 3 kernels (3, 3, inner) and biases (inner,) that answer most like this block's: least squares."""
        if len(self.depthwise) == 3:
            return self.depthwise, self.depthwise_bias
        kernels, biases = [], []
        for start in range(0, self.depthwise.shape[2], _CHANNELS_AT_ONCE):
            part = slice(start, start + _CHANNELS_AT_ONCE)
            kernel = self.depthwise[:, :, part]
            wide = _patches(self.expanded[..., part], len(kernel), self.stride)
            answer = np.einsum("cpk,kc->cp", wide, kernel.reshape(-1, kernel.shape[2]))
            small, offset = _regress(_patches(self.expanded[..., part], 3, self.stride), answer)
            kernels.append(small.T.reshape(3, 3, -1))
            biases.append(offset + self.depthwise_bias[part])
        return np.concatenate(kernels, axis=2), np.concatenate(biases)


def read_blocks(model: keras.Model, numbers: range, pictures: Array) -> dict[int, LiteBlock]:
    """These blocks of an EfficientNet-Lite2. pictures: float32 (n, h, w, 3), RGB 0..255. Raises ValueError: no such."""
    parts = ("expand", "depthwise", "project")
    convolutions = [model.get_layer(f"_blocks.{i}._{part}_conv") for i in numbers for part in parts]
    given = keras.Model(model.input, [layer.input for layer in convolutions])(pictures, training=False)
    inputs = [np.asarray(a, dtype=np.float32) for a in given]
    blocks = {}
    for place, i in enumerate(numbers):
        layers = convolutions[3 * place : 3 * place + 3]
        norms = [model.get_layer(f"_blocks.{i}._bn{n}") for n in range(3)]
        (expand, a), (depthwise, b), (project, c) = (folded(x, y) for x, y in zip(layers, norms, strict=True))
        stride = int(layers[1].strides[0])
        blocks[i] = LiteBlock(expand[0, 0], a, depthwise[..., 0], b, stride, project[0, 0], c, *inputs[3 * place :][:3])
    return blocks


def folded(convolution: keras.layers.Layer, norm: keras.layers.BatchNormalization) -> tuple[Array, Array]:
    """The kernel, in Keras' order, and the bias of a convolution that does what both layers do."""
    kernel, (gamma, beta, mean, variance) = convolution.get_weights()[0], norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    return kernel * (scale[:, None] if depthwise else scale), beta - mean * scale


def regress(given: Array, wanted: Array) -> Array:
    """(a, b): what maps centred float32 (n, a) to centred (n, b) with the least squared error, by ridge regression."""
    covariance = given.T @ given
    ridge = _RIDGE * np.trace(covariance) / len(covariance) + _LEAST_RIDGE
    covariance += ridge * np.eye(len(covariance), dtype=np.float32)
    return np.asarray(np.linalg.solve(covariance, given.T @ wanted), dtype=np.float32)


def _regress(patches: Array, answer: Array) -> tuple[Array, Array]:
    """For each channel: weights (c, k) and offset (c,) from patches (c, p, k) to answer (c, p)."""
    middle, level = patches.mean(axis=1, keepdims=True), answer.mean(axis=1, keepdims=True)
    weights = np.stack([regress(p, a[:, None])[:, 0] for p, a in zip(patches - middle, answer - level, strict=True)])
    return weights, level[:, 0] - (middle[:, 0] * weights).sum(axis=1)


def _patches(maps: Array, kernel: int, stride: int) -> Array:
    """float32 (n, h, w, c) as (c, n * h' * w', kernel * kernel): what a convolution with padding "same" is given."""
    pads = [_padding(length, kernel, stride) for length in maps.shape[1:3]]
    padded = np.pad(maps, ((0, 0), *pads, (0, 0)))
    windows = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return np.ascontiguousarray(windows.transpose(3, 0, 1, 2, 4, 5)).reshape(maps.shape[3], -1, kernel * kernel)


def _padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    spare = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return spare // 2, spare - spare // 2
