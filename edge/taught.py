"""A model that answers with a taught head (edge.head) instead of its own last layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.errors import ModelError
from edge.head import About, Head
from edge.manifest import Manifest
from edge.model import Pixels, Prediction
from edge.ports import Classifier


class TaughtClassifier:
    """A Classifier that answers with a head instead of the model's last layer. Closes what it is given."""

    def __init__(self, classifier: Classifier, manifest: Manifest, number: str, head: Head) -> None:
        """manifest: the model's. Raises ModelError when the head is of another model."""
        if head.about.model_sha256 != manifest.sha256:
            raise ModelError("it was taught to another model")
        self.manifest = described(manifest, number, head.about)
        self._classifier = classifier
        self._layer = head.layer

    def classify(self, rgb: Pixels) -> Prediction:
        """See ports.Classifier."""
        prediction = self._classifier.classify(rgb)
        assert prediction.embedding is not None, "a model with a head gives embeddings"
        return replace(prediction, logits=self._layer.logits(prediction.embedding[np.newaxis])[0])

    def close(self) -> None:
        """Free the interpreter."""
        self._classifier.close()


def described(manifest: Manifest, number: str, about: About) -> Manifest:
    """What the model is with this head: its labels, its calibration, and a version that names the head."""
    unknown = manifest.unknown
    if unknown is not None and about.threshold is not None:
        unknown = unknown.model_copy(update={"threshold": about.threshold})
    version = f"{manifest.version}+head.{number}"
    changed = {"labels": about.labels, "temperature": about.temperature, "version": version, "unknown": unknown}
    return manifest.model_copy(update=changed)
