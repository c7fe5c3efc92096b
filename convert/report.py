"""What a verified model is said to be worth: the figures as values, as JSON and as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from convert import metrics
from edge.manifest import Manifest
from edge.model import ModelId

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Share:
    """right of total. low and high: the 95 % Wilson interval (0..1) of what it would be on endless pictures alike."""

    right: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """0..1"""
        return self.right / self.total


@dataclass(frozen=True, slots=True)
class LabelScore:
    """Of one label. recall: share of its pictures that were named so. precision: share of those named so that are."""

    label: str
    pictures: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class FloatReport:
    """The Keras float model on the same pictures. agreement: both name the same label."""

    label: Share
    compartment: Share
    agreement: Share


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """logits: float32 (n, labels) of the packaged file. reference: the same of the float model. latency_ms: (n,)."""

    logits: Logits
    reference: Logits | None
    latency_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Report:
    """What verify.json holds. confusion: rows are the truth, columns the answers, in the order of `labels`.

    ece_raw, ece_calibrated: expected calibration error (0..1) at temperature 1 and at the manifest's.
    """

    model: ModelId
    part: str
    crop: str
    label: Share
    compartment: Share
    temperature: float
    ece_raw: float
    ece_calibrated: float
    latency_median_ms: float
    latency_p95_ms: float
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    float_model: FloatReport | None


def evaluate(answers: Answers, truth: NDArray[np.int64], manifest: Manifest, part: str, crop: str) -> Report:
    """The figures, from the answers. truth: int64 (n,), indices into the manifest's labels."""
    temperature = manifest.temperature
    confusion = metrics.confusion(answers.logits, truth, len(manifest.labels))
    return Report(
        model=manifest.id,
        part=part,
        crop=crop,
        label=_label_share(answers.logits, truth),
        compartment=_compartment_share(answers.logits, truth, manifest),
        temperature=temperature,
        ece_raw=metrics.expected_calibration_error(answers.logits, truth, 1.0),
        ece_calibrated=metrics.expected_calibration_error(answers.logits, truth, temperature),
        latency_median_ms=float(np.median(answers.latency_ms)),
        latency_p95_ms=float(np.quantile(answers.latency_ms, 0.95)),
        labels=_label_scores(confusion, manifest.labels),
        confusion=tuple(map(tuple, confusion.tolist())),
        float_model=None if answers.reference is None else _compare(answers.logits, answers.reference, truth, manifest),
    )


def share(right: int, total: int) -> Share:
    """The share with its 95 % Wilson interval. Raises ValueError without a picture."""
    if total < 1:
        raise ValueError("a share of no pictures")
    z = 1.959964
    p, spread = right / total, z * z / total
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(p * (1 - p) / total + spread / (4 * total))
    return Share(right, total, max(0.0, centre - half), min(1.0, centre + half))


def to_json(report: Report) -> str:
    """The text of verify.json."""
    return TypeAdapter(Report).dump_json(report, indent=2).decode() + "\n"


def to_text(report: Report) -> str:
    """The report for a terminal."""
    compared = report.float_model
    lines = [
        f"{report.model.name} {report.model.version} on the {report.part} part ({report.label.total} pictures)",
        f"labels right        {_share_text(report.label)}",
        f"compartments right  {_share_text(report.compartment)}",
        f"calibration error   {report.ece_raw:.2%}, with temperature {report.temperature:.2f}: "
        f"{report.ece_calibrated:.2%}",
        f"inference           {report.latency_median_ms:.1f} ms median, {report.latency_p95_ms:.1f} ms 95th percentile",
    ]
    if compared is not None:
        lines += [
            f"float labels        {_share_text(compared.label)}",
            f"float compartments  {_share_text(compared.compartment)}",
            f"same label as float {_share_text(compared.agreement)}",
        ]
    return "\n".join([*lines, "", *_score_lines(report.labels), "", *_confusion_lines(report)]) + "\n"


def _label_share(logits: Logits, truth: NDArray[np.int64]) -> Share:
    return share(int((logits.argmax(axis=1) == truth).sum()), len(truth))


def _compartment_share(logits: Logits, truth: NDArray[np.int64], manifest: Manifest) -> Share:
    accuracy = metrics.compartment_accuracy(logits, truth, manifest.labels, manifest.temperature)
    return share(round(accuracy * len(truth)), len(truth))


def _compare(logits: Logits, reference: Logits, truth: NDArray[np.int64], manifest: Manifest) -> FloatReport:
    return FloatReport(
        label=_label_share(reference, truth),
        compartment=_compartment_share(reference, truth, manifest),
        agreement=_label_share(logits, reference.argmax(axis=1)),
    )


def _label_scores(confusion: NDArray[np.int64], labels: Sequence[str]) -> tuple[LabelScore, ...]:
    right, shown, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        LabelScore(
            label=label,
            pictures=int(shown[i]),
            precision=float(right[i] / named[i]) if named[i] else None,
            recall=float(right[i] / shown[i]) if shown[i] else None,
        )
        for i, label in enumerate(labels)
    )


def _share_text(value: Share) -> str:
    return f"{value.value:.2%} ({value.right} of {value.total}; 95 %: {value.low:.2%} to {value.high:.2%})"


def _score_lines(scores: Sequence[LabelScore]) -> list[str]:
    width = max(len(score.label) for score in scores)

    def figure(value: float | None) -> str:
        return f"{'-' if value is None else format(value, '.1%'):>9}"

    head = f"{'':{width}} {'pictures':>9} {'precision':>9} {'recall':>9}"
    rows = [f"{s.label:{width}} {s.pictures:>9} {figure(s.precision)} {figure(s.recall)}" for s in scores]
    return [head, *rows]


def _confusion_lines(report: Report) -> list[str]:
    labels = [score.label for score in report.labels]
    width = max(map(len, labels))
    head = " ".join(f"{label[:5]:>5}" for label in labels)
    rows = [
        f"{label:{width}} " + " ".join(f"{count or '.':>5}" for count in row)
        for label, row in zip(labels, report.confusion, strict=True)
    ]
    return ["rows: the truth; columns: the answers", f"{'':{width}} {head}", *rows]
