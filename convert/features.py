"""What an ImageNet network sees in each picture, computed once: prepare run again on the same pictures asks the file.

The file grows by a record a picture and is never rewritten, so a stop at any moment loses one batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.data import Pictures
from edge.model import Pixels
from edge.preprocess import fit
from edge.progress import progress

_SIZE_PX, _BATCH, _KEY_BYTES = 160, 64, 16

Embed = Callable[[Sequence[Pixels]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Embedder:
    """embed: from n pictures to float32 (n, width). name: the file's, so of another network is another file."""

    name: str
    width: int
    embed: Embed


def imagenet() -> Embedder:
    """EfficientNet-Lite2 at 160 px: 1280 numbers a picture. It is loaded when the first picture needs it."""
    models: list[Any] = []

    def embed(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        if not models:
            from convert import backbones  # noqa: PLC0415 # Keras takes seconds, and stored features need none of it

            models.append(backbones.build("efficientnet-lite2", size=_SIZE_PX))
        batch = np.stack([fit(picture, _SIZE_PX, _SIZE_PX) for picture in pictures]).astype(np.float32)
        return np.asarray(models[0].predict_on_batch(batch), dtype=np.float32)

    return Embedder("efficientnet-lite2-160", 1280, embed)


def features(pictures: Pictures, embedder: Embedder, folder: Path) -> NDArray[np.float32]:
    """float32 (n, width), a row a picture, from features-NAME.bin in `folder` as far as it goes. Raises OSError."""
    record = np.dtype([("key", f"V{_KEY_BYTES}"), ("feature", np.float32, (embedder.width,))])
    path = folder / f"features-{embedder.name}.bin"
    path.touch()
    stored = np.fromfile(path, dtype=record)
    place = {key.tobytes(): i for i, key in enumerate(stored["key"])}
    keys = [_key(pictures[i]) for i in range(len(pictures))]
    result = np.empty((len(keys), embedder.width), np.float32)
    missing = [i for i, key in enumerate(keys) if key not in place]
    known = [i for i, key in enumerate(keys) if key in place]
    result[known] = stored["feature"][[place[keys[i]] for i in known]]
    with path.open("r+b") as stream, progress("compare", len(keys), len(known)) as advance:
        stream.truncate(len(stored) * record.itemsize)  # half a record: an earlier run was stopped while it wrote
        stream.seek(0, 2)
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            result[batch] = embedder.embed([pictures[i] for i in batch])
            rows = np.empty(len(batch), record)
            rows["feature"] = result[batch]
            rows["key"] = np.frombuffer(b"".join(keys[i] for i in batch), record["key"])
            stream.write(rows.tobytes())
            stream.flush()
            advance(len(batch), "")
    return result


def _key(rgb: Pixels) -> bytes:
    return hashlib.blake2b(rgb.tobytes(), digest_size=_KEY_BYTES, key=repr(rgb.shape).encode()).digest()
