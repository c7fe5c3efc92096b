"""A model of a few kB that names the colour of a picture, so that tests need neither training nor TensorFlow.

Average over the quarters of the picture (the embedding, 12 numbers), then one dense layer whose answer is greatest for
the nearest of ten colours. Written with LiteRT's own flatbuffer classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import flatbuffers  # type: ignore[import-untyped] # ships no types
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge import manifest

Colour: TypeAlias = tuple[int, int, int]
COLOURS: dict[str, Colour] = {
    "battery": (255, 0, 0),
    "biological": (0, 255, 0),
    "cardboard": (255, 128, 0),
    "clothes": (255, 0, 255),
    "glass": (0, 255, 255),
    "metal": (128, 128, 128),
    "paper": (255, 255, 255),
    "plastic": (0, 0, 255),
    "shoes": (255, 255, 0),
    "trash": (0, 0, 0),
}
SIDE_PX = 32
_CELLS = 4
_STEEPNESS = 0.0006
_TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
}


def write_tiny_model(folder: Path, dtype: str = "int8", *, nan: bool = False, **changes: Any) -> Path:
    """A model folder. dtype: int8 or float32; nan: it answers NaN; changes: fields of model.json that shall differ."""
    folder.mkdir(parents=True, exist_ok=True)
    content = tiny_tflite(dtype, nan=nan)
    (folder / "model.tflite").write_bytes(content)
    fields: dict[str, Any] = {
        "name": "tiny-colours",
        "version": "1.0.0",
        "created": "2026-11-24T00:00:00Z",
        "backbone": "none",
        "sha256": hashlib.sha256(content).hexdigest(),
        "labels": tuple(COLOURS),
        "input": manifest.Input(height=SIDE_PX, width=SIDE_PX, dtype=dtype),  # type: ignore[arg-type] # checked there
        "outputs": manifest.Outputs(logits=0, embedding=1),
        "licence": "Apache-2.0",
    }
    (folder / manifest.FILE_NAME).write_text(manifest.dump(manifest.Manifest(**{**fields, **changes})))
    return folder


def tiny_tflite(dtype: str = "int8", *, nan: bool = False, palette: Mapping[str, Colour] = COLOURS) -> bytes:
    """The .tflite file. palette: the colours it tells apart."""
    colours = np.array(list(palette.values()), dtype=np.float64)
    weights = np.tile(2 * _STEEPNESS * colours / _CELLS, (1, _CELLS))
    bias = -_STEEPNESS * (colours**2).sum(axis=1)
    writer = _Writer(dtype, nan)
    image = writer.activation("image", [1, SIDE_PX, SIDE_PX, 3], 1.0, -128)
    pooled = writer.activation("pooled", [1, 2, 2, 3], 1.0, -128)
    embedding = writer.activation("embedding", [1, 12], 1.0, -128)
    logits = writer.activation("logits", [1, len(colours)], 0.8, 0)
    writer.pool(image, pooled)
    writer.reshape(pooled, embedding)
    writer.dense(embedding, weights, bias, logits)
    return writer.finish([image], [logits, embedding])


class _Writer:
    """Collects tensors and operators. One instance a file."""

    def __init__(self, dtype: str, nan: bool) -> None:
        self._dtype = dtype
        self._nan = nan
        self._buffers = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[Any] = []

    def activation(self, name: str, shape: list[int], scale: float, zero_point: int) -> int:
        return self._tensor(name, shape, self._dtype, 0, None if self._dtype == "float32" else (scale, zero_point))

    def pool(self, source: int, target: int) -> None:
        options = schema.Pool2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideW = options.strideH = options.filterWidth = options.filterHeight = SIDE_PX // 2
        self._operator("AVERAGE_POOL_2D", 2, options, [source], target)

    def reshape(self, source: int, target: int) -> None:
        options = schema.ReshapeOptionsT()
        options.newShape = [1, 12]
        shape = self._constant("shape", np.array([1, 12], np.int32), None)
        self._operator("RESHAPE", 1, options, [source, shape], target)

    def dense(self, source: int, weights: np.ndarray[Any, Any], bias: np.ndarray[Any, Any], target: int) -> None:
        if self._dtype == "float32":
            factor = np.float32("nan" if self._nan else 1)
            kernel = self._constant("weights", weights.astype(np.float32) * factor, None)
            offset = self._constant("bias", bias.astype(np.float32), None)
        else:
            scale = float(np.abs(weights).max() / 127)
            kernel = self._constant("weights", np.rint(weights / scale).astype(np.int8), (scale, 0))
            offset = self._constant("bias", np.rint(bias / scale).astype(np.int32), (scale, 0))
        options = schema.FullyConnectedOptionsT()
        self._operator("FULLY_CONNECTED", 4, options, [source, kernel, offset], target)

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self._tensors, self._operators, inputs, outputs
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self._buffers, self._codes
        builder = flatbuffers.Builder(4096)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _constant(self, name: str, values: np.ndarray[Any, Any], scaling: tuple[float, int] | None) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._buffers.append(buffer)
        return self._tensor(name, list(values.shape), values.dtype.name, len(self._buffers) - 1, scaling)

    def _tensor(self, name: str, shape: list[int], dtype: str, buffer: int, scaling: tuple[float, int] | None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), shape, _TYPES[dtype], buffer
        if scaling is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scaling[0]], [scaling[1]]
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _operator(self, name: str, version: int, options: Any, sources: list[int], target: int) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = version
        self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._codes) - 1
        operator.inputs, operator.outputs = sources, [target]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        operator.builtinOptions = options
        self._operators.append(operator)
