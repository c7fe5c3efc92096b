"""How each compartment is opened. Plain values; flap_plan.py turns them into moves.

Angles are in degrees, pulse widths in milliseconds, durations in seconds, pins are BCM numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ServoFlap:
    """One servo goes from rest to open, stays there for open_s, and has settle_s to come back."""

    pin: int
    rest: float = 0.0
    open: float = 90.0
    open_s: float = 0.6
    settle_s: float = 0.4
    min_angle: float = -90.0
    max_angle: float = 90.0
    min_pulse_ms: float = 0.5
    max_pulse_ms: float = 2.5


@dataclass(frozen=True, slots=True)
class SolenoidFlap:
    """A coil is on for pulse_s. Whatever happens to the program meanwhile, it is off after max_on_s."""

    pin: int
    pulse_s: float = 0.5
    max_on_s: float = 2.0
    active_high: bool = True


@dataclass(frozen=True, slots=True)
class ChuteFlap:
    """One servo turns to this compartment's angle, another drops. Only `angle` differs between compartments."""

    turn_pin: int
    drop_pin: int
    angle: float
    turn_rest: float = 0.0
    drop_rest: float = 0.0
    drop_open: float = 90.0
    turn_s: float = 0.4
    drop_s: float = 0.5
    settle_s: float = 0.3
    min_angle: float = -90.0
    max_angle: float = 90.0
    min_pulse_ms: float = 0.5
    max_pulse_ms: float = 2.5


AnyFlap: TypeAlias = ServoFlap | SolenoidFlap | ChuteFlap


@dataclass(frozen=True, slots=True)
class FlapSettings:
    """Every compartment with its flap. max_s: no move may take longer, the way back to rest included."""

    flaps: Mapping[str, AnyFlap]
    max_s: float = 5.0
