"""What flows through a float .tflite file when it sees pictures: what 8-bit scales and corrected biases come from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from convert.measure import Pictures
from convert.tflite import ends, operations
from edge.preprocess import fit
from edge.progress import progress

# Beyond this a sigmoid is 0 or 1 within a tenth of an 8-bit step, and x * sigmoid(x) is 0 or x.
_SIGMOID_END = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """low and high: the least and greatest value met. mean: float64 (channels,), of its last axis."""

    low: float
    high: float
    mean: NDArray[np.float64]
    axes: int


Activations = Mapping[str, Tensor]  # by the tensor's name


def observe(content: bytes, pictures: Pictures) -> Activations:
    """Run the float file on every picture, RGB uint8 of any size."""
    (image,), _ = ends(content)
    seen: dict[str, Tensor] = {}
    with progress("calibrate", len(pictures)) as advance:
        for count, tensors in enumerate(_runs(content, pictures)):
            for name, values in tensors:
                seen[name] = _merged(seen.get(name), values, count)
            advance(1, "")
    # any pixel may come, whatever these pictures showed
    seen[image] = replace(seen[image], low=0.0, high=255.0)
    return _clipped(content, seen)


def interpreter(content: bytes, keep_all: bool = False) -> Any:
    """A LiteRT interpreter on every core this process may use. keep_all: every tensor can be read afterwards."""
    with unwarned():
        made = Interpreter(
            model_content=content,
            num_threads=len(os.sched_getaffinity(0)),
            experimental_preserve_all_tensors=keep_all,
        )
    made.allocate_tensors()
    return made


@contextmanager
def unwarned() -> Iterator[None]:
    """LiteRT warns of the memory that keeping every tensor takes: it is freed again soon."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Warning: Enabling `experimental_preserve_all_tensors`")
        yield


def _runs(content: bytes, pictures: Pictures) -> Iterator[Iterator[tuple[str, NDArray[np.float32]]]]:
    runtime = interpreter(content, keep_all=True)
    (given,) = runtime.get_input_details()
    _, height, width, _ = given["shape"]
    written = {name for op in operations(content) for name in op.outputs} | {given["name"]}
    wanted = [(d["name"], d["index"]) for d in runtime.get_tensor_details() if d["name"] in written]
    for picture in pictures:
        runtime.set_tensor(given["index"], fit(picture(), height, width)[None].astype(np.float32))
        runtime.invoke()
        yield ((name, runtime.get_tensor(index)) for name, index in wanted)


def _merged(known: Tensor | None, values: NDArray[np.float32], count: int) -> Tensor:
    """What is known after `count` pictures, and one more."""
    channels = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    low, high, mean = float(values.min()), float(values.max()), channels.mean(axis=0, dtype=np.float64)
    if known is None:
        return Tensor(low, high, mean, values.ndim)
    return Tensor(
        min(low, known.low), max(high, known.high), known.mean + (mean - known.mean) / (count + 1), values.ndim
    )


def _clipped(content: bytes, seen: dict[str, Tensor]) -> Activations:
    """Without the far ends that a sigmoid makes nothing of: one outlier there would cost all others their precision.

    In a swish, x * sigmoid(x), that is so for what is below; where x goes nowhere but into a sigmoid, on both sides.
    """
    readers: dict[str, list[tuple[str, frozenset[str]]]] = {}
    ops = operations(content)
    sigmoids = {op.inputs[0]: op.outputs[0] for op in ops if op.kind == "LOGISTIC"}
    for op in ops:
        for name in op.inputs:
            readers.setdefault(name, []).append((op.kind, frozenset(op.inputs)))
    for name, sigmoid in sigmoids.items():
        others = [reader for reader in readers[name] if reader[0] != "LOGISTIC"]
        if all(reader == ("MUL", frozenset({name, sigmoid})) for reader in others):
            tensor = seen[name]
            high = tensor.high if others else min(tensor.high, _SIGMOID_END)
            seen[name] = replace(tensor, low=max(tensor.low, -_SIGMOID_END), high=high)
    return seen
