"""The float .tflite file of a Keras model, which every other format is made from, and what is in a .tflite file."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ai_edge_litert import schema_py_generated as schema

if TYPE_CHECKING:
    import keras  # takes seconds, and most who read a file do not need it

# EfficientNetV2S: block1a; Lite2: _blocks.0.; Keras' ResNets: conv2_block1; its MobileNets: block_1.
_BLOCK = re.compile(r"(?:[^\W_]+_)?blocks?[._]?\d+[a-z]?")
_CODES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL")


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. kind: as LiteRT calls it, CONV_2D ...; inputs and outputs: names of tensors, unique in a file."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """Operations that stay together when a part of a network is kept in float: a block, or a layer outside of one.

    outputs: the names of the tensors that they write.
    """

    name: str
    outputs: tuple[str, ...]


def float_file(model: keras.Model, size: int) -> bytes:
    """The model as float32 .tflite file for one image of size x size, RGB 0..255."""
    import tensorflow as tf  # noqa: PLC0415 # takes seconds, and nothing else here needs it

    def serve(image: Any) -> Any:
        return tuple(model(image, training=False))

    shape = tf.TensorSpec((1, size, size, 3), tf.float32, name="image")
    concrete = tf.function(serve).get_concrete_function(shape)
    absl = logging.getLogger("absl")
    level = absl.level
    # without the model as trackable object the weights are frozen into the graph: EfficientNetV2S needs that
    absl.setLevel(logging.ERROR)  # which it calls deprecated
    try:
        return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    finally:
        absl.setLevel(level)


def graph(content: bytes) -> Any:
    """The file's one graph, as LiteRT's generated flatbuffer class."""
    return schema.Model.GetRootAs(content, 0).Subgraphs(0)


def operations(content: bytes) -> tuple[Op, ...]:
    """What a file computes, in order."""
    model = schema.Model.GetRootAs(content, 0)
    subgraph = model.Subgraphs(0)

    def names(indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(subgraph.Tensors(int(i)).Name().decode() for i in indices if i >= 0)

    found = []
    for op in (subgraph.Operators(i) for i in range(subgraph.OperatorsLength())):
        code = model.OperatorCodes(op.OpcodeIndex())
        # the older, one-byte field says 127 where it is too small
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        found.append(Op(_CODES[number], names(op.InputsAsNumpy()), names(op.OutputsAsNumpy())))
    return tuple(found)


def ends(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the tensors that go in and come out."""
    subgraph = graph(content)
    inputs, outputs = subgraph.InputsAsNumpy(), subgraph.OutputsAsNumpy()
    return (
        tuple(subgraph.Tensors(int(i)).Name().decode() for i in inputs),
        tuple(subgraph.Tensors(int(i)).Name().decode() for i in outputs),
    )


def op_counts(content: bytes) -> dict[str, int]:
    """How many operations there are by kind and type of what they answer ("CONV_2D int8"), the most frequent first."""
    subgraph = graph(content)
    types = {v: k.lower() for k, v in vars(schema.TensorType).items() if not k.startswith("_")}
    tensors = (subgraph.Tensors(i) for i in range(subgraph.TensorsLength()))
    kinds = {tensor.Name().decode(): types[tensor.Type()] for tensor in tensors}
    return dict(Counter(f"{op.kind} {kinds[op.outputs[0]]}" for op in operations(content)).most_common())


def units(content: bytes) -> tuple[Unit, ...]:
    """The units of a float file, in order. An operation without weights belongs to the unit before it."""
    grouped: dict[str, list[str]] = {}
    current = "input"
    for op in operations(content):
        block = _BLOCK.search(op.outputs[0])
        if block is not None:
            current = block.group().lstrip("_")
        elif op.kind in WEIGHTED:
            current = _layer(op.outputs[0])
        grouped.setdefault(current, []).extend(op.outputs)
    return tuple(Unit(name, tuple(outputs)) for name, outputs in grouped.items())


def _layer(tensor: str) -> str:
    """Keras' name of the layer with weights that a tensor comes from.

    Of "model_1/relu_1/Relu;model_1/stem_conv_1/convolution" it is stem_conv. What is an output has lost its name.
    """
    parts = [part.split("/") for part in tensor.split(";")]
    named = [part for part in parts if len(part) > 1]
    weighted = [part for part in named if part[-1].lower().startswith(("conv", "depthwise", "matmul"))]
    return re.sub(r"_\d+$", "", (weighted or named)[0][-2]).lstrip("_") if named else "logits"
