"""How strange a thing is to the model: how far its embedding points away from all that it was trained on. Pure.

Embeddings of what a model was trained on lie close to a subspace of a few dozen of their 1280 dimensions; what it never
met leaves that subspace. Their length says little, so it is divided out, and what is left is the sine of an angle.
(Cook et al. 2020, "Outlier detection through null space analysis of neural networks"; the residual of Wang et al. 2022,
"ViM: out-of-distribution with virtual-logit matching", is the same without the division.)
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.npz import read_arrays

ANSWERED = 0.95  # share of known things that stay within the threshold


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """basis: float32 (features, dimensions), orthonormal columns that span what was trained on."""

    basis: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """threshold: the distance, > 0, beyond which a thing is unknown."""

    statistics: Statistics
    threshold: float


def distance(embedding: NDArray[np.float32], statistics: Statistics) -> float:
    """How strange, 0 (like what was trained on) to 1, of float32 (features,). Raises ValueError: another model's."""
    basis = statistics.basis
    if embedding.shape != basis.shape[:1]:
        raise ValueError(
            f"the embedding has the shape {embedding.shape}, the statistics are of {basis.shape[0]} features"
        )
    length = float(np.linalg.norm(embedding))
    if length == 0:
        return 1.0  # it points nowhere, so not where anything known does
    within = float(np.linalg.norm(embedding @ basis)) / length
    return float(np.sqrt(max(0.0, 1 - within**2)))


def times_threshold(embeddings: Sequence[NDArray[np.float32]], novelty: Novelty) -> float:
    """How strange, the mean over at least one embedding (features,); above 1 it is unknown. Raises ValueError."""
    return float(np.mean([distance(embedding, novelty.statistics) for embedding in embeddings])) / novelty.threshold


def refitted(novelty: Novelty, known: NDArray[np.float32]) -> float:
    """The threshold that also lets ANSWERED of these known things pass; float32 (n, features). Never a smaller one."""
    distances = [distance(embedding, novelty.statistics) for embedding in known]
    return max(novelty.threshold, float(np.quantile(distances, ANSWERED))) if distances else novelty.threshold


def to_bytes(statistics: Statistics) -> bytes:
    """The content of the statistics file: a .npz with `basis`."""
    stream = io.BytesIO()
    np.savez(stream, basis=statistics.basis.astype(np.float32))
    return stream.getvalue()


def from_bytes(content: bytes) -> Statistics:
    """What to_bytes made. Raises ValueError when it is something else."""
    (basis,) = read_arrays(content, basis=np.float32)
    if basis.ndim != 2 or not np.isfinite(basis).all():
        raise ValueError(f"`basis` must be finite numbers (features, dimensions), not of shape {basis.shape}")
    return Statistics(basis)
