"""The float model that a packaged one was made from, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convert.errors import RecipeError
from convert.measure import fitted
from convert.metrics import Logits
from edge.images import read_image
from edge.manifest import Manifest
from edge.progress import progress

_CHUNK = 64

FloatModel: TypeAlias = Callable[[NDArray[np.float32]], Logits]


def keras_model(path: Path) -> FloatModel:
    """The float model as a function of float32 (n, height, width, 3) raw RGB. Raises RecipeError: unreadable."""
    import keras  # noqa: PLC0415 # a slow import that only the comparison needs

    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise RecipeError(f"{path}: not a Keras model that can be read ({error}).") from error

    def logits(batch: NDArray[np.float32]) -> Logits:
        outputs: Any = model.predict_on_batch(batch)
        return np.asarray(outputs[0] if isinstance(outputs, list | tuple) else outputs, dtype=np.float32)

    return logits


def ask(float_model: FloatModel, files: Sequence[Path], manifest: Manifest, locate: bool) -> Logits:
    """float32 (n, labels) on the very pixels that the packaged model is given. Raises RecipeError: it does not fit."""
    answers = []
    with progress("measure the float model", len(files)) as advance:
        for start in range(0, len(files), _CHUNK):
            items = [fitted(read_image(path), manifest, locate) for path in files[start : start + _CHUNK]]
            answers.append(_checked(float_model, np.stack(items).astype(np.float32), manifest))
            advance(len(items), "")
    return np.concatenate(answers)


def _checked(float_model: FloatModel, batch: NDArray[np.float32], manifest: Manifest) -> Logits:
    try:
        logits = float_model(batch)
    except ValueError as error:  # what Keras says of an input that does not fit
        raise RecipeError(f"The float model does not take pictures of {batch.shape[1:]}: {error}") from error
    if logits.shape != (len(batch), len(manifest.labels)):
        raise RecipeError(
            f"The float model answers {logits.shape[1:]}, not one logit for each of the {len(manifest.labels)} labels. "
            "Give the model from which this one was made."
        )
    return logits
