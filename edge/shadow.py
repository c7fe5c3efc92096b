"""How a new model does beside the one that sorts, and what follows from it. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from edge.model import Decision, Outcome

LEAST_ITEMS = 10  # fewer say nothing
TOO_SLOW = "it takes {ratio:.1f} times as long as the model that sorts ({new:.0f} ms, not {old:.0f} ms)"
ABSTAINS = "it is unsure of {new:.0%} of {items} items, the model that sorts of {old:.0%}"


class Result(StrEnum):
    """What came of a comparison."""

    COMPARING = "comparing"
    FINE = "fine"
    TOO_SLOW = "too_slow"
    ABSTAINS = "abstains"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a comparison ends, and what a new model may cost.

    items, hours: so many are compared, whichever is reached first. slower: times the old one's time.
    more_abstentions: share (0..1) of the items.
    """

    items: int
    hours: float
    slower: float
    more_abstentions: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One package on the same pictures as the model that sorts (against), one picture an item.

    same_label, same_compartment, unsure_old, unsure_new: items. ln_old, ln_new: sums of the logarithms of the
    milliseconds. begun: how often it was begun with since it answered last.
    """

    package: str
    against: str
    items: int = 0
    same_label: int = 0
    same_compartment: int = 0
    unsure_old: int = 0
    unsure_new: int = 0
    ln_old: float = 0.0
    ln_new: float = 0.0
    hours: float = 0.0
    begun: int = 0
    result: Result = Result.COMPARING

    @property
    def old_ms(self) -> float:
        """Its usual time. The geometric mean: one answer that was held up for seconds does not decide."""
        return math.exp(self.ln_old / self.items) if self.items else 0.0

    @property
    def new_ms(self) -> float:
        """See old_ms."""
        return math.exp(self.ln_new / self.items) if self.items else 0.0


def compared(before: Comparison, old: Decision, new: Decision, old_ms: float, new_ms: float) -> Comparison:
    """One more item. Decisions of one vote each."""
    return replace(
        before,
        items=before.items + 1,
        same_label=before.same_label + (old.label == new.label),
        same_compartment=before.same_compartment + (old.compartment == new.compartment),
        unsure_old=before.unsure_old + (old.outcome is Outcome.ABSTAINED),
        unsure_new=before.unsure_new + (new.outcome is Outcome.ABSTAINED),
        ln_old=before.ln_old + math.log(max(old_ms, 1e-3)),
        ln_new=before.ln_new + math.log(max(new_ms, 1e-3)),
        begun=0,
    )


def judged(so_far: Comparison, limits: Limits) -> tuple[Result, str]:
    """What follows, and of a bad model why. Slowness shows soon, doubt only at the end."""
    if so_far.items < LEAST_ITEMS:
        return Result.COMPARING, ""
    old_ms, new_ms, items = so_far.old_ms, so_far.new_ms, so_far.items
    if new_ms > limits.slower * old_ms:
        return Result.TOO_SLOW, TOO_SLOW.format(ratio=new_ms / old_ms, new=new_ms, old=old_ms)
    if items < limits.items and so_far.hours < limits.hours:
        return Result.COMPARING, ""
    if so_far.unsure_new - so_far.unsure_old > limits.more_abstentions * items:
        told = ABSTAINS.format(new=so_far.unsure_new / items, old=so_far.unsure_old / items, items=items)
        return Result.ABSTAINS, told
    return Result.FINE, ""


def dump(comparison: Comparison) -> str:
    """JSON."""
    return json.dumps(asdict(comparison))


def parse(text: str) -> Comparison | None:
    """What dump() wrote; None for anything else."""
    try:
        return _COMPARISONS.validate_json(text)
    except ValidationError:
        return None


_COMPARISONS = TypeAdapter(Comparison)
