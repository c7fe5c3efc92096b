"""What `verify` measured, as one value: the page, the model card and the terminal all say these numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from convert.errors import RecipeError
from edge.model import ModelId

FILE = "verify.json"


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
    """Of one label. recall: share of its pictures that were named so. precision: share of those named so that are.

    f1: their harmonic mean. named: pictures that were given this label. None where nothing can be divided by.
    """

    label: str
    pictures: int
    named: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Another model or runtime on the same pictures. agreement: both name the same label."""

    label: Share
    compartment: Share
    agreement: Share


@dataclass(frozen=True, slots=True)
class Scores:
    """On one group of pictures. ece_raw, ece: expected calibration error (0..1) at temperature 1 and the manifest's.

    wrong: of those answered at the threshold that answers 90 % of the group, how many fell into a wrong compartment.
    float_model: None where it was not asked.
    """

    name: str
    label: Share
    compartment: Share
    ece_raw: float
    ece: float
    wrong: Share
    float_model: Compared | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Of a reliability diagram. confidence: mean probability of the best label; right: share (0..1) that was right."""

    pictures: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Point:
    """Of the risk-coverage curve: with this threshold on the compartment's probability, answered and wrong (0..1)."""

    threshold: float
    answered: float
    wrong: float


@dataclass(frozen=True, slots=True)
class Corrupted:
    """One corruption at one strength (1..5)."""

    corruption: str
    strength: int
    label: Share
    compartment: Share


@dataclass(frozen=True, slots=True)
class Robustness:
    """On a stratified sample of the pictures, drawn and corrupted with `seed`. clean: the same without corruption.

    mean: label accuracy (0..1) over the corruptions at strength 3.
    """

    seed: int
    clean: Share
    clean_compartment: Share
    cells: tuple[Corrupted, ...]
    mean: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """On pictures of none of the labels. score: what tells them; threshold: the one that answers `known`.

    abstained: unknown pictures beyond the threshold. separation: area under the ROC, 0.5 is chance.
    """

    score: str
    threshold: float
    known: Share
    abstained: Share
    separation: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """A picture that was named wrong. picture: its name below the folder that all measured pictures share."""

    picture: str
    truth: str
    answer: str
    confidence: float
    wrong_compartment: bool


@dataclass(frozen=True, slots=True)
class Runtime:
    """What asked the model, on every core it had. name: with its version. machine: its kind, no name of the host."""

    name: str
    machine: str
    latency_median_ms: float
    latency_p95_ms: float


@dataclass(frozen=True, slots=True)
class AtBin:
    """How good the model is on what lay on a bin's tray. before: how good an earlier model was there."""

    scores: Scores
    before: Compared | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What verify.json holds. confusion: rows are the truth, columns the answers, in the order of `labels`.

    crop: "whole" or "item". threshold: on the compartment's probability, with which 90 % are answered.
    sources: each folder of robustness pictures. bins: each bin of whose pictures some are in this part. other_runtime:
    tflite-runtime against LiteRT, where it is installed.
    """

    schema: Literal[2]
    model: ModelId
    part: str
    crop: str
    temperature: float
    runtime: Runtime
    main: Scores
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability_raw: tuple[Bin, ...]
    reliability: tuple[Bin, ...]
    threshold: float
    coverage: tuple[Point, ...]
    sources: tuple[Scores, ...]
    robustness: Robustness | None
    unknown: Unknown | None
    other_runtime: Compared | None
    mistakes: tuple[Mistake, ...]
    bins: tuple[AtBin, ...] = ()


def share(right: int, total: int) -> Share:
    """The share with its 95 % Wilson interval. Raises ValueError without a picture."""
    if total < 1:
        raise ValueError("a share of no pictures")
    z = 1.959964
    p, spread = right / total, z * z / total
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(p * (1 - p) / total + spread / (4 * total))
    return Share(right, total, max(0.0, centre - half), min(1.0, centre + half))


def to_json(figures: Figures) -> str:
    """The text of verify.json."""
    return TypeAdapter(Figures).dump_json(figures, indent=1).decode() + "\n"


def load(path: Path) -> Figures:
    """What `verify` wrote. Raises RecipeError: not there, or not what this version writes."""
    try:
        return TypeAdapter(Figures).validate_json(path.read_bytes())
    except OSError as error:
        raise RecipeError(
            f"{path}: {error.strerror}. `smartbin-convert verify` writes it; check the path, or give it with --verify."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise RecipeError(
            f"{path}: not what this version of `smartbin-convert verify` writes ({where}: {first['msg']}). "
            "Measure the model again."
        ) from error
