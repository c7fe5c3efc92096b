"""What the votes of an item bring when each sees it lie otherwise, against looking at the same picture again.

    python tests/bench/lays.py SET [--model DIR]

SET is what `smartbin-convert prepare` wrote, with other cameras given as --robust. A line for each source and number of
votes: as many votes on one picture of a thing that lies still would all be alike, so one vote is what they are worth.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert import data
from convert.metrics import ROUTES
from convert.split import ROBUST, TEST, VALIDATION
from edge import manifest
from edge.adapters.litert import LiteRtClassifier
from edge.decision import Policy, decide
from edge.model import Decision, Outcome, Prediction
from edge.preprocess import LAYS, laid
from edge.progress import progress

MODEL = Path(__file__).resolve().parents[2] / "models" / "garbage10-efficientnet-lite2"


def main() -> int:
    """A line for each source and number of votes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("--model", type=Path, default=MODEL, metavar="DIR")
    options = parser.parse_args()
    dataset = data.load(options.set)
    about = manifest.load(options.model)
    policy = Policy(
        labels=about.labels,
        routes=ROUTES,
        default="landfill",
        temperature=about.temperature,
        novelty=manifest.load_novelty(options.model, about),
    )
    cameras = sorted({data.source(item) for item in dataset.items if item.split == ROBUST})
    parts = {part: dataset.indices(part) for part in (VALIDATION, TEST)}
    parts |= {camera: dataset.indices(ROBUST, camera) for camera in cameras}
    print("source, votes: labels right; sorted; of these into a wrong compartment")
    with closing(LiteRtClassifier(options.model)) as classifier:
        for name, indices in parts.items():
            votes = _votes(dataset, indices, classifier, name)
            truth = [dataset.labels[dataset.truth[i]] for i in indices]
            for count in range(1, len(LAYS) + 1):
                decisions = [decide(item[:count], policy) for item in votes]
                print(f"{name}, {count}: {_told(decisions, truth)}", flush=True)
    return 0


def _votes(
    dataset: data.Dataset, indices: NDArray[np.int64], classifier: LiteRtClassifier, title: str
) -> list[list[Prediction]]:
    found = []
    with progress(title, len(indices)) as advance:
        for i in indices:
            rgb = dataset.pictures[i]
            found.append([classifier.classify(laid(rgb, vote)) for vote in range(len(LAYS))])
            advance(1, "")
    return found


def _told(decisions: Sequence[Decision], truth: Sequence[str]) -> str:
    right = np.mean([decision.label == label for decision, label in zip(decisions, truth, strict=True)])
    placed = [
        decision.compartment == ROUTES[label]
        for decision, label in zip(decisions, truth, strict=True)
        if decision.outcome is Outcome.SORTED
    ]
    wrong = placed.count(False)
    return f"{right:.1%}; {len(placed) / len(decisions):.1%}; {wrong} of {len(placed)} ({wrong / len(placed):.1%})"


if __name__ == "__main__":
    sys.exit(main())
