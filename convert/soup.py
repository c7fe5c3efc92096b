"""Several runs -> one model: the mean of their weights that does best on held-out pictures (a greedy soup).

Runs that began with the same weights end near enough to each other for a mean of them to work, and it is often better
than any of them, on other cameras too, and costs the bin nothing (Wortsman et al. 2022, arXiv 2203.05482). So train
one recipe with several seeds (`train --seed`), or with other augmentation, and throw nothing away.

From the best run on, each other one is tried, in parts from a little to half; what does not help stays out. What
counts is the validation part, clean and as a bad camera sees it, and the pictures of other cameras. The test part is
not asked. The set and the size of the pictures are those of the RUN that is named first.

    SOUP/run.json, splits.csv, model.keras   a run like any other, for `quantize`; what its runs were trained on
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from convert import data, heldout
from convert import run as runs
from convert.errors import RecipeError
from convert.train import Weights, mix

SHARES = (0.2, 0.35, 0.5)  # of a run in what there was before it


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A run in the soup. share: its part (0..1) of the mean when it was put in; the first one has 1."""

    folder: Path
    share: float


def cook(kitchen: Sequence[runs.Run], dataset: data.Dataset) -> tuple[keras.Model, list[Ingredient]]:
    """The model, and what is in it. Raises RecipeError: the runs are of different networks or labels."""
    model = kitchen[0].model()
    size = kitchen[0].recipe.model.size
    weights = [model.get_weights(), *(_fitting(model, kitchen[0], run) for run in kitchen[1:])]
    alone = [_taste(model, each, dataset, size, str(run.folder)) for each, run in zip(weights, kitchen, strict=True)]
    first, *others = sorted(range(len(kitchen)), key=lambda i: -alone[i])
    soup, best = weights[first], alone[first]
    used = [Ingredient(kitchen[first].folder, 1.0)]
    for i in others:
        tried = {
            share: _taste(model, mix(soup, weights[i], share), dataset, size, f"{share:.0%} of {kitchen[i].folder}")
            for share in SHARES
        }
        share = max(tried, key=tried.__getitem__)
        if tried[share] > best:
            soup, best = mix(soup, weights[i], share), tried[share]
            used.append(Ingredient(kitchen[i].folder, share))
    model.set_weights(soup)
    return model, used


def _fitting(model: keras.Model, first: runs.Run, other: runs.Run) -> Weights:
    weights: Weights = other.model().get_weights()
    if other.labels != first.labels:
        raise RecipeError(f"{other.folder}: has other labels than {first.folder}. Only runs of one set can be mixed.")
    if [a.shape for a in weights] != [a.shape for a in model.get_weights()]:
        raise RecipeError(f"{other.folder}: is another network than {first.folder}. Only runs of one can be mixed.")
    return weights


def _taste(model: keras.Model, weights: Weights, dataset: data.Dataset, size: int, name: str) -> float:
    model.set_weights(weights)
    parts = heldout.scores(model, dataset, size, corrupted=True)
    print(f"{name}: {heldout.told(parts)}", file=sys.stderr, flush=True)
    return heldout.merit(parts)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "soup",
        description=__doc__,
        epilog="example:\n  smartbin-convert soup build/run-0 build/run-1 build/run-2 --out build/soup",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs, two or more")
    parser.add_argument("--out", required=True, type=Path, metavar="SOUP", help="the folder of the new run")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if len(set(options.runs)) < 2:
        raise RecipeError("A soup needs two runs or more.")
    kitchen = [runs.load(folder) for folder in options.runs]
    command = shlex.join(["smartbin-convert", *sys.argv[1:]])
    planned = replace(kitchen[0], folder=options.out, command=command, imported=False)
    runs.keep_another(planned)  # before minutes of tasting
    dataset = kitchen[0].pictures()
    for run in kitchen[1:]:
        run.check_held_out(dataset.items)
    model, used = cook(kitchen, dataset)
    first = next(run for run in kitchen if run.folder == used[0].folder).recipe
    # what it is quantised for and measured on is what it was tasted as and on
    sized = first.model.model_copy(update={"size": planned.recipe.model.size})
    trained = {known: item for run in kitchen for known, item in run.trained().items()}
    runs.write_finished(replace(planned, recipe=first.model_copy(update={"model": sized})), model, [*trained.values()])
    parts = " + ".join(f"{each.share:.0%} of {each.folder}" for each in used[1:])
    print(f"{options.out / runs.MODEL}: {used[0].folder}{f', then {parts}' if parts else ' alone: nothing helped it'}")
