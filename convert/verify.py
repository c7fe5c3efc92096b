"""How good the packaged model is, measured with the code that runs on the Pi, and what quantising it has cost."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import DataError, RecipeError
from convert.progress import progress
from convert.report import Answers, Logits, Report, evaluate, to_json, to_text
from edge import preprocess
from edge.adapters.litert import LiteRtClassifier
from edge.images import read_image
from edge.locate import find_item
from edge.model import WHOLE_FRAME, Pixels

REPORT_FILE = "verify.json"
_CHUNK = 64

FloatModel = Callable[[NDArray[np.float32]], Logits]
Pictures = Sequence[Callable[[], Pixels]]  # each is read when its turn comes


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
        pictures = [partial(read_image, sample.path) for sample in samples]
        answers = answer(classifier, pictures, float_model, locate)
        report = evaluate(answers, truth, classifier.manifest, part, "item" if locate else "whole")
    try:
        (folder / REPORT_FILE).write_text(to_json(report), encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{folder / REPORT_FILE}: {error.strerror}. Measure a copy of the folder.") from error
    return report


def answer(
    classifier: LiteRtClassifier, pictures: Pictures, float_model: FloatModel | None = None, locate: bool = False
) -> Answers:
    """Ask about every picture. locate: of each, look at the item found on it, as `smartbin classify` does."""
    logits, reference, latency = [], [], []
    with progress("measure", len(pictures)) as advance:
        for start in range(0, len(pictures), _CHUNK):
            items = [_look(read(), classifier, locate) for read in pictures[start : start + _CHUNK]]
            predictions = [classifier.classify(item) for item in items]
            logits += [prediction.logits for prediction in predictions]
            latency += [prediction.inference_ms for prediction in predictions]
            if float_model is not None:
                reference.append(float_model(_stacked(items, classifier)))
            advance(len(items), "")
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


def _look(rgb: Pixels, classifier: LiteRtClassifier, locate: bool) -> Pixels:
    box = (find_item(rgb) if locate else None) or WHOLE_FRAME
    return preprocess.cut(rgb, box, classifier.manifest.input.crop_margin)


def _stacked(items: Sequence[Pixels], classifier: LiteRtClassifier) -> NDArray[np.float32]:
    size = classifier.manifest.input
    return np.stack([preprocess.fit(item, size.height, size.width) for item in items]).astype(np.float32)


def _truth(samples: Sequence[Sample], labels: Sequence[str]) -> NDArray[np.int64]:
    unknown = sorted({sample.label for sample in samples} - set(labels))
    if unknown:
        raise DataError(f"The model has no label {', '.join(unknown)}; it has {', '.join(labels)}.")
    number = {label: i for i, label in enumerate(labels)}
    return np.array([number[sample.label] for sample in samples], dtype=np.int64)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="measure a model folder with the code that runs on the Pi; writes verify.json into it",
        description=__doc__,
        epilog="example:\n"
        "  smartbin-convert verify models/my-bin --splits build/set/splits.csv --keras build/run/model.keras",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="MODEL_FOLDER", help="what `package` wrote")
    parser.add_argument("--splits", required=True, type=Path, metavar="CSV", help="splits.csv that `prepare` wrote")
    parser.add_argument(
        "--data", type=Path, default=Path(), metavar="DIR", help="where relative paths in it start (here)"
    )
    parser.add_argument("--part", default="test", help="test, validation, robust or train (%(default)s)")
    parser.add_argument("--keras", type=Path, metavar="FILE", help="compare with this float model")
    parser.add_argument("--locate", action="store_true", help="look at the item found, not at the whole picture")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    samples = read_samples(options.splits, options.data, options.part)
    float_model = None if options.keras is None else keras_model(options.keras)
    report = verify(options.folder, samples, options.part, float_model, options.locate)
    print(to_text(report), end="")
    print(f"written to {options.folder / REPORT_FILE}")
