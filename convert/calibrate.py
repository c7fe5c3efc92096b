"""Measuring a .tflite file on held-out pictures before it is packaged: its temperature, and figures for the card."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from convert import data
from convert.measure import answer
from convert.metrics import Logits, accuracy, compartment_accuracy, expected_calibration_error, fit_temperature
from convert.modelfolder import Description, write
from convert.split import ROBUST, TEST, VALIDATION
from edge.adapters.litert import LiteRtClassifier


def calibrated(tflite: bytes, draft: Description, dataset: data.Dataset) -> Description:
    """The description with the temperature that suits the validation pictures, and figures on the held-out ones."""
    with opened(tflite, draft) as classifier:
        held = _answers(classifier, dataset, dataset.indices(VALIDATION))
        temperature = fit_temperature(*held)
        measured: dict[str, JsonValue] = {}
        for name, indices in _held_out(dataset).items():
            measured |= _figures(name, _answers(classifier, dataset, indices), draft.labels, temperature)
    return replace(draft, temperature=temperature, metrics={**draft.metrics, **measured})


@contextmanager
def opened(tflite: bytes, description: Description) -> Iterator[LiteRtClassifier]:
    """The bin's classifier on a file that is not packaged yet. Raises ModelError when the bin would not take it."""
    with tempfile.TemporaryDirectory() as scratch:
        write(tflite, description, Path(scratch) / "model")
        with closing(LiteRtClassifier(Path(scratch) / "model")) as classifier:
            yield classifier


def ask(
    classifier: LiteRtClassifier, dataset: data.Dataset, indices: NDArray[np.int64], title: str = "measure"
) -> Logits:
    """float32 (n, labels): its answers to these pictures of a set. title: of the progress."""
    pictures = [partial(dataset.pictures.__getitem__, int(index)) for index in indices]
    return answer(classifier, pictures, title=title).logits


def _held_out(dataset: data.Dataset) -> dict[str, NDArray[np.int64]]:
    """The test part, and each folder of robustness pictures, which many call "test" too."""
    robust = dataset.indices(ROBUST)
    folders = sorted({data.source(dataset.items[int(i)]) for i in robust})
    named = {f"{ROBUST}-{folder}" if folder == TEST else folder: dataset.indices(ROBUST, folder) for folder in folders}
    return {TEST: dataset.indices(TEST), **named}


def _answers(
    classifier: LiteRtClassifier, dataset: data.Dataset, indices: NDArray[np.int64]
) -> tuple[Logits, NDArray[np.int64]]:
    return ask(classifier, dataset, indices), dataset.truth[indices]


def _figures(
    name: str, answers: tuple[Logits, NDArray[np.int64]], labels: Sequence[str], temperature: float
) -> dict[str, JsonValue]:
    logits, truth = answers
    return {
        f"{name}_pictures": len(truth),
        f"{name}_label_accuracy": accuracy(logits, truth),
        f"{name}_compartment_accuracy": compartment_accuracy(logits, truth, labels, temperature),
        f"{name}_calibration_error": expected_calibration_error(logits, truth, temperature),
    }
