"""A prepared set and a recipe -> a trained Keras model: a linear head, then gentle fine-tuning, then a blend of both.

Few, slow changes keep what ImageNet taught about light, clutter and angles, which is what carries over to a bin.

    RUN/run.json, splits.csv   the recipe and the set        RUN/features.npz, head.npz   stage 1
    RUN/checkpoint.npz         stage 2, every three minutes  RUN/model.keras              the result
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from convert import backbones, data, distill, heldout, hints, recipe
from convert import run as runs
from convert.head import fit_head
from convert.metrics import accuracy
from convert.predict import predict
from convert.split import VALIDATION
from convert.tune import tune

Weights = list[NDArray[np.float32]]


def train(dataset: data.Dataset, plan: recipe.Recipe, folder: Path, teacher: Path | None = None) -> keras.Model:
    """Train, or go on with the run in this folder. The model has the outputs [logits, embedding] and is saved there."""
    keras.utils.set_random_seed(plan.seed)
    backbone = backbones.build(plan.model.backbone, plan.model.weights)
    model = backbones.with_head(backbone, len(dataset.labels), plan.model.dropout)
    if not plan.head.steps:
        backbones.take_head(model, plan.model.weights, dataset.labels)
    hints.begin(model, teacher, dataset, plan, folder)
    fit_head(model, backbone, dataset, plan, folder)
    linear: Weights = model.get_weights()
    if plan.tune.sizes:
        master = None if teacher is None else distill.teacher(teacher, dataset.labels, plan.teaching)
        tune(model, dataset, plan, folder, master)
        choose_blend(model, linear, dataset, plan)
    temporary = folder / "unfinished.keras"
    with runs.written(folder):
        model.save(temporary)
        temporary.replace(folder / runs.MODEL)
    return model


def choose_blend(model: keras.Model, linear: Weights, dataset: data.Dataset, plan: recipe.Recipe) -> float:
    """Set the mixture of the linear head's and the tuned weights that does best on held-out pictures; its share."""
    tuned: Weights = model.get_weights()
    merits = {}
    for share in plan.tune.blend:
        model.set_weights(mix(linear, tuned, share))
        parts = heldout.scores(model, dataset, plan.model.size)
        merits[share] = heldout.merit(parts)
        print(f"{share:g} of the fine-tuned weights: {heldout.told(parts)}", file=sys.stderr, flush=True)
    best = max(merits, key=merits.__getitem__)
    model.set_weights(mix(linear, tuned, best))
    return best


def mix(own: Weights, other: Weights, share: float) -> Weights:
    """The mean of both, `share` (0..1) of the other."""
    return [a + np.float32(share) * (b - a) for a, b in zip(own, other, strict=True)]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "train",
        description=__doc__,
        epilog="example:\n  smartbin-convert train build/set --recipe garbage10-efficientnet-lite2 --out build/run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", type=Path, metavar="SET", help="what `prepare` wrote")
    parser.add_argument("--recipe", default="garbage10-efficientnet-lite2", help="a name or a .toml file (%(default)s)")
    parser.add_argument("--weights", metavar="W", help="imagenet, none, or a file; instead of the recipe's")
    parser.add_argument(
        "--seed", type=recipe.read_seed, metavar="N", help="instead of the recipe's: another run, for `soup`"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="MODEL",
        help="learn from this model too: the model.keras of a finished run, or a model folder",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="the folder of this run")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    plan = recipe.load(options.recipe)
    if options.weights:
        plan = plan.model_copy(update={"model": plan.model.model_copy(update={"weights": options.weights})})
    if options.seed is not None:
        plan = plan.model_copy(update={"seed": options.seed})
    dataset = data.load(options.set)
    for taken_from in (Path(plan.model.weights), options.teacher):
        known = None if taken_from is None else runs.of(taken_from)
        if known is not None:
            known.check_held_out(dataset.items)
    command = shlex.join(["smartbin-convert", *sys.argv[1:]])
    with runs.alone(options.out):
        runs.begin(options.out, options.set, dataset.labels, plan, command, teacher=options.teacher)
        model = train(dataset, plan, options.out, options.teacher)
    held = dataset.indices(VALIDATION)
    score = accuracy(predict(model, dataset, held, plan.model.size), dataset.truth[held])
    print(f"{options.out / runs.MODEL}: {score:.2%} of the labels of {len(held)} validation pictures are right")
