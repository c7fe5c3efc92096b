"""The bank that a bin is taught with (edge.bank): some pictures of the set as the packaged model sees them.

`package` puts one into every model folder; the step gives one to a model that was packaged without.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from convert import data
from convert.augment import Augment, augment
from convert.calibrate import opened
from convert.errors import RecipeError
from convert.measure import answer
from convert.modelfolder import Description, with_bank
from convert.split import TRAIN, VALIDATION
from edge.adapters.litert import LiteRtClassifier
from edge.bank import Bank, last_layer, to_bytes
from edge.model import Pixels

EACH = 100  # training pictures of each class to fit with; more make it larger and hardly better
LAYER = 4  # times as many pictures as features, to find the last layer from


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "bank",
        help="what a bin is taught with, for a model folder that was packaged without",
        description=__doc__,
        epilog="example:\n  smartbin-convert bank models/my-bin --set build/set",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model folder")
    parser.add_argument("--set", required=True, type=Path, metavar="SET", help="what `prepare` wrote, and trained it")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    dataset = data.load(options.set)
    with closing(LiteRtClassifier(options.model)) as classifier:
        manifest = classifier.manifest
        if manifest.outputs.embedding is None:
            raise RecipeError(f"{options.model}: it gives no embedding, so it cannot be taught. Quantise it again.")
        if set(manifest.labels) != set(dataset.labels):
            raise RecipeError(f"{options.set}: its labels are {', '.join(dataset.labels)}, not the model's.")
        found = bank(classifier, data.in_order(dataset, manifest.labels))
    with_bank(options.model, found)
    print(f"{options.model}: {len(found.truth)} pictures in its bank, {len(to_bytes(found)) / 1e6:.2f} MB")


def described(tflite: bytes, draft: Description, dataset: data.Dataset, seed: int = 0) -> Description:
    """The description with a bank; as it was when the model gives no embedding. Raises ModelError, RecipeError."""
    with opened(tflite, draft) as classifier:
        if classifier.manifest.outputs.embedding is None:
            return draft
        return replace(draft, bank=bank(classifier, dataset, seed))


def bank(classifier: LiteRtClassifier, dataset: data.Dataset, seed: int = 0) -> Bank:
    """Of a model that gives embeddings and has the labels of the set. To fit: training part; to check: validation."""
    random = np.random.default_rng(seed)
    training, held_out = dataset.indices(TRAIN), dataset.indices(VALIDATION)
    chosen = dataset.of_each(TRAIN, EACH, random)
    rest = random.permutation(np.setdiff1d(training, chosen))
    asked = np.concatenate([chosen, held_out, rest])
    # the last layer is found from more pictures than the bank holds: there must be well more of them than features
    wanted = max(len(chosen) + len(held_out), LAYER * _features(classifier, dataset))
    pictures = [partial(dataset.pictures.__getitem__, int(i)) for i in asked[:wanted]]
    # a small set is looked at again and again, each time in another way
    again = random.choice(training, max(0, wanted - len(asked)))
    pictures += [
        partial(_changed, dataset, int(i), classifier.manifest.input.height, [seed, n]) for n, i in enumerate(again)
    ]
    answers = answer(classifier, pictures, title="bank")
    assert answers.embeddings is not None, "the manifest said that the model gives one"
    weights, bias = last_layer(answers.embeddings, answers.logits)
    rows = len(chosen) + len(held_out)
    is_held_out = np.arange(rows) >= len(chosen)
    return Bank(answers.embeddings[:rows], dataset.truth[asked[:rows]], is_held_out, weights, bias)


def _changed(dataset: data.Dataset, index: int, size: int, seed: Sequence[int]) -> Pixels:
    return augment(dataset.pictures[index], size, Augment(), np.random.default_rng(seed))


def _features(classifier: LiteRtClassifier, dataset: data.Dataset) -> int:
    embedding = classifier.classify(dataset.pictures[0]).embedding
    assert embedding is not None, "the manifest said that the model gives one"
    return len(embedding)
