"""The bank that ships with a model: a little of what it was trained on, as features, so that a bin can be taught. Pure.

A head that is fitted to a site's few items alone forgets the rest. The bank holds it there: some training features to
fit with, and held-out ones to check with. Features are the model's embeddings, kept in 8 bits.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.npz import read_arrays

Features: TypeAlias = NDArray[np.float32]
Truth: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """features: float32 (n, m). truth: int64 (n,), indices into the model's labels. held_out: bool (n,), to check with.

    weights: float32 (labels, m) and bias: float32 (labels,): the model's own last layer, logits = weights @ f + bias.
    """

    features: Features
    truth: Truth
    held_out: NDArray[np.bool_]
    weights: Features
    bias: Features

    def part(self, held_out: bool) -> tuple[Features, Truth]:
        """What to fit with, or what to check with."""
        chosen = self.held_out if held_out else ~self.held_out
        return self.features[chosen], self.truth[chosen]


def last_layer(embeddings: Features, logits: Features) -> tuple[Features, Features]:
    """weights (labels, m) and bias (labels,) that lead from embeddings (n, m) to logits (n, labels): least squares.

    n must be well above m. The rounding of an 8-bit model is what is left over.
    """
    extended = np.column_stack([embeddings, np.ones(len(embeddings))]).astype(np.float64)
    found = np.linalg.lstsq(extended, logits.astype(np.float64), rcond=None)[0]
    return found[:-1].T.astype(np.float32), found[-1].astype(np.float32)


def to_bytes(bank: Bank) -> bytes:
    """The content of the bank file: a compressed .npz. Features above 0 keep 8 bits of the largest; others are cut."""
    scale = max(float(bank.features.max(initial=0.0)), 1e-6) / 255
    arrays: dict[str, Any] = {
        "features": np.clip(np.rint(bank.features / scale), 0, 255).astype(np.uint8),
        "scale": np.float32(scale),
        "truth": bank.truth.astype(np.uint16),
        "held_out": bank.held_out,
        "weights": bank.weights.astype(np.float32),
        "bias": bank.bias.astype(np.float32),
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def from_bytes(content: bytes) -> Bank:
    """What to_bytes made. Raises ValueError when it is something else."""
    features, scale, truth, held_out, weights, bias = read_arrays(
        content,
        features=np.float32,
        scale=np.float32,
        truth=np.int64,
        held_out=np.bool_,
        weights=np.float32,
        bias=np.float32,
    )
    bank = Bank(features * scale, truth, held_out, weights, bias)
    _check(bank)
    return bank


def _check(bank: Bank) -> None:
    count, width = bank.features.shape if bank.features.ndim == 2 else (-1, -1)
    labels = len(bank.bias) if bank.bias.ndim == 1 else -1
    fits = bank.weights.shape == (labels, width) and bank.truth.shape == bank.held_out.shape == (count,)
    if not fits or labels < 2 or not count or int(bank.truth.max()) >= labels:
        raise ValueError("its arrays do not fit each other")
    if not all(np.isfinite(array).all() for array in (bank.features, bank.weights, bank.bias)):
        raise ValueError("it holds NaN or infinity")
