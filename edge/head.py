"""A taught head: the model's last layer, changed on the bin by what its owner has labelled. Pure.

The network that looks at the picture stays as it is. The head is a small file of its own beside the model's, and the
bin goes back to the model's own layer, or to an earlier head, at a word.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields

import numpy as np
from pydantic import TypeAdapter, ValidationError

from edge.lesson import Compared
from edge.npz import read_arrays
from edge.teach import Layer

NUMBER = r"\d{4,}"
BASE = "base"  # in place of a number: the model's own layer


@dataclass(frozen=True, slots=True)
class About:
    """What a head says of itself.

    model_sha256: of the model file whose embeddings it takes. labels: in the order of its logits; the model's own
    first, then those that were taught. temperature: > 0. made: RFC 3339 UTC. items: how many were taught. site, bank:
    how it was judged. threshold: of the unknown test (edge.novelty), where the model has one.
    """

    model_sha256: str
    labels: tuple[str, ...]
    temperature: float
    made: str
    items: int
    site: Compared
    bank: Compared
    threshold: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """layer: takes the model's embeddings, gives a logit for each of about.labels."""

    about: About
    layer: Layer


_ABOUT = TypeAdapter(About)
_ARRAYS = tuple(array.name for array in fields(Layer))


def to_bytes(head: Head) -> bytes:
    """The content of a head file: a .npz with the layer's arrays and `about`."""
    arrays = {name: getattr(head.layer, name) for name in _ARRAYS}
    stream = io.BytesIO()
    np.savez(stream, about=np.frombuffer(_ABOUT.dump_json(head.about), np.uint8), **arrays)
    return stream.getvalue()


def from_bytes(content: bytes) -> Head:
    """What to_bytes made. Raises ValueError when it is something else."""
    told, *layer_arrays = read_arrays(content, about=np.uint8, **dict.fromkeys(_ARRAYS, np.float32))
    try:
        about = _ABOUT.validate_json(told.tobytes())
    except ValidationError as error:
        raise ValueError(f"{error.error_count()} mistakes in what it says of itself") from error
    try:
        layer = Layer(*layer_arrays)
        answers = layer.logits(np.ones((1, layer.weights.shape[-1]), np.float32))
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(f"its arrays do not fit each other ({error})") from error
    if answers.shape != (1, len(about.labels)) or not all(np.isfinite(array).all() for array in layer_arrays):
        raise ValueError("its arrays do not fit its labels, or hold NaN")
    if not 0 < about.temperature < float("inf"):
        raise ValueError("its temperature must be above 0")
    return Head(about, layer)
