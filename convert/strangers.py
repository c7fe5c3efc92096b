"""What lets the bin tell strangers: the subspace in which the embeddings of the things it was trained on point.

Of the directions in which training embeddings point, those are kept in which empty trays point less, so that a tray is
strange as well (contrastive principal components, Abid et al. 2018). Distance: edge.novelty. The limit is set on
pictures as a tray would show them: what 95 % of plain ones stay within calls a fifth of those strange.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convert import data
from convert.augment import Augment, augment, empty_tray
from convert.calibrate import opened
from convert.modelfolder import Description
from convert.split import TRAIN, VALIDATION
from edge.adapters.litert import LiteRtClassifier
from edge.model import Pixels
from edge.novelty import ANSWERED, Novelty, Statistics, distance
from edge.progress import progress

PICTURES = 3000  # of the training part, as many of each class as there are
TRAYS = 300
# Chosen on validation, other cameras and half of what tests/bench/unknown_things.py makes. Fewer dimensions or more
# contrast answer more of another camera's pictures and let more strangers pass.
DIMENSIONS = 96
CONTRAST = 0.2
_ON_TRAYS = Augment()  # whatever the recipe trains on, a bin shows its things like this

Embeddings: TypeAlias = NDArray[np.float32]


def described(tflite: bytes, draft: Description, dataset: data.Dataset, look: Augment, seed: int = 0) -> Description:
    """The description with what tells unknown things; as it was when the model gives no embedding.

    look: how a bin would show an empty tray. Raises ModelError, RecipeError.
    """
    with opened(tflite, draft) as classifier:
        if classifier.manifest.outputs.embedding is None:
            return draft
        return replace(draft, novelty=_novelty(classifier, dataset, look, np.random.default_rng(seed)))


def fit(known: Embeddings, trays: Embeddings, dimensions: int = DIMENSIONS, contrast: float = CONTRAST) -> Statistics:
    """The subspace in which `known` (n, features) point and `trays` (m, features) do not."""
    spread = _spread(known) - contrast * _spread(trays)
    # eigenvectors come in the order of their eigenvalues, the smallest first
    vectors = np.linalg.eigh(spread)[1][:, ::-1]
    # A model of few features would leave strangers nowhere to point.
    return Statistics(np.ascontiguousarray(vectors[:, : min(dimensions, known.shape[1] // 4)], dtype=np.float32))


def threshold(held_out: Embeddings, statistics: Statistics, answered: float = ANSWERED) -> float:
    """The distance that this share of the known things stays within."""
    distances = [distance(embedding, statistics) for embedding in held_out]
    return max(float(np.quantile(distances, answered)), float(np.finfo(np.float32).eps))


def _novelty(
    classifier: LiteRtClassifier, dataset: data.Dataset, look: Augment, random: np.random.Generator
) -> Novelty:
    size, ask = classifier.manifest.input.height, partial(_embeddings, classifier)
    chosen = dataset.of_each(TRAIN, -(-PICTURES // len(dataset.labels)), random)
    known = ask("known things", (dataset.pictures[int(i)] for i in chosen), len(chosen))
    statistics = fit(known, ask("empty trays", (empty_tray(size, look, random) for _ in range(TRAYS)), TRAYS))
    held = dataset.indices(VALIDATION)
    shown = (augment(dataset.pictures[int(i)], size, _ON_TRAYS, random) for i in held)
    return Novelty(statistics, threshold(ask("held out", shown, len(held)), statistics))


def _spread(embeddings: Embeddings) -> NDArray[np.float64]:
    """(features, features): the second moment of their directions."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    directions = embeddings / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(directions.T.astype(np.float64) @ directions / len(directions))


def _embeddings(classifier: LiteRtClassifier, what: str, pictures: Iterable[Pixels], count: int) -> Embeddings:
    found = []
    with progress(what, count) as advance:
        for picture in pictures:
            embedding = classifier.classify(picture).embedding
            assert embedding is not None, "the manifest said that the model gives one"
            found.append(embedding)
            advance(1, "")
    return np.stack(found)
