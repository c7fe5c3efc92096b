"""Bias correction: rounded weights shift what a layer answers on average, and its bias can take that back.

After Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction (2019), section 4.2, with
means met on pictures in place of those told by batch normalisation. Costs nothing when the model runs.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from convert.activations import Activations

_LEVELS = 127  # 8-bit weights are symmetric


def corrected(content: bytes, activations: Activations) -> bytes:
    """The float file with biases for 8-bit weights. Only a file that will have those should be made of it."""
    changed = bytearray(content)
    model = schema.Model.GetRootAs(changed, 0)
    subgraph = model.Subgraphs(0)
    ops = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
    # equal constants may be one tensor
    uses = Counter(int(i) for op in ops for i in op.InputsAsNumpy())
    for op in ops:
        code = model.OperatorCodes(op.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = [int(i) for i in op.InputsAsNumpy()]
        if kind not in _SHIFTS or len(inputs) < 3 or inputs[2] < 0 or uses[inputs[2]] > 1:
            continue
        weights, bias = (_constant(model, subgraph.Tensors(i)) for i in inputs[1:3])
        mean = activations.get(subgraph.Tensors(inputs[0]).Name().decode())
        if weights is not None and bias is not None and mean is not None:
            bias -= _SHIFTS[kind](weights, mean.mean).astype(np.float32)
    return bytes(changed)


def _constant(model: Any, tensor: Any) -> NDArray[np.float32] | None:
    """The values of a constant as a view: writing to it changes the file. None for anything else."""
    values = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(values, int) or tensor.Type() != schema.TensorType.FLOAT32:
        return None
    return np.asarray(values.view(np.float32).reshape(tensor.ShapeAsNumpy()))


def _lost(weights: NDArray[np.float32], channel_axis: int) -> NDArray[np.float32]:
    """What rounding to 8 bits, with one scale a channel, does to the weights."""
    axes = tuple(axis for axis in range(weights.ndim) if axis != channel_axis)
    scale = np.abs(weights).max(axis=axes, keepdims=True) / _LEVELS
    scale[scale == 0] = 1
    return np.asarray(np.rint(weights / scale) * scale - weights)


def _dense_shift(weights: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of weights (out, ..., in): float64 (out,)."""
    lost = _lost(weights, 0)
    if lost.shape[-1] != len(mean):
        return np.zeros(len(lost))  # groups, or features laid out in another way: left as it is
    return np.asarray(lost.reshape(len(lost), -1, lost.shape[-1]).sum(axis=1) @ mean)


def _depthwise_shift(weights: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of weights (1, height, width, channels): float64 (channels,)."""
    lost = _lost(weights, weights.ndim - 1).sum(axis=(0, 1, 2))
    return np.asarray(lost * np.repeat(mean, len(lost) // len(mean)))


_SHIFTS = {
    schema.BuiltinOperator.CONV_2D: _dense_shift,
    schema.BuiltinOperator.FULLY_CONNECTED: _dense_shift,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: _depthwise_shift,
}
