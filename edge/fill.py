"""How full a compartment is, from the distance between the sensor above it and what lies in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HYSTERESIS = 0.1  # a heap that settles a little is still full
ENOUGH = 3  # echoes; fewer are chance


@dataclass(frozen=True, slots=True)
class Reach:
    """What the sensor of one compartment measures, in cm, when it is empty and when it is full."""

    empty_cm: float
    full_cm: float


def share(distance_cm: float, reach: Reach) -> float:
    """0 (empty) to 1 (full), also where something lies below or above those."""
    return min(1.0, max(0.0, (reach.empty_cm - distance_cm) / (reach.empty_cm - reach.full_cm)))


def level(distances_cm: Sequence[float | None], reach: Reach) -> float | None:
    """The share that the median echo tells; None where too few came back. None among the distances: no echo."""
    heard = [distance for distance in distances_cm if distance is not None]
    return share(median(heard), reach) if len(heard) >= ENOUGH else None


def is_full(filled: float, alert_at: float, was_full: bool) -> bool:
    """Whether to alert; once it does, until there is clearly room again."""
    return filled >= (alert_at - HYSTERESIS if was_full else alert_at)
