"""How good a model is on what lay on the trays of bins, and how good the model was that it is to take the place of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from convert import evaluate
from convert.evaluate import Group
from convert.figures import AtBin
from convert.measure import Runner, measure
from convert.metrics import Logits
from convert.samples import Sample, by_bin
from edge.manifest import Manifest, load

NEVER = -1e4  # a logit


def ask_before(
    folder: Path, samples: Sequence[Sample], manifest: Manifest, run: Runner, locate: bool
) -> Mapping[str, Logits]:
    """What an earlier model says of each bin's pictures: float32 (n, labels), as if it had the labels of this one.

    Those that it does not know it never names. Raises ModelError.
    """
    earlier = load(folder)
    said = {}
    for name, members in by_bin(samples).items():
        answers = run(measure, folder, [sample.path for sample in members], locate)
        logits = np.full((len(members), len(manifest.labels)), NEVER, np.float32)
        for i, label in enumerate(manifest.labels):
            if label in earlier.labels:
                # it is judged with the temperature of this one
                own = answers.logits[:, earlier.labels.index(label)] / earlier.temperature
                logits[:, i] = own * manifest.temperature
        said[name] = logits
    return said


def at_bin(group: Group, before: Mapping[str, Logits], manifest: Manifest) -> AtBin:
    """before: by the names of the groups; none where no earlier model was asked."""
    earlier = before.get(group.name)
    compared = None if earlier is None else evaluate.compared(earlier, group.logits, group.truth, manifest)
    return AtBin(evaluate.scores(group, manifest), compared)
