"""What teaching a bin a few items of its site would bring, and what of the rest it would forget.

    python tests/bench/site.py SET [--model DIR] [--draws 6]

SET is what `smartbin-convert prepare` wrote, with the sites given as --robust. Of each site 1, 2, 5 and 10 pictures a
class are drawn to be taught; the rest of the site is the test, less what was shot in the same burst. Beside it the test
part of the set. The bank is made of the training part, its check of the validation part. The same items with their
labels dealt out at random must not be taken over.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert import data
from convert.bank import EACH
from convert.measure import Answers, answer
from convert.metrics import ROUTES, accuracy, compartment_accuracy
from convert.split import ROBUST, TEST, TRAIN, VALIDATION
from edge.adapters.litert import LiteRtClassifier
from edge.bank import Bank, from_bytes, last_layer, to_bytes
from edge.lesson import learn
from edge.teach import Examples

MODEL = Path(__file__).resolve().parents[2] / "models" / "garbage10-efficientnet-lite2"
_SHOT = re.compile(r"_(\d+)_(\d+)\.\w+$")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A set and the model's answers to all of it."""

    dataset: data.Dataset
    answers: Answers
    temperature: float

    @property
    def features(self) -> NDArray[np.float32]:
        """float32 (n, m)."""
        assert self.answers.embeddings is not None, "a model that is to be taught gives embeddings"
        return self.answers.embeddings


def main() -> int:
    """A line for each site and number of items."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("--model", type=Path, default=MODEL, metavar="DIR")
    parser.add_argument("--draws", type=int, default=6, help="of items to be taught, for each line (%(default)s)")
    options = parser.parse_args()
    asked = _ask(options.set, options.model)
    bank = _bank(asked, np.random.default_rng(0))
    print(f"bank: {len(bank.truth)} things, {len(to_bytes(bank)) / 1e6:.2f} MB")
    sites = sorted({data.source(item) for item in asked.dataset.items if item.split == ROBUST})
    for site in sites:
        print(f"{site}, untaught: {_told(asked, asked.dataset.indices(ROBUST, site))}")
    print(f"test part, untaught: {_told(asked, asked.dataset.indices(TEST))}")
    print("labels / compartments right, mean over the draws")
    for site in sites:
        for items in (1, 2, 5, 10):
            print(f"{site}, {items} a class: {_line(asked, bank, site, items, options.draws)}", flush=True)
    return 0


def _ask(folder: Path, model: Path) -> Asked:
    dataset = data.load(folder)
    with closing(LiteRtClassifier(model)) as classifier:
        pictures = [partial(dataset.pictures.__getitem__, i) for i in range(len(dataset.items))]
        return Asked(dataset, answer(classifier, pictures), classifier.manifest.temperature)


def _bank(asked: Asked, random: np.random.Generator) -> Bank:
    dataset = asked.dataset
    training, held = dataset.indices(TRAIN), dataset.indices(VALIDATION)
    chosen = dataset.of_each(TRAIN, EACH, random)
    rows = np.concatenate([chosen, held])
    weights, bias = last_layer(asked.features[training], asked.answers.logits[training])
    bank = Bank(asked.features[rows], dataset.truth[rows], np.arange(len(rows)) >= len(chosen), weights, bias)
    return from_bytes(to_bytes(bank))  # with the 8 bits that it would ship with


def _line(asked: Asked, bank: Bank, site: str, items: int, draws: int) -> str:
    figures, accepted, mixed_up = [], 0, 0
    random = np.random.default_rng(1)
    test = asked.dataset.indices(TEST)
    for taught, rest in _draws(asked.dataset, site, items, draws):
        examples = Examples(asked.features[taught], asked.dataset.truth[taught], [str(i) for i in taught])
        lesson = learn(bank, examples, asked.dataset.labels, ROUTES, asked.temperature)
        accepted += lesson.objection is None
        dealt = Examples(examples.features, random.permutation(examples.truth), examples.moments)
        mixed_up += learn(bank, dealt, asked.dataset.labels, ROUTES, asked.temperature).objection is None
        logits = lesson.layer.logits(asked.features)
        figures.append(
            [*_right(asked, logits, rest, lesson.temperature), *_right(asked, logits, test, lesson.temperature)]
        )
    means = np.mean(figures, axis=0)
    told = f"site {means[0]:.1%} / {means[1]:.1%}, test part {means[2]:.1%} / {means[3]:.1%}"
    return f"{told}; taken over in {accepted} of {draws}, with mixed-up labels in {mixed_up}"


def _draws(
    dataset: data.Dataset, site: str, items: int, draws: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices of what is taught, and of what was not shot together with any of it."""
    random = np.random.default_rng(0)
    indices = dataset.indices(ROBUST, site)
    bursts = np.array(_bursts(dataset, indices))
    for _ in range(draws):
        taught: list[int] = []
        for label in np.unique(dataset.truth[indices]):
            of_label = dataset.truth[indices] == label
            for burst in random.permutation(np.unique(bursts[of_label]))[:items]:
                taught.append(int(random.choice(indices[of_label & (bursts == burst)])))
        used = bursts[np.isin(indices, taught)]
        yield np.array(taught), indices[~np.isin(bursts, used)]


def _bursts(dataset: data.Dataset, indices: NDArray[np.int64]) -> list[str]:
    """Of each picture: what was shot together. A camera counts its shots up; others go by what looks the same."""
    names, burst, last = {}, 0, 0
    for i in sorted(indices.tolist(), key=lambda i: dataset.items[i].path):
        shot = _SHOT.search(dataset.items[i].path)
        if shot is None:
            names[i] = f"alike {dataset.items[i].group}"
            continue
        burst += int(shot[2]) <= last
        last = int(shot[2])
        names[i] = f"{dataset.items[i].label} {burst}"
    return [names[i] for i in indices.tolist()]


def _told(asked: Asked, indices: NDArray[np.int64]) -> str:
    labels, compartments = _right(asked, asked.answers.logits, indices, asked.temperature)
    return f"{labels:.1%} / {compartments:.1%}"


def _right(
    asked: Asked, logits: NDArray[np.float32], indices: NDArray[np.int64], temperature: float
) -> tuple[float, float]:
    truth = asked.dataset.truth[indices]
    found = logits[indices]
    return accuracy(found, truth), compartment_accuracy(found, truth, asked.dataset.labels, temperature)


if __name__ == "__main__":
    sys.exit(main())
