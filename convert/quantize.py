"""A trained Keras model -> a TFLite file: full 8-bit integers for the Pi, or one of the floating kinds to compare with.

int8      everything in 8 bits, uint8 image in; calibrated on training pictures; runs on every TFLite
dynamic   8-bit weights, float arithmetic        float16   half-size weights        float32   as trained
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from convert import backbones, data, sources
from convert import run as runs
from convert.errors import DataError, RecipeError
from convert.progress import progress
from convert.split import TRAIN
from edge.errors import ImageError
from edge.images import read_image
from edge.model import Pixels
from edge.preprocess import fit

KINDS = ("int8", "dynamic", "float16", "float32")

Pictures = Sequence[Callable[[], Pixels]]


def quantize(model: keras.Model, size: int, kind: str, pictures: Pictures = ()) -> bytes:
    """The .tflite file of a model with outputs [logits, embedding] for one image of size x size, RGB 0..255.

    pictures: what int8 takes its ranges from, each read when its turn comes. Outputs are float32 in every kind.
    """
    import tensorflow as tf  # noqa: PLC0415 # takes seconds, and nothing else here needs it

    def serve(image: Any) -> Any:
        return tuple(model(image, training=False))

    shape = tf.TensorSpec((1, size, size, 3), tf.float32, name="image")
    concrete = tf.function(serve).get_concrete_function(shape)
    # without the model as trackable object the weights are frozen into the graph: EfficientNetV2S needs that
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = lambda: _representative(pictures, size)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
    with warnings.catch_warnings():
        # It asks for statistics of the input, which the calibration that follows provides.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        return bytes(converter.convert())


def calibration(dataset: data.Dataset, samples: int, seed: int = 0) -> Pictures:
    """`samples` training pictures, as many of each class as there are, drawn with a seed."""
    random = np.random.default_rng(seed)
    indices = dataset.indices(TRAIN)
    by_label = [random.permutation(indices[dataset.truth[indices] == i]) for i in range(len(dataset.labels))]
    each = -(-samples // len(by_label))
    chosen = np.concatenate([part[:each] for part in by_label])[:samples]
    return [partial(dataset.pictures.__getitem__, int(index)) for index in chosen]


def _representative(pictures: Pictures, size: int) -> Iterator[list[NDArray[np.float32]]]:
    with progress("calibrate", len(pictures)) as advance:
        for picture in pictures:
            yield [fit(picture(), size, size)[None].astype(np.float32)]
            advance(1, "")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "quantize",
        description=__doc__,
        epilog="examples:\n  smartbin-convert quantize build/run --out build/model.tflite\n"
        "  smartbin-convert quantize --backbone efficientnetv2s --weights none --labels 10 --images pictures/ "
        "--out untrained.tflite",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("training", nargs="?", type=Path, metavar="RUN", help="what `train` wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the .tflite file to write")
    parser.add_argument("--kind", choices=KINDS, default="int8", help="(int8)")
    parser.add_argument("--samples", type=int, metavar="N", help="calibration pictures (recipe; 400)")
    parser.add_argument("--size", type=int, metavar="PX", help="side of the input (recipe; 224)")
    untrained = parser.add_argument_group("without a RUN")
    untrained.add_argument("--backbone", choices=backbones.NAMES, help="a network as it is, with a head of zeros")
    untrained.add_argument("--weights", default="imagenet", help="imagenet, none, or a file (imagenet)")
    untrained.add_argument("--labels", type=int, default=10, metavar="N", help="width of the head (10)")
    untrained.add_argument("--images", type=Path, metavar="DIR", help="class folders to calibrate on")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.size is not None and not 32 <= options.size <= 1024:
        raise RecipeError("--size: between 32 and 1024 pixels.")
    if options.samples is not None and options.samples < 1:
        raise RecipeError("--samples: at least 1.")
    if (options.training is None) == (options.backbone is None):
        raise RecipeError("Give either a RUN that `smartbin-convert train` wrote, or --backbone with --images.")
    model, size, pictures = _untrained(options) if options.training is None else _trained(options)
    content = quantize(model, size, options.kind, pictures)
    temporary = options.out.with_name(options.out.name + ".tmp")
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(options.out)
    except OSError as error:
        raise RecipeError(f"{options.out}: {error.strerror}. Choose another place with --out.") from error
    print(f"{options.out}: {options.kind}, {size} x {size}, {len(content) / 1e6:.1f} MB")


def _trained(options: argparse.Namespace) -> tuple[keras.Model, int, Pictures]:
    run = runs.load(options.training)
    pictures: Pictures = ()
    if options.kind == "int8":
        pictures = calibration(data.load(run.dataset), options.samples or run.recipe.quantize.samples, run.recipe.seed)
    return run.model(), options.size or run.recipe.model.size, pictures


def _untrained(options: argparse.Namespace) -> tuple[keras.Model, int, Pictures]:
    size = options.size or 224
    backbone = backbones.build(options.backbone, options.weights, size)
    model = backbones.with_head(backbone, options.labels)
    if options.kind != "int8":
        return model, size, ()
    if options.images is None:
        raise RecipeError("--images: int8 takes its ranges from pictures; give a folder of class folders.")
    found = sources.find_pictures(options.images)
    chosen = np.random.default_rng(0).permutation(len(found))[: options.samples or 400]
    return model, size, [partial(_read, found[i]) for i in chosen]


def _read(path: Path) -> Pixels:
    try:
        return read_image(path)
    except ImageError as error:
        raise DataError(f"{error} Leave this file out and try again.") from error
