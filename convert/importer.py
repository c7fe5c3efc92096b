"""A Keras image classifier trained elsewhere (.h5 or .keras, Keras 2 or 3) -> a run that `quantize` and `package` take.

The graph comes from the file's own description, the weights by the names of its layers. A Lambda is code and is never
run: in front of everything learned it only augments and is left out, anywhere else the model is refused.
"""

from __future__ import annotations

import argparse
import errno
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from pydantic import ValidationError

from convert import data, kerasfile, recipe
from convert import run as runs
from convert.errors import RecipeError
from convert.kerasgraph import RANGES, Classifier, classifier
from convert.metrics import accuracy
from convert.predict import predict
from convert.sources import label_of
from convert.split import VALIDATION

_PICTURES = 192  # so many validation pictures, three full batches, show whether the range of the input is the right one
_CLEARLY = 0.1


def read_labels(text: str) -> tuple[str, ...]:
    """`a,b,c`, or a file with one label a line. Raises RecipeError: none, or one twice."""
    path = Path(text)
    try:
        parts = path.read_text(encoding="utf-8-sig").splitlines() if _is_file(path) else text.split(",")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"--labels {text}: cannot be read ({error}). One label a line, in UTF-8.") from error
    labels = tuple(label_of(part) for part in parts if part.strip())
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise RecipeError(f"--labels: {', '.join(twice)} is named twice.")
    return labels


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # forty labels are longer than a name can be
            return False
        raise


def check_labels(labels: Sequence[str], expected: int) -> None:
    """Raises RecipeError unless there is one for each answer of the model."""
    if len(labels) != expected:
        raise RecipeError(
            f"the model answers {expected} numbers, but {len(labels)} labels are given ({', '.join(labels)}). Name "
            "them with --labels in the order of training; folders were taken in alphabetical order."
        )
    if expected < 2:
        raise RecipeError("the model answers a single number; it needs one for each label, two at least.")


def accuracy_by_range(found: Classifier, dataset: data.Dataset, input_range: str | None) -> dict[str, float]:
    """Share of labels right (0..1) on some validation pictures, for the range told or for each that there may be."""
    held = dataset.indices(VALIDATION)
    chosen = held[np.linspace(0, len(held) - 1, min(_PICTURES, len(held))).astype(int)]
    models = {input_range: found.model} if input_range else {name: _scaled(found, name) for name in RANGES}
    return {
        name: accuracy(predict(model, dataset, chosen, found.side_px), dataset.truth[chosen])
        for name, model in models.items()
    }


def _scaled(found: Classifier, input_range: str) -> keras.Model:
    scale, offset = RANGES[input_range]
    image = keras.Input(found.model.input.shape[1:])
    return keras.Model(image, found.model(keras.layers.Rescaling(scale, offset)(image))[0])


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "import",
        description=__doc__,
        epilog="example:\n"
        "  smartbin-convert import garbage.h5 --labels labels.txt --set build/set --out build/imported\n"
        "  smartbin-convert quantize build/imported --out build/model.tflite",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what `model.save` of Keras wrote")
    parser.add_argument("--labels", metavar="L", help="a,b,c or a text file, in the order of training (those of SET)")
    parser.add_argument("--set", type=Path, metavar="SET", help="pictures to check, calibrate and measure with")
    parser.add_argument(
        "--input-range", choices=RANGES, help="what the graph takes (0..255); see what is said about it"
    )
    parser.add_argument("--size", type=int, metavar="PX", help="side of the input (the graph's own; else 224)")
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="the folder to write")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.size is not None and not 32 <= options.size <= 1024:
        raise RecipeError("--size: between 32 and 1024 pixels.")
    dataset = None if options.set is None else data.load(options.set)
    if options.labels is None and dataset is None:
        raise RecipeError("--labels: name them in the order of training, or give the --set whose labels they are.")
    labels = dataset.labels if options.labels is None and dataset else read_labels(options.labels)
    model = kerasfile.load(options.file)
    try:
        found = classifier(model, options.size, options.input_range or "0..255")
        check_labels(labels, found.labels)
        plan = recipe.Recipe(model=recipe.Model(backbone=found.backbone, weights=options.file.name, size=found.side_px))
    except ValidationError as error:
        raise RecipeError(f"{options.file}: {error.errors()[0]['msg']}, not {found.side_px} pixels.") from error
    except RecipeError as error:
        raise RecipeError(f"{options.file}: {error}") from error
    print(*_described(options.file, found, options.input_range), sep="\n", flush=True)
    if dataset is not None:
        scores = accuracy_by_range(found, data.in_order(dataset, labels), options.input_range)
        print(*judged(scores, options.input_range or "0..255", options.set), sep="\n", flush=True)
    command = shlex.join(["smartbin-convert", *sys.argv[1:]])
    runs.write_finished(runs.Run(options.out, options.set, labels, plan, command, imported=True), found.model)
    print(f"{options.out / runs.MODEL}: written; next: smartbin-convert quantize {options.out} --out model.tflite")


def _described(path: Path, found: Classifier, input_range: str | None) -> list[str]:
    side, scalers = found.side_px, ", ".join(found.scalers)
    lines = [f"{path}: {found.backbone}, {side} x {side}, {found.labels} labels, {found.features} features"]
    if found.skipped:
        lines.append(f"left out, as code in front of everything learned: {', '.join(found.skipped)}")
    if input_range:
        lines.append(f"pictures are scaled to {input_range}, as told")
    elif found.scalers:
        lines.append(f"takes 0..255: the graph scales them itself ({scalers})")
    else:
        lines.append("takes 0..255, it is assumed: nothing in the graph scales them")
    if not input_range:
        lines.append("if pictures were divided before training, give --input-range 0..1 or -1..1")
    return lines


def judged(scores: dict[str, float], chosen: str, place: Path) -> list[str]:
    """What to say of the shares of accuracy_by_range; chosen: the range that the graph was rebuilt for."""
    best = max(scores, key=scores.__getitem__)
    said = ", ".join(f"{score:.1%} with {name}" for name, score in scores.items())
    lines = [f"labels right on validation pictures of {place}: {said}"]
    if scores[best] > scores[chosen] + _CLEARLY:
        lines.append(f"warning: {best} fits clearly better: if it was trained so, give --input-range {best}")
    return lines
