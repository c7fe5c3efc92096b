"""Which runtimes there are, what each reads, whether it is installed, and how to get it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError

_WORKER = str(Path(__file__).with_name("worker.py"))


@dataclass(frozen=True, slots=True)
class Runtime:
    """key: what the worker calls it. package: what must be importable. suffixes: what it reads, the best first.

    program: what Python is given to serve it; Keras's is of convert, because nothing in edge may import TensorFlow.
    """

    name: str
    key: str
    package: str
    suffixes: tuple[str, ...]
    install: str
    program: tuple[str, ...] = (_WORKER,)


LITERT = Runtime("LiteRT", "litert", "ai_edge_litert", (".tflite",), "pip install ai-edge-litert")
RUNTIMES = (
    LITERT,
    Runtime(
        "tflite-runtime",
        "tflite-runtime",
        "tflite_runtime",
        (".tflite",),
        "needs a venv of its own with Python 3.11: python3.11 -m venv old && "
        "old/bin/pip install tflite-runtime 'numpy<2', then add --python old/bin/python",
    ),
    Runtime(
        "Keras", "keras", "tensorflow", (".keras",), "pip install 'smart-bin[convert]'", ("-m", "convert.keras_worker")
    ),
    Runtime("ONNX Runtime", "onnxruntime", "onnxruntime", (".onnx",), "pip install onnxruntime"),
    Runtime("OpenVINO", "openvino", "openvino", (".xml", ".onnx", ".tflite"), "pip install openvino"),
    # It has a TFLite importer too, but OpenCV 5.0 reads neither of this project's kinds with it.
    Runtime("OpenCV DNN", "opencv", "cv2", (".onnx",), "pip install opencv-python-headless"),
)
READABLE = tuple(sorted({suffix for runtime in RUNTIMES for suffix in runtime.suffixes}))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the table: a file that a runtime reads. model: what the files of one network share a name by."""

    model: str
    runtime: Runtime
    path: Path
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Plan:
    """What can be measured, and for each thing that cannot one line that says why and what to do."""

    candidates: tuple[Candidate, ...]
    missing: tuple[str, ...]


def importable(package: str) -> bool:
    """Whether this Python has it; it is not imported."""
    return importlib.util.find_spec(package) is not None


def importable_in(python: str) -> Callable[[str], bool]:
    """The same question to another Python. Raises ModelError when that cannot be run."""

    def ask(package: str) -> bool:
        question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
        try:
            return subprocess.run([python, "-c", question], check=False).returncode == 0
        except OSError as error:
            raise ModelError(f"--python {python}: {error.strerror}. Name the python of a venv.") from error

    return ask


def plan(
    paths: Sequence[Path],
    here: Callable[[str], bool] = importable,
    other: tuple[str, Callable[[str], bool]] | None = None,
) -> Plan:
    """paths: model files, or folders of them. other: a second Python and what it has. Raises ModelError."""
    groups = [_files(path) for path in paths]
    candidates, missing = [], []
    for runtime in RUNTIMES:
        python = _python_for(runtime, here, other)
        if python is None:
            missing.append(f"{runtime.name} is not installed: {runtime.install}")
            continue
        for model, files in groups:
            chosen = _readable(runtime, files)
            candidates += [Candidate(model, runtime, path, python) for path in chosen]
            if not chosen:
                suffixes = " or ".join(runtime.suffixes)
                missing.append(f"{runtime.name} found no {suffixes} file of {model}: `make bench` makes one")
    return Plan(tuple(candidates), tuple(missing))


def _python_for(
    runtime: Runtime, here: Callable[[str], bool], other: tuple[str, Callable[[str], bool]] | None
) -> str | None:
    if here(runtime.package):
        return sys.executable
    # the other Python has no more than the runtime: a program of this project would not start there
    if other is not None and runtime.program == (_WORKER,) and other[1](runtime.package):
        return other[0]
    return None


def _files(path: Path) -> tuple[str, list[Path]]:
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix in READABLE)
    else:
        found = [path] if path.is_file() and path.suffix in READABLE else []
    if not found:
        raise ModelError(f"{path}: no model. Name a folder with, or a file of one of, {', '.join(READABLE)}.")
    return (path if path.is_dir() else path.parent).resolve().name, found


def _readable(runtime: Runtime, files: Sequence[Path]) -> list[Path]:
    """The files of the first kind that is there: the same network twice would only fill the table."""
    for suffix in runtime.suffixes:
        chosen = [path for path in files if path.suffix == suffix]
        if chosen:
            return chosen
    return []
