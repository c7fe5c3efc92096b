"""A move as a list of steps: what each pin is told, and for how long. Pure; adapters/flaps.py carries the steps out.

Every plan opens one compartment only, and ends with everything at rest and nothing driven.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import fsum

from edge.flap_settings import AnyFlap, ChuteFlap, FlapSettings, ServoFlap, SolenoidFlap


@dataclass(frozen=True, slots=True)
class Step:
    """Tell a pin something, then wait hold_s.

    value: degrees for a servo, 1 for a solenoid. None: a solenoid is off, a servo gets no pulses, so that it does not
    jitter.
    """

    pin: int
    value: float | None
    hold_s: float = 0.0


def pins(flap: AnyFlap) -> tuple[int, ...]:
    """The pins that a flap needs."""
    return (flap.turn_pin, flap.drop_pin) if isinstance(flap, ChuteFlap) else (flap.pin,)


def sort_steps(flap: AnyFlap) -> tuple[Step, ...]:
    """Open, let the item fall, return to rest, end the pulses."""
    match flap:
        case ServoFlap():
            way = [Step(flap.pin, flap.open, flap.open_s), Step(flap.pin, flap.rest, flap.settle_s)]
        case SolenoidFlap():
            way = [Step(flap.pin, 1.0, flap.pulse_s)]
        case ChuteFlap():
            way = [
                Step(flap.turn_pin, flap.angle, flap.turn_s),
                Step(flap.drop_pin, flap.drop_open, flap.drop_s),
                Step(flap.drop_pin, flap.drop_rest, flap.settle_s),
                Step(flap.turn_pin, flap.turn_rest, flap.turn_s),
            ]
    return (*way, *(Step(pin, None) for pin in pins(flap)))


def rest_steps(flaps: Iterable[AnyFlap]) -> tuple[Step, ...]:
    """Everything to rest at once, one wait for all, end the pulses."""
    flaps = tuple(flaps)
    rests = {pin: value for flap in flaps for pin, value in _rests(flap)}
    ways = [Step(pin, value) for pin, value in rests.items()]
    if ways:
        ways[-1] = replace(ways[-1], hold_s=max(_settle_s(flap) for flap in flaps))
    return (*ways, *(Step(pin, None) for pin in rests))


def duration_s(steps: Iterable[Step]) -> float:
    """How long the steps take when nothing goes wrong."""
    return fsum(step.hold_s for step in steps)


def problems(settings: FlapSettings) -> tuple[str, ...]:
    """What cannot work, whatever the hardware: a move that is too long, an angle out of reach, pins shared wrongly."""
    found = []
    for name, flap in settings.flaps.items():
        needed_s = duration_s(sort_steps(flap))
        if needed_s > settings.max_s:
            found.append(
                f"compartments.{name}: its move takes {needed_s:g} s and flaps.max_s is {settings.max_s:g} s; "
                "shorten the move or raise max_s"
            )
        found += [f"compartments.{name}: {problem}" for problem in _out_of_reach(flap)]
    return (*found, *_clashes(settings))


def _rests(flap: AnyFlap) -> tuple[tuple[int, float | None], ...]:
    match flap:
        case ServoFlap():
            return ((flap.pin, flap.rest),)
        case SolenoidFlap():
            return ((flap.pin, None),)
        case ChuteFlap():
            return ((flap.drop_pin, flap.drop_rest), (flap.turn_pin, flap.turn_rest))


def _settle_s(flap: AnyFlap) -> float:
    match flap:
        case ServoFlap():
            return flap.settle_s
        case SolenoidFlap():
            return 0.0
        case ChuteFlap():
            return max(flap.settle_s, flap.turn_s)


def _out_of_reach(flap: AnyFlap) -> list[str]:
    if isinstance(flap, SolenoidFlap):
        too_long = flap.pulse_s > flap.max_on_s
        return [f"pulse_s {flap.pulse_s:g} is longer than max_on_s {flap.max_on_s:g}; shorten it"] if too_long else []
    angles = {step.value for step in sort_steps(flap) if step.value is not None}
    return [
        f"angle {angle:g} is not within min_angle {flap.min_angle:g} and max_angle {flap.max_angle:g}; correct it"
        for angle in sorted(angles)
        if not flap.min_angle <= angle <= flap.max_angle
    ]


def _clashes(settings: FlapSettings) -> list[str]:
    """Two compartments may share pins only when they are angles of the same chute."""
    owners: dict[int, str] = {}
    found = []
    for name, flap in settings.flaps.items():
        for pin in pins(flap):
            first = owners.setdefault(pin, name)
            if first != name and not _same_chute(flap, settings.flaps[first]):
                found.append(f"compartments.{name}: pin {pin} is used by compartment {first}; give each its own pin")
    return found


def _same_chute(one: AnyFlap, other: AnyFlap) -> bool:
    if not (isinstance(one, ChuteFlap) and isinstance(other, ChuteFlap)):
        return False
    return replace(one, angle=0.0) == replace(other, angle=0.0)
