"""What a format costs: a .tflite file is asked about held-out pictures, by the code that asks it in the bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert import calibrate, data
from convert.metrics import Logits, Truth, accuracy, compartment_accuracy, expected_calibration_error, fit_temperature
from convert.modelfolder import Description
from convert.split import ROBUST, VALIDATION
from convert.tflite import op_counts
from edge.adapters.litert import LiteRtClassifier
from edge.model import Pixels
from edge.progress import progress

ROUNDS = 30
_LATENCY_S = 20.0  # of each file, at most
# Formats without fast kernels take seconds a picture: beside others they are asked about a few only.
SLOW = {"int16x8": 24}
_ROBUST = 400


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file in one of encode.FORMATS. kept: the names of the units that "selective" left in float."""

    form: str
    content: bytes
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares (0..1) on `pictures` pictures. agreement: with the float file. ece: with the temperature that suits it."""

    pictures: int
    label: float
    compartment: float
    agreement: float
    ece: float


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a candidate. loss: points of label accuracy that it lost against float on the same pictures."""

    form: str
    kept: tuple[str, ...]
    bytes: int
    ops: Mapping[str, int]
    latency_median_ms: float
    latency_p95_ms: float
    validation: Scores | None = None
    loss: float | None = None
    robust: Scores | None = None


class Trial:
    """The held-out pictures of a set, and how the float file answers on them."""

    def __init__(self, dataset: data.Dataset, float_content: bytes, seed: int = 0) -> None:
        self._dataset = dataset
        random = np.random.default_rng(seed)
        # shuffled, so that any first few are a fair sample; the test part is not for choosing
        self._parts = {
            VALIDATION: random.permutation(dataset.indices(VALIDATION)),
            ROBUST: random.permutation(dataset.indices(ROBUST))[:_ROBUST],
        }
        self._float = Candidate("float32", float_content)
        self._exact: dict[str, Logits] = {}

    def validation(self, candidate: Candidate, limit: int | None = None) -> tuple[Scores, float]:
        """The scores on the validation part, or the first `limit` of it, and the points of accuracy lost there."""
        exact, logits, truth = self._compared(candidate, VALIDATION, limit)
        lost = 100 * (accuracy(exact, truth) - accuracy(logits, truth))
        return _scores(logits, exact, truth, self._dataset.labels), lost

    def robust(self, candidate: Candidate) -> Scores | None:
        """The scores on pictures from elsewhere; None where the set has none."""
        if not len(self._parts[ROBUST]):
            return None
        exact, logits, truth = self._compared(candidate, ROBUST, None)
        return _scores(logits, exact, truth, self._dataset.labels)

    def _compared(self, candidate: Candidate, part: str, limit: int | None) -> tuple[Logits, Logits, Truth]:
        """What float answers, what the candidate answers, and what is right."""
        indices = self._parts[part]
        if part not in self._exact:
            self._exact[part] = self._answer(self._float, indices)
        exact, truth = self._exact[part][:limit], self._dataset.truth[indices[:limit]]
        same = candidate.content is self._float.content
        return exact, exact if same else self._answer(candidate, indices[:limit]), truth

    def _answer(self, candidate: Candidate, indices: NDArray[np.int64]) -> Logits:
        with opened(candidate.content, self._dataset.labels) as classifier:
            return calibrate.ask(classifier, self._dataset, indices, f"measure {candidate.form}")


def opened(content: bytes, labels: Sequence[str]) -> AbstractContextManager[LiteRtClassifier]:
    """The bin's classifier on a file. Raises ModelError when the bin would not take it."""
    return calibrate.opened(content, Description("trial", "0.0.0", "1970-01-01", "none", tuple(labels), "none"))


def rows(
    candidates: Sequence[Candidate], labels: Sequence[str], picture: Pixels, trial: Trial | None = None
) -> tuple[Row, ...]:
    """Every candidate measured. picture: what the latency is taken on. trial: None leaves out what needs pictures."""
    latency = latencies(candidates, labels, picture)
    found = []
    for candidate in candidates:
        limit = SLOW.get(candidate.form) if len(candidates) > 2 else None
        scores, lost = trial.validation(candidate, limit) if trial else (None, None)
        found.append(
            Row(
                form=candidate.form,
                kept=candidate.kept,
                bytes=len(candidate.content),
                ops=op_counts(candidate.content),
                latency_median_ms=float(np.median(latency[candidate.form])),
                latency_p95_ms=float(np.quantile(latency[candidate.form], 0.95)),
                validation=scores,
                loss=lost,
                robust=trial.robust(candidate) if trial and limit is None else None,
            )
        )
    return tuple(found)


def latencies(candidates: Sequence[Candidate], labels: Sequence[str], picture: Pixels) -> dict[str, list[float]]:
    """Milliseconds a picture by format, the files taking turns so that a busy machine is unfair to none."""
    taken: dict[str, list[float]] = {candidate.form: [] for candidate in candidates}
    with ExitStack() as stack, progress("latency", ROUNDS) as advance:
        open_files = {c.form: stack.enter_context(opened(c.content, labels)) for c in candidates}
        for _ in range(ROUNDS):
            for form, classifier in open_files.items():
                if sum(taken[form]) < _LATENCY_S * 1000:
                    taken[form].append(classifier.classify(picture).inference_ms)
            advance(1, "")
    return taken


def _scores(logits: Logits, exact: Logits, truth: Truth, labels: Sequence[str]) -> Scores:
    temperature = fit_temperature(logits, truth)
    return Scores(
        pictures=len(truth),
        label=accuracy(logits, truth),
        compartment=compartment_accuracy(logits, truth, labels, temperature),
        agreement=float((logits.argmax(axis=1) == exact.argmax(axis=1)).mean()),
        ece=expected_calibration_error(logits, truth, temperature),
    )
