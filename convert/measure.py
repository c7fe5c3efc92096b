"""Asking the packaged model, with edge's own code, in a process of its own.

In that process nothing of the converter is loaded: neither TensorFlow's memory and threads nor its operators can make
the model look better, or faster, or slower than it is in the bin.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from convert.errors import RecipeError
from convert.metrics import Logits
from edge import preprocess
from edge.adapters.litert import LiteRtClassifier
from edge.images import read_image
from edge.locate import find_item
from edge.manifest import Manifest
from edge.model import WHOLE_FRAME, Pixels
from edge.progress import progress

LITERT, TFLITE = "ai_edge_litert", "tflite_runtime"

Pictures = Sequence[Callable[[], Pixels]]  # each is read when its turn comes

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """On n pictures. logits: float32 (n, labels). embeddings: float32 (n, m) where it gives any. latency_ms: (n,)."""

    logits: Logits
    embeddings: NDArray[np.float32] | None
    latency_ms: NDArray[np.float64]

    def of(self, chosen: NDArray[np.int64]) -> Answers:
        """The answers on these pictures (indices) alone."""
        embeddings = None if self.embeddings is None else self.embeddings[chosen]
        return Answers(self.logits[chosen], embeddings, self.latency_ms[chosen])


class Runner(Protocol):
    """Calls a function: `in_fresh_process`, or here and now in a test."""

    def __call__(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T: ...


def in_fresh_process(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What the function answers in a new Python, or what it raises. Raises RecipeError when that process dies."""
    executor = ProcessPoolExecutor(1, get_context("spawn"), _end_with_the_parent)
    try:
        with executor:
            return executor.submit(function, *args, **kwargs).result()
    except BrokenProcessPool as error:
        raise RecipeError(
            "The process that measures the model was killed. Check the memory (dmesg tells), and that the runtime "
            "fits this machine: `python -c 'import ai_edge_litert.interpreter'`."
        ) from error


def measure(folder: Path, pictures: Sequence[Path], locate: bool, runtime: str = LITERT) -> Answers:
    """Ask the model of a folder about every picture file. Raises ModelError, ImageError.

    To be run in a fresh process. locate: of each, look at the item found on it, as `smartbin classify` does.
    """
    _only(runtime)
    with closing(LiteRtClassifier(folder)) as classifier:
        return answer(classifier, [partial(read_image, path) for path in pictures], locate)


def measure_corrupted(folder: Path, pictures: Sequence[Path], locate: bool, seed: int) -> dict[tuple[str, int], Logits]:
    """The logits on the same pictures, corrupted in each way and strength; by (corruption, strength).

    What the model would be given is corrupted, at its size: the strengths are meant for that.
    """
    cells = [(corruption, strength) for corruption in CORRUPTIONS for strength in STRENGTHS]
    found: dict[tuple[str, int], list[Logits]] = {cell: [] for cell in cells}
    with closing(LiteRtClassifier(folder)) as classifier, progress("measure corrupted", len(pictures)) as advance:
        for i, path in enumerate(pictures):
            item = fitted(read_image(path), classifier.manifest, locate)
            for cell in cells:
                found[cell].append(classifier.classify(corrupt(item, *cell, (seed, i))).logits)
            advance(1, "")
    return {cell: np.stack(logits) for cell, logits in found.items()}


def answer(classifier: LiteRtClassifier, pictures: Pictures, locate: bool = False, title: str = "measure") -> Answers:
    """Ask about every picture. title: of the progress. Raises ModelError, and what reading a picture raises."""
    predictions = []
    with progress(title, len(pictures)) as advance:
        for read in pictures:
            predictions.append(classifier.classify(look(read(), classifier.manifest, locate)))
            advance(1, "")
    embeddings = [p.embedding for p in predictions if p.embedding is not None]
    return Answers(
        logits=np.stack([p.logits for p in predictions]),
        embeddings=np.stack(embeddings) if embeddings else None,
        latency_ms=np.array([p.inference_ms for p in predictions]),
    )


def look(rgb: Pixels, manifest: Manifest, locate: bool) -> Pixels:
    """What of a picture is looked at."""
    box = (find_item(rgb) if locate else None) or WHOLE_FRAME
    return preprocess.cut(rgb, box, manifest.input.crop_margin)


def fitted(rgb: Pixels, manifest: Manifest, locate: bool) -> Pixels:
    """The same at the size of the model's input."""
    return preprocess.fit(look(rgb, manifest, locate), manifest.input.height, manifest.input.width)


def installed(runtime: str) -> bool:
    """Whether LITERT or TFLITE is there."""
    return importlib.util.find_spec(runtime) is not None


def works(runtime: str) -> bool:
    """Whether it can be loaded, too, in this process: tflite-runtime lies uselessly beside a NumPy of version 2."""
    try:
        importlib.import_module(f"{runtime}.interpreter")
    except (ImportError, AttributeError):
        return False
    return True


def described(runtime: str) -> str:
    """Name and version."""
    name = {LITERT: "ai-edge-litert", TFLITE: "tflite-runtime"}[runtime]
    return f"{name} {importlib.metadata.version(name)}"


def machine() -> str:
    """What the latency was measured on: architecture and system, no name of the host."""
    return f"{platform.machine()}, {platform.system()}"


def _only(runtime: str) -> None:
    """Hide the other runtime, in this process: the classifier takes the first that it finds."""
    if runtime != LITERT:
        # None there makes an import fail, as documented for sys.modules.
        sys.modules[f"{LITERT}.interpreter"] = None  # type: ignore[assignment] # typeshed wants a module


def _end_with_the_parent() -> None:
    """Ctrl-C reaches both processes, and the parent says what there is to say; a parent that is killed says nothing.

    Without the second this process would measure to its end and then wait for ever to hand its answers over.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), daemon=True).start()


def _leave_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
