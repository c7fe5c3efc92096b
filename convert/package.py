"""A quantised model -> a model folder: calibrated, measured, knowing strangers, accepted by the bin's own code."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path

from convert import bank, modelfolder
from convert.calibrate import calibrated
from convert.errors import RecipeError
from convert.strangers import described
from edge.manifest import NAME, Provenance


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "package",
        help="a TFLite file to a model folder for the bin: measured, calibrated, described",
        description=__doc__,
        epilog="example:\n  smartbin-convert package build/run build/model.tflite --name my-bin --out models/my-bin",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("training", type=Path, metavar="RUN", help="what `train` wrote")
    parser.add_argument("tflite", type=Path, metavar="FILE", help="what `quantize` wrote")
    parser.add_argument("--name", required=True, help="letters, digits and . _ -")
    parser.add_argument("--version", default="1.0.0", help="(%(default)s)")
    parser.add_argument("--licence", default="unstated", help="of the model (%(default)s)")
    parser.add_argument("--data", action="append", default=[], metavar="TEXT", help="what trained it; repeatable")
    parser.add_argument(
        "--data-licence", action="append", default=[], metavar="TEXT", help="of the data and weights; repeatable"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the model folder")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if not re.fullmatch(NAME, options.name):
        raise RecipeError(f"--name: letters, digits and . _ - alone, as my-bin, not {options.name!r}.")
    from convert import run as runs  # noqa: PLC0415 # brings Keras, which takes seconds and the help needs none of it

    run = runs.load(options.training)
    dataset = run.pictures()
    try:
        tflite = options.tflite.read_bytes()
    except OSError as error:
        raise RecipeError(f"{options.tflite}: {error.strerror}. Give the file that `quantize` wrote.") from error
    draft = modelfolder.Description(
        name=options.name,
        version=options.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=run.recipe.model.backbone,
        labels=run.labels,
        licence=options.licence,
        provenance=Provenance(
            data=tuple(options.data),
            licences=tuple(options.data_licence),
            command=run.command,
            # of an imported model nobody here knows how it was trained
            recipe=run.recipe.model_dump(mode="json", include={"model"} if run.imported else None),
        ),
    )
    measured = described(tflite, calibrated(tflite, draft, dataset), dataset, run.recipe.augment, run.recipe.seed)
    modelfolder.write(tflite, bank.described(tflite, measured, dataset, run.recipe.seed), options.out)
    print(f"{options.out}: {options.name} {options.version}, ready for the bin")
