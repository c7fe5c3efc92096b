"""A worker process from the outside: start it, ask it, end it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge.bench.runtimes import Candidate
from edge.errors import ModelError
from edge.model import Pixels
from edge.preprocess import fit, quantize

_INT8 = (b"QuantizeLinear", b"FakeQuantize")  # what an ONNX file and an OpenVINO file of 8 bits contain


class Worker:
    """One candidate with its model loaded, in a process of its own. Raises ModelError with what the runtime said."""

    def __init__(self, candidate: Candidate, threads: int) -> None:
        self.candidate = candidate
        self.load_s = self.memory_mb = 0.0
        self.answers: tuple[NDArray[np.float64], ...] = ()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - close() ends it with the process
        # -P: the folder of worker.py is no place to import from
        command = [candidate.python, "-P", *candidate.runtime.program, candidate.runtime.key]
        self._process = subprocess.Popen(
            [*command, str(candidate.path), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            told = self._answer()
        except ModelError:
            self.close()
            raise
        self.version = str(told["version"])
        self.shape: tuple[int, ...] | None = None if told["shape"] is None else tuple(told["shape"])
        self._dtype = np.dtype(told["dtype"] or "float32")
        self._scale, self._zero_point = float(told["scale"]), int(told["zero_point"])

    @property
    def kind(self) -> str:
        """int8 where the file computes in 8 bits, else float; told by the file, not by its name."""
        if self._dtype.kind in "ui":
            return "int8"
        path = self.candidate.path
        marked = path.suffix in (".onnx", ".xml") and any(mark in path.read_bytes() for mark in _INT8)
        return "int8" if marked else "float"

    def show(self, rgb: Pixels, shape: tuple[int, ...]) -> None:
        """Give it the picture, uint8 RGB, as a tensor of this shape, and take its first answer."""
        channels_first = shape[1] == 3
        height, width = shape[2:] if channels_first else shape[1:3]
        tensor = quantize(fit(rgb, height, width), self._scale, self._zero_point, self._dtype)
        tensor = np.ascontiguousarray(tensor.transpose(2, 0, 1) if channels_first else tensor)
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, tensor[np.newaxis])
            file.flush()
            reply = self._ask({"tensor": str(Path(file.name))})
        self.load_s = float(reply["load_s"])
        self.answers = tuple(np.array(answer) for answer in reply["answers"])

    def times_ms(self, runs: int) -> list[float]:
        """So many more answers to the same picture, each timed."""
        return [float(ms) for ms in self._ask({"runs": runs})["ms"]]

    def close(self) -> None:
        """End the process. Closing twice is fine."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None, "it was opened as a pipe"
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._trouble() from error
        reply = self._answer()
        self.memory_mb = float(reply["memory_mb"])
        return reply

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None, "it was opened as a pipe"
        line = self._process.stdout.readline()
        if not line:
            raise self._trouble()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _trouble(self) -> ModelError:
        code = self._process.wait()
        self._errors.seek(0)
        said = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        why = said[-1].strip() if said else f"it ended with exit code {code} and said nothing"
        return ModelError(f"{self.candidate.runtime.name} cannot run {self.candidate.path}: {why}")
