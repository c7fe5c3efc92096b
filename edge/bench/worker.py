"""One runtime with one model in a process of its own, so that its memory and its imports are its own.

    python worker.py RUNTIME FILE THREADS

Runs in any Python that has numpy and the runtime, without the rest of this package: tflite-runtime needs a numpy that
nothing else here works with. One JSON object a line on stdin, one back on stdout:

    -> version of the runtime; what the model takes: shape, dtype, scale, zero_point (shape and dtype null where the
       runtime does not tell)
    {"tensor": FILE.npy}     -> load_s: from before the import to the first answer; memory_mb; the answers, flat
    {"runs": N}              -> ms: N times, after one that is not counted; memory_mb

An error ends the process; what the runtime said is on stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = list[NDArray[Any]]


@dataclass(frozen=True)
class Opened:
    """A model that is ready. run: the input tensor to the outputs; the rest as in the module's docstring."""

    run: Callable[[NDArray[Any]], Tensors]
    version: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    scale: float = 0.0
    zero_point: int = 0


Open = Callable[[Path, int], Opened]


def main(openers: Mapping[str, Open]) -> None:
    """Serve until stdin ends."""
    runtime, path, threads = sys.argv[1:]
    # Runtimes greet on stdout too, which is the parent's line: theirs goes to stderr.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    before_mb, started_s = _resident_mb(), time.perf_counter()
    model = openers[runtime](Path(path), int(threads))
    opening_s = time.perf_counter() - started_s
    print(json.dumps({key: value for key, value in vars(model).items() if key != "run"}), file=replies)
    tensor: NDArray[Any] = np.zeros(0)
    for line in sys.stdin:
        request = json.loads(line)
        reply: dict[str, Any] = {}
        if "tensor" in request:
            tensor = np.load(request["tensor"])
            started_s = time.perf_counter()
            answers = model.run(tensor)
            reply["load_s"] = opening_s + time.perf_counter() - started_s
            reply["answers"] = [np.ravel(answer).astype(float).tolist() for answer in answers]
        else:
            reply["ms"] = _times_ms(model.run, tensor, request["runs"])
        reply["memory_mb"] = _resident_mb() - before_mb
        print(json.dumps(reply), file=replies)


def _times_ms(run: Callable[[NDArray[Any]], Tensors], tensor: NDArray[Any], runs: int) -> list[float]:
    run(tensor)  # the others were here meanwhile: the caches are theirs
    times = []
    for _ in range(runs):
        started_s = time.perf_counter()
        run(tensor)
        times.append((time.perf_counter() - started_s) * 1000)
    return times


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _litert(path: Path, threads: int) -> Opened:
    return _tflite("ai_edge_litert", path, threads)


def _tflite_runtime(path: Path, threads: int) -> Opened:
    return _tflite("tflite_runtime", path, threads)


def _tflite(package: str, path: Path, threads: int) -> Opened:
    runtime = importlib.import_module(f"{package}.interpreter")
    interpreter = runtime.Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    outputs = [output["index"] for output in interpreter.get_output_details()]

    def run(tensor: NDArray[Any]) -> Tensors:
        interpreter.set_tensor(details["index"], tensor)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    scale, zero_point = details["quantization"]
    shape = tuple(int(n) for n in details["shape"])
    dtype, version = np.dtype(details["dtype"]).name, importlib.import_module(package).__version__
    return Opened(run, version, shape, dtype, float(scale), int(zero_point))


def _onnx_runtime(path: Path, threads: int) -> Opened:
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0]

    def run(tensor: NDArray[Any]) -> Tensors:
        return list(session.run(None, {image.name: tensor}))

    dtype = {"tensor(uint8)": "uint8"}.get(image.type, "float32")
    return Opened(run, onnxruntime.__version__, tuple(image.shape), dtype)


def _openvino(path: Path, threads: int) -> Opened:
    openvino = importlib.import_module("openvino")
    # Without the hint it may compute a float32 model in bfloat16, which the others do not.
    wanted = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", wanted)
    image, request = compiled.input(0), compiled.create_infer_request()

    def run(tensor: NDArray[Any]) -> Tensors:
        return list(request.infer([tensor], share_inputs=True, share_outputs=True).to_tuple())

    # its version carries the build behind a dash
    return Opened(run, openvino.__version__.split("-")[0], tuple(image.shape), image.element_type.to_dtype().name)


def _opencv(path: Path, threads: int) -> Opened:
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNet(str(path))
    names = net.getUnconnectedOutLayersNames()

    def run(tensor: NDArray[Any]) -> Tensors:
        net.setInput(tensor)
        return list(net.forward(names))

    return Opened(run, cv2.__version__)


OPENERS: dict[str, Open] = {
    "litert": _litert,
    "tflite-runtime": _tflite_runtime,
    "onnxruntime": _onnx_runtime,
    "openvino": _openvino,
    "opencv": _opencv,
}

if __name__ == "__main__":
    main(OPENERS)
