"""The classifier on LiteRT (ai-edge-litert), or on tflite-runtime where LiteRT is not installed."""

from __future__ import annotations

import importlib
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import preprocess
from edge.adapters.native_stderr import without_lines
from edge.errors import ModelError
from edge.manifest import FILE_NAME, Manifest, load_with_content
from edge.model import Pixels, Prediction

_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
_IDENTIFIER = b"TFL3"
# Of no use to anybody, and there is neither an environment variable nor an option that keeps it from being said.
_CHATTER = b"INFO: Created TensorFlow Lite XNNPACK delegate"
_PACKAGE_AGAIN = (
    f"{FILE_NAME} and the model file do not belong together: package the model again, or copy its whole folder"
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output as the file describes it. scale is 0 where the values are not quantised."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @staticmethod
    def of(details: dict[str, Any]) -> Tensor:
        scale, zero_point = details["quantization"]
        shape = tuple(int(n) for n in details["shape"])
        return Tensor(int(details["index"]), shape, np.dtype(details["dtype"]), float(scale), int(zero_point))


class LiteRtClassifier:
    """A Classifier. The model is read and checked at start, kept in memory, and has run once before the first item.

    threads: 0 takes every core this process may use. clock gives seconds. Raises ModelError when the folder, model.json
    and the model file do not fit each other. Safe to call from several threads: one picture at a time.
    """

    def __init__(
        self,
        folder: Path,
        threads: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.manifest, content = load_with_content(folder)
        self._path = folder / self.manifest.file
        self._clock = clock
        self._lock = threading.Lock()
        self._interpreter: Any = _interpreter(content, threads, self._path)
        self._input, self._logits, self._embedding = _checked_tensors(self._interpreter, self.manifest, self._path)
        self._warm_up()

    def classify(self, rgb: Pixels) -> Prediction:
        """rgb: uint8 (height, width, 3) of any size, already cut to the item. Raises ModelError."""
        started = self._clock()
        item = preprocess.fit(rgb, self.manifest.input.height, self.manifest.input.width)
        tensor = preprocess.quantize(item, self._input.scale, self._input.zero_point, self._input.dtype)
        with self._lock:
            logits, embedding = self._run(tensor[np.newaxis])
        return Prediction(logits, embedding, inference_ms=(self._clock() - started) * 1000)

    @property
    def features(self) -> int | None:
        """How many numbers the embedding has; None where the model gives none."""
        return None if self._embedding is None else math.prod(self._embedding.shape)

    def close(self) -> None:
        """Free the interpreter."""
        with self._lock:
            self._interpreter = None

    def _run(self, tensor: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        if self._interpreter is None:
            raise ModelError(f"{self._path}: the classifier was closed.")
        try:
            self._interpreter.set_tensor(self._input.index, tensor)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self._path}: the model cannot be run ({error}). {_PACKAGE_AGAIN}.") from error
        return self._real(self._logits), None if self._embedding is None else self._real(self._embedding)

    def _real(self, tensor: Tensor) -> NDArray[np.float32]:
        values = self._interpreter.get_tensor(tensor.index).reshape(-1)
        real = preprocess.dequantize(values, tensor.scale, tensor.zero_point)
        if not np.isfinite(real).all():
            raise ModelError(f"{self._path}: the model answers NaN or infinity: it is damaged or was converted badly.")
        return real

    def _warm_up(self) -> None:
        self.classify(np.zeros((self.manifest.input.height, self.manifest.input.width, 3), np.uint8))


def describe(content: bytes, path: Path) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs and outputs of a .tflite file, in their order; path is what to call it. Raises ModelError."""
    return _tensors(_interpreter(content, 1, path))


def _tensors(interpreter: Any) -> tuple[list[Tensor], list[Tensor]]:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return [Tensor.of(details) for details in inputs], [Tensor.of(details) for details in outputs]


def _runtime() -> Any:
    for name in _RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except ImportError:
            continue
    raise ModelError("No TensorFlow Lite runtime is installed: `pip install ai-edge-litert`.")


def _interpreter(content: bytes, threads: int, path: Path) -> Any:
    # Said here because the runtime's own words do not name the mistake: model.json may carry the sha256 of any file.
    if content[4:8] != _IDENTIFIER:
        raise ModelError(f"{path}: not a TensorFlow Lite model (no {_IDENTIFIER.decode()} mark). {_PACKAGE_AGAIN}.")
    try:
        with without_lines(_CHATTER):
            interpreter = _runtime()(model_content=content, num_threads=threads or len(os.sched_getaffinity(0)))
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{path}: cannot be loaded ({error}). Damaged, or made for a newer runtime: upgrade ai-edge-litert."
        ) from error
    return interpreter


def _checked_tensors(interpreter: Any, manifest: Manifest, path: Path) -> tuple[Tensor, Tensor, Tensor | None]:
    """The input, the logits and the embedding, once they are known to be what model.json says."""
    inputs, outputs = _tensors(interpreter)
    expected = manifest.input
    _expect(path, "number of inputs", 1, len(inputs))
    _expect(path, "input shape", (1, expected.height, expected.width, 3), inputs[0].shape)
    _expect(path, "input type", expected.dtype, inputs[0].dtype.name)
    logits = _output(path, "logits", manifest.outputs.logits, outputs)
    _expect(path, "number of labels (width of the logits)", (1, len(manifest.labels)), logits.shape)
    if manifest.outputs.embedding is None:
        return inputs[0], logits, None
    embedding = _output(path, "embedding", manifest.outputs.embedding, outputs)
    _expect(path, "outputs.embedding (an output other than the logits)", True, embedding != logits)
    return inputs[0], logits, embedding


def _output(path: Path, name: str, index: int, outputs: Sequence[Tensor]) -> Tensor:
    if index >= len(outputs):
        raise ModelError(
            f"{path}: outputs.{name} is {index} in {FILE_NAME}, but the file has {len(outputs)} outputs, counted "
            f"from 0. {_PACKAGE_AGAIN}."
        )
    return outputs[index]


def _expect(path: Path, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise ModelError(f"{path}: {what}: {FILE_NAME} says {expected}, the file has {found}. {_PACKAGE_AGAIN}.")
