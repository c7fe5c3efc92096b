"""A trained Keras model -> a .tflite file that is small and fast, and a table of what that has cost.

float32    as trained                              float16    half-size weights
dynamic    8-bit weights, activations rounded as they come
int8       8 bits throughout; calibrated on training pictures, some of them lit as a bin would; image in as bytes
selective  int8, with as few sensitive layers in float as it takes to pass the gate
int16x8    8-bit weights, 16-bit activations: exact but slow
all        each of them as FILE-FORMAT.tflite; FILE is int8 where that passes the gate, or else selective

The gate: on the validation part the file in FILE loses at most --max-loss points of label accuracy against float.
Otherwise the command fails, says which layers suffer most, and leaves what was in FILE before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np

from convert import augment, backbones, data
from convert import run as runs
from convert.activations import Activations, observe
from convert.encode import CALIBRATED, FORMATS, encode
from convert.errors import DataError, RecipeError
from convert.formattable import to_json, to_text
from convert.gate import failure, passes, select
from convert.measure import Pictures
from convert.sources import find_pictures
from convert.split import TRAIN
from convert.sweep import Sensitivity, sweep
from convert.tflite import float_file
from convert.trial import Candidate, Trial, rows
from edge.adapters.files import write_synced
from edge.errors import ImageError
from edge.images import read_image
from edge.model import Pixels
from edge.preprocess import fit

MAX_LOSS = 0.3  # points of label accuracy
_SWEEP_PICTURES = 16
_LIT = 0.5  # share of the calibration pictures that are shown as the bin would light them


def quantize(model: keras.Model, size: int, form: str, pictures: Pictures = ()) -> bytes:
    """The .tflite file of a model with outputs [logits, embedding] for one image of size x size, RGB 0..255.

    form: one of FORMATS; pictures: what those in CALIBRATED take their ranges from. Outputs are float32.
    """
    content = float_file(model, size)
    return encode(content, form, observe(content, pictures) if pictures else {})


def calibration(
    dataset: data.Dataset, samples: int, seed: int = 0, size: int = 224, look: augment.Augment | None = None
) -> Pictures:
    """`samples` training pictures, as many of each class as there are, in an order drawn with a seed.

    look: how half of them are changed to be seen as the bin would show them; None leaves all as they are.
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(dataset.of_each(TRAIN, -(-samples // len(dataset.labels)), random))[:samples]
    plain = round(len(chosen) * (1 - _LIT)) if look is not None else len(chosen)
    return [
        partial(_show, dataset, int(index), size, look if i >= plain else None, seed) for i, index in enumerate(chosen)
    ]


def _show(dataset: data.Dataset, index: int, size: int, look: augment.Augment | None, seed: int) -> Pixels:
    rgb = dataset.pictures[index]
    if look is None:
        return fit(rgb, size, size)
    return augment.augment(rgb, size, look, np.random.default_rng((seed, index)))


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """What a command works with. dataset: None without a run, and then nothing can be measured."""

    content: bytes
    size: int
    pictures: Pictures
    dataset: data.Dataset | None
    labels: tuple[str, ...]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "quantize",
        description=__doc__,
        epilog="examples:\n  smartbin-convert quantize build/run --out build/model.tflite\n"
        "  smartbin-convert quantize build/run --format all --out build/model.tflite\n"
        "  smartbin-convert quantize --backbone efficientnetv2s --weights none --labels 10 --images pictures/ "
        "--out untrained.tflite",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("training", nargs="?", type=Path, metavar="RUN", help="what `train` wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the .tflite file to write")
    parser.add_argument("--format", dest="form", choices=(*FORMATS, "all"), default="int8", help="(int8)")
    parser.add_argument(
        "--max-loss", type=float, default=MAX_LOSS, metavar="POINTS", help="of label accuracy, at most (%(default)s)"
    )
    parser.add_argument("--samples", type=int, metavar="N", help="calibration pictures (recipe; 400)")
    parser.add_argument("--size", type=int, metavar="PX", help="side of the input (recipe; 224)")
    untrained = parser.add_argument_group(
        "without a RUN, or one without a set (nothing is measured but size and speed)"
    )
    untrained.add_argument("--backbone", choices=backbones.NAMES, help="a network as it is, with a head of zeros")
    untrained.add_argument("--weights", default="imagenet", help="imagenet, none, or a file (imagenet)")
    untrained.add_argument("--labels", type=int, default=10, metavar="N", help="width of the head (10)")
    untrained.add_argument("--images", type=Path, metavar="DIR", help="class folders to calibrate on")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    _check(options)
    material = _untrained(options) if options.training is None else _trained(options)
    trial = None if material.dataset is None else Trial(material.dataset, material.content)
    if trial is None and options.form == "selective":
        raise RecipeError("--format selective: what to keep in float is found on the pictures of a RUN with a set.")
    activations = observe(material.content, material.pictures) if material.pictures else {}
    work = _Work(options, material, activations, trial)
    wanted = FORMATS if options.form == "all" else dict.fromkeys(("float32", options.form))
    candidates = [work.make(form) for form in wanted if form != "selective" or trial is not None]
    work.measure(candidates)
    work.deliver(candidates)


class _Work:
    """One command: makes files, measures them, and lets the chosen one through the gate."""

    def __init__(
        self, options: argparse.Namespace, material: _Material, activations: Activations, trial: Trial | None
    ) -> None:
        self._options = options
        self._material = material
        self._activations = activations
        self._trial = trial
        self._order: tuple[Sensitivity, ...] = ()

    def make(self, form: str) -> Candidate:
        """The file in a format; with --format all it is written at once, and stays whatever comes after."""
        candidate = self._selected() if form == "selective" else Candidate(form, self._encoded(form))
        if self._options.form == "all":
            out: Path = self._options.out
            write(out.with_name(f"{out.stem}-{form}{out.suffix}"), candidate.content)
        return candidate

    def measure(self, candidates: Sequence[Candidate]) -> None:
        """Print the table, and write it beside the file."""
        size = self._material.size
        picture = self._material.pictures[0]() if self._material.pictures else np.zeros((size, size, 3), np.uint8)
        self._rows = rows(candidates, self._material.labels, picture, self._trial)
        print(to_text(self._rows), end="")
        write(self._options.out.with_suffix(".formats.json"), to_json(self._rows).encode())

    def deliver(self, candidates: Sequence[Candidate]) -> None:
        """Write the chosen file, if the gate lets it through. Raises ModelError."""
        by_form = {candidate.form: (candidate, row) for candidate, row in zip(candidates, self._rows, strict=True)}
        names = ("int8", "selective") if self._options.form == "all" else (self._options.form,)
        for name in (name for name in names if name in by_form):
            candidate, row = by_form[name]
            if row.loss is None or passes(row.loss, self._options.max_loss):
                write(self._options.out, candidate.content)
                size = self._material.size
                print(f"\n{self._options.out}: {name}, {size} x {size}, {len(candidate.content) / 1e6:.1f} MB")
                return
        order = self._sweep() if name in CALIBRATED else ()
        pictures = row.validation.pictures if row.validation else 1
        raise failure(name, row.loss or 0.0, self._options.max_loss, order, pictures)

    def _encoded(self, form: str, keep: Sequence[str] = ()) -> bytes:
        return encode(self._material.content, form, self._activations, keep)

    def _selected(self) -> Candidate:
        trial = self._trial
        assert trial is not None, "checked with the options"
        return select(
            partial(self._encoded, "selective"),
            self._sweep(),
            lambda candidate: trial.validation(candidate)[1],
            self._options.max_loss,
        )

    def _sweep(self) -> tuple[Sensitivity, ...]:
        if not self._order:
            pictures = self._material.pictures[:_SWEEP_PICTURES]
            self._order = sweep(self._material.content, self._activations, pictures)
        return self._order


def write(path: Path, content: bytes) -> None:
    """The whole file or none of it: what was there before stays until then. Raises RecipeError."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_synced(temporary, content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}. Make room, or choose another place with --out.") from error


def _check(options: argparse.Namespace) -> None:
    if options.size is not None and not 32 <= options.size <= 1024:
        raise RecipeError("--size: between 32 and 1024 pixels.")
    if options.samples is not None and options.samples < 1:
        raise RecipeError("--samples: at least 1.")
    if not 0 <= options.max_loss <= 100:
        raise RecipeError("--max-loss: points of label accuracy, between 0 and 100.")
    if (options.training is None) == (options.backbone is None):
        raise RecipeError("Give either a RUN that `smartbin-convert train` wrote, or --backbone with --images.")


def _trained(options: argparse.Namespace) -> _Material:
    run = runs.load(options.training)
    size = options.size or run.recipe.model.size
    if run.dataset is None:
        pictures, dataset = _from_images(options), None
    else:
        dataset = run.pictures()
        samples = options.samples or run.recipe.quantize.samples
        pictures = calibration(dataset, samples, run.recipe.seed, size, run.recipe.augment)
    return _Material(float_file(run.model(), size), size, pictures, dataset, run.labels)


def _untrained(options: argparse.Namespace) -> _Material:
    size = options.size or 224
    backbone = backbones.build(options.backbone, options.weights, size)
    pictures = _from_images(options)
    labels = tuple(f"label-{i}" for i in range(options.labels))
    return _Material(float_file(backbones.with_head(backbone, options.labels), size), size, pictures, None, labels)


def _from_images(options: argparse.Namespace) -> Pictures:
    if options.images is not None:
        found = find_pictures(options.images)
        chosen = np.random.default_rng(0).permutation(len(found))[: options.samples or 400]
        return [partial(_read, found[i]) for i in chosen]
    if options.form in (*CALIBRATED, "all"):
        raise RecipeError(f"--images: {options.form} takes its ranges from pictures; give a folder of class folders.")
    return ()


def _read(path: Path) -> Pixels:
    try:
        return read_image(path)
    except ImageError as error:
        raise DataError(f"{error} Leave this file out and try again.") from error
