"""The formats of a .tflite file, each made from the float file by LiteRT's quantizer.

float32    as trained                              float16   half-size weights, float arithmetic
dynamic    8-bit weights, activations rounded to 8 bits as they come, scales found anew for each picture
int8       8 bits throughout, scales from calibration; the image comes in as bytes
selective  int8, with the units that suffer kept in float arithmetic (their weights stay in 8 bits)
int16x8    8-bit weights, 16-bit activations: exact, but without fast kernels in LiteRT
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from litert_quantizer import algorithm_manager, qtyping, quantizer

from convert.activations import Activations, unwarned
from convert.biases import corrected
from convert.tflite import WEIGHTED, ends, operations

FORMATS = ("float32", "float16", "dynamic", "int8", "selective", "int16x8")
CALIBRATED = ("int8", "selective", "int16x8")

_ALL, _INPUT, _OUTPUT = (getattr(qtyping.TFLOperationName, name) for name in ("ALL_SUPPORTED", "INPUT", "OUTPUT"))
_NOT = algorithm_manager.AlgorithmName.NO_QUANTIZE


def encode(content: bytes, form: str, activations: Activations, keep: Iterable[str] = ()) -> bytes:
    """The float file in another format, outputs in float32.

    form: one of FORMATS. activations: of the float file, for those in CALIBRATED; where they are given they correct the
    biases of every format with 8-bit weights. keep: tensors whose operations stay in float, for "selective".
    """
    if form == "float32":
        return content
    if form == "float16":
        return _quantized(content, {}, _float16)
    recipes = {"dynamic": _dynamic, "int16x8": _int16x8}
    recipe = recipes.get(form) or (lambda recipe: _int8(recipe, content, tuple(keep)))
    return _quantized(corrected(content, activations), activations, recipe)


def encode_only(content: bytes, activations: Activations, outputs: Iterable[str]) -> bytes:
    """The float file with nothing in 8 bits but the operations that write these tensors."""

    def recipe(made: quantizer.Quantizer) -> None:
        made.add_static_config(_exactly(outputs), _ALL, 8, 8)
        for end in (_INPUT, _OUTPUT):
            made.update_quantization_recipe(".*", end, algorithm_key=_NOT)
        _float_head(made, content)

    return _quantized(content, activations, recipe)


def _float16(recipe: quantizer.Quantizer) -> None:
    casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
    recipe.add_weight_only_config(".*", _ALL, 16, algorithm_key=casting)


def _dynamic(recipe: quantizer.Quantizer) -> None:
    recipe.add_dynamic_config(".*", _ALL, 8)
    # XNNPACK has no such depthwise kernel, and what LiteRT falls back to is slower than float
    recipe.add_weight_only_config(".*", qtyping.TFLOperationName.DEPTHWISE_CONV_2D, 8)


def _int16x8(recipe: quantizer.Quantizer) -> None:
    recipe.add_static_config(".*", _ALL, 16, 8)
    for kind in (_INPUT, _OUTPUT, qtyping.TFLOperationName.FULLY_CONNECTED):
        recipe.update_quantization_recipe(".*", kind, algorithm_key=_NOT)


def _int8(recipe: quantizer.Quantizer, content: bytes, keep: Sequence[str]) -> None:
    recipe.add_static_config(".*", _ALL, 8, 8)
    if keep:
        recipe.update_quantization_recipe(_exactly(keep), _ALL, algorithm_key=_NOT)
        for kind in sorted(_kinds(content, keep) & set(WEIGHTED)):
            recipe.add_weight_only_config(_exactly(keep), qtyping.TFLOperationName(kind), 8)
    recipe.update_quantization_recipe(".*", _INPUT, _BYTES)
    recipe.update_quantization_recipe(".*", _OUTPUT, algorithm_key=_NOT)
    _float_head(recipe, content)


# The image as it is: unsigned bytes.
_BYTES = qtyping.OpQuantizationConfig(
    activation_tensor_config=qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=False, dtype=qtyping.TensorDataType.UINT
    ),
    weight_tensor_config=qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
    ),
    compute_precision=qtyping.ComputePrecision.INTEGER,
)


def _float_head(recipe: quantizer.Quantizer, content: bytes) -> None:
    """Keep what turns the embedding into logits in float: the embedding is an output, and those are in float."""
    _, outputs = ends(content)
    heads = [op.outputs[0] for op in operations(content) if op.outputs[0] in outputs and set(op.inputs) & set(outputs)]
    if heads:
        recipe.update_quantization_recipe(_exactly(heads), _ALL, algorithm_key=_NOT)


def _kinds(content: bytes, outputs: Sequence[str]) -> set[str]:
    return {op.kind for op in operations(content) if op.outputs[0] in set(outputs)}


def _exactly(tensors: Iterable[str]) -> str:
    """The pattern of the operations that write these tensors: the quantizer names one by its outputs, each with a ;"""
    return f"^(?:{'|'.join(map(re.escape, tensors))});$"


def _quantized(content: bytes, activations: Activations, recipe: Callable[[quantizer.Quantizer], None]) -> bytes:
    made = quantizer.Quantizer(bytearray(content))
    recipe(made)
    ranges: dict[str, Any] | None = None
    if made.need_calibration:
        ranges = {
            name: {"min": _shaped(t.low, t.axes), "max": _shaped(t.high, t.axes)} for name, t in activations.items()
        }
    # it draws a progress bar of its own on stderr, which takes a second at most
    with unwarned(), contextlib.redirect_stderr(io.StringIO()):
        return bytes(made.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)


def _shaped(value: float, axes: int) -> Any:
    return np.full((1,) * axes, value, np.float32)
