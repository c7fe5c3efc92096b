"""The verdict on a picture that no camera took: a value, so that who passes it on needs no OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue, TypeAdapter

from edge.model import LabelProbability, ModelId


class VerdictOutcome(StrEnum):
    """What became of a picture."""

    SORTED = "sorted"
    ABSTAINED = "abstained"
    REJECTED = "rejected"  # it could not be read; `reason` says why


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer on one picture. Of a rejected one nothing is known but the reason."""

    file: str
    outcome: VerdictOutcome
    label: str | None
    confidence: float | None
    compartment: str | None
    compartment_confidence: float | None
    reason: str | None
    top: tuple[LabelProbability, ...]
    model: ModelId


_VERDICT = TypeAdapter(Verdict)


def to_json_dict(verdict: Verdict) -> dict[str, JsonValue]:
    """The object that is printed or sent: the fields of Verdict in their order, `top` as [{"label", "p"}, ...]."""
    document: dict[str, JsonValue] = _VERDICT.dump_python(verdict, mode="json")
    return document


def from_json_dict(document: object) -> Verdict:
    """What to_json_dict() made."""
    return _VERDICT.validate_python(document, strict=False)
