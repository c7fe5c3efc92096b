"""smartbin-convert: pictures in class folders to a packaged model, one command a step. No logic here."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from edge.errors import SmartBinError

INTERRUPTED = 130

_EXAMPLE = """\
example, from folders of pictures to a model for the bin:
  smartbin-convert prepare pictures/ --out build/set
  smartbin-convert train build/set --recipe garbage10-efficientnet-lite2 --out build/run
  smartbin-convert quantize build/run --out build/model.tflite
  smartbin-convert package build/run build/model.tflite --name my-bin --out models/my-bin
  smartbin-convert verify models/my-bin --splits build/set/splits.csv --keras build/run/model.keras
  smartbin-convert report models/my-bin --pictures pictures/ --out report.html
several runs mixed into one model: `smartbin-convert soup build/run build/other --out build/soup`
with a Keras model that you have: `smartbin-convert import model.h5 --set build/set --out build/run` instead of `train`

exit codes: 0 fine, 1 the pictures do not allow it, 2 an option or a recipe is wrong, 4 a model is wrong or loses too
much, 130 stopped with Ctrl-C (what was finished is kept; the same command goes on from there)
"""
_MODULES = {"import": "importer"}  # a keyword of Python is no name for a module
# In the order of use. convert.STEP has add_parser(subparsers), whose `run` default is called with the arguments.
STEPS = {
    "prepare": "read class folders of pictures, group near-duplicates, split into training, validation and test",
    "train": "train a model on a prepared set; the same command goes on with a stopped run",
    "soup": "the mean of several runs' weights, where it is better than each",
    "import": "a Keras model (.h5, .keras) trained elsewhere, instead of `train`",
    "quantize": "a trained model to a small and fast TFLite file, and what that costs",
    "verify": "measure a packaged model with the code that runs on the Pi",
    "package": "put a TFLite file, what it is and its model card into a model folder",
    "bank": "what a bin is taught with, for a model folder that was packaged without",
    "report": "what `verify` measured as one HTML page, and as the model card",
    "publish": "models for bins in a signed repository: keys, add, refresh, rotate (docs/UPDATES.md)",
}


class _Step(Protocol):
    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; the exit code."""
    # TensorFlow tells about its build on every start; a failure still comes as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = argument_parser(words).parse_args(words)
    try:
        options.run(options)
    except SmartBinError as error:
        print(f"smartbin-convert: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nsmartbin-convert: stopped. The same command goes on from where it was.", file=sys.stderr)
        return INTERRUPTED
    return 0


def argument_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Every step; the one that `words` begin with has its arguments too."""
    parser = argparse.ArgumentParser(
        prog="smartbin-convert", description=__doc__, epilog=_EXAMPLE, formatter_class=argparse.RawTextHelpFormatter
    )
    subparsers = parser.add_subparsers(metavar="STEP", required=True)
    for step, summary in STEPS.items():
        if step in words[:1]:
            # Keras takes seconds to import: only the step that was asked for is loaded.
            cast(_Step, importlib.import_module(f"convert.{_MODULES.get(step, step)}")).add_parser(subparsers)
        else:
            subparsers.add_parser(step, help=summary)
    return parser


if __name__ == "__main__":
    sys.exit(main())
