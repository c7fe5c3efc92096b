"""How good the packaged model is, measured with the code that runs on the Pi, and what quantising it has cost."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import DataError, RecipeError
from convert.progress import progress
from convert.report import Answers, Logits, Report, evaluate, to_json
from edge import preprocess
from edge.adapters.litert import LiteRtClassifier
from edge.images import read_image
from edge.locate import find_item
from edge.model import WHOLE_FRAME, Pixels

REPORT_FILE = "verify.json"
_CHUNK = 64

FloatModel = Callable[[NDArray[np.float32]], Logits]


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture whose label is known."""

    path: Path
    label: str


def read_samples(splits: Path, data: Path, part: str) -> list[Sample]:
    """The pictures of one part (test, validation, robust ...) of splits.csv; `data` is where relative paths start.

    Raises DataError: no such file, no such part.
    """
    try:
        with splits.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
            chosen = [Sample(data / row["path"], row["label"]) for row in rows if row["split"] == part]
    except OSError as error:
        raise DataError(f"{splits}: {error.strerror}. `smartbin-convert prepare` writes it; check the path.") from error
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{splits}: not a table with the columns path, label and split ({error}).") from error
    if not chosen:
        parts = ", ".join(sorted({row["split"] for row in rows})) or "nothing"
        raise DataError(f"{splits}: no picture of part {part!r}; it has {parts}.")
    return chosen


def verify(
    folder: Path, samples: Sequence[Sample], part: str, float_model: FloatModel | None = None, locate: bool = False
) -> Report:
    """Measure a model folder and write verify.json into it. Raises ModelError, DataError, ImageError."""
    with closing(LiteRtClassifier(folder)) as classifier:
        truth = _truth(samples, classifier.manifest.labels)
        answers = answer(classifier, samples, float_model, locate)
        report = evaluate(answers, truth, classifier.manifest, part, "item" if locate else "whole")
    (folder / REPORT_FILE).write_text(to_json(report), encoding="utf-8")
    return report


def answer(
    classifier: LiteRtClassifier, samples: Sequence[Sample], float_model: FloatModel | None = None, locate: bool = False
) -> Answers:
    """Ask about every picture. locate: of each, look at the item found on it, as `smartbin classify` does."""
    logits, reference, latency = [], [], []
    with progress("verify", len(samples)) as advance:
        for start in range(0, len(samples), _CHUNK):
            pictures = [_look(sample, classifier, locate) for sample in samples[start : start + _CHUNK]]
            predictions = [classifier.classify(picture) for picture in pictures]
            logits += [prediction.logits for prediction in predictions]
            latency += [prediction.inference_ms for prediction in predictions]
            if float_model is not None:
                reference.append(float_model(_stacked(pictures, classifier)))
            advance(len(pictures), "")
    return Answers(np.stack(logits), np.concatenate(reference) if reference else None, np.array(latency))


def keras_model(path: Path) -> FloatModel:
    """The float model as a function of float32 (n, height, width, 3) raw RGB. Raises RecipeError: unreadable."""
    import keras  # noqa: PLC0415 # a slow import that only the comparison needs

    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise RecipeError(f"{path}: not a Keras model that can be read ({error}).") from error

    def logits(batch: NDArray[np.float32]) -> Logits:
        outputs: Any = model.predict_on_batch(batch)
        return np.asarray(outputs[0] if isinstance(outputs, list | tuple) else outputs, dtype=np.float32)

    return logits


def _look(sample: Sample, classifier: LiteRtClassifier, locate: bool) -> Pixels:
    rgb = read_image(sample.path)
    box = (find_item(rgb) if locate else None) or WHOLE_FRAME
    return preprocess.cut(rgb, box, classifier.manifest.input.crop_margin)


def _stacked(pictures: Sequence[Pixels], classifier: LiteRtClassifier) -> NDArray[np.float32]:
    size = classifier.manifest.input
    return np.stack([preprocess.fit(p, size.height, size.width) for p in pictures]).astype(np.float32)


def _truth(samples: Sequence[Sample], labels: Sequence[str]) -> NDArray[np.int64]:
    unknown = sorted({sample.label for sample in samples} - set(labels))
    if unknown:
        raise DataError(f"The model has no label {', '.join(unknown)}; it has {', '.join(labels)}.")
    number = {label: i for i, label in enumerate(labels)}
    return np.array([number[sample.label] for sample in samples], dtype=np.int64)
