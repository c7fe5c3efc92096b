"""What the kernel's tracer says of the pins -> which flap moved when. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

QUIET_S = 1.0  # a servo gets a pulse every 20 ms; so long without one is the end of its move
LEAST_PULSES = 5  # so many on one pin alone, and it is no longer the first of all that go to rest at a start
_LEVEL = re.compile(r"(\d+\.\d+): gpio_value: (\d+) set ([01])$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Level:
    """A pin was given a level. at_s: since that boot."""

    at_s: float
    pin: int
    high: bool


@dataclass(frozen=True, slots=True)
class Burst:
    """Pulses on one pin, without a longer pause. pulses: how many began."""

    pin: int
    from_s: float
    to_s: float
    pulses: int = 1


def levels(trace: str, first_line: int) -> list[Level]:
    """The text of trace_pipe of one boot. first_line: the kernel's number of pin 0. A line cut short does not count."""
    return [
        Level(float(at_s), int(line) - first_line, high == "1")
        for at_s, line, high in _LEVEL.findall(trace[: trace.rfind("\n") + 1])
    ]


def bursts(seen: Sequence[Level]) -> list[Burst]:
    """In the order in which they began."""
    found: list[Burst] = []
    newest: dict[int, int] = {}  # pin -> where in found
    for level in seen:
        if not level.high:
            continue
        at = newest.get(level.pin)
        if at is not None and level.at_s - found[at].to_s < QUIET_S:
            found[at] = replace(found[at], to_s=level.at_s, pulses=found[at].pulses + 1)
        else:
            newest[level.pin] = len(found)
            found.append(Burst(level.pin, level.at_s, level.at_s))
    return found


def movements(seen: Sequence[Level], flaps: Mapping[int, str]) -> list[Burst]:
    """The moves of single flaps. At a start all are driven to rest at once: bursts that overlap are no move.

    One that has hardly begun does not count yet.

    flaps: pin -> compartment.
    """
    of_flaps = [burst for burst in bursts(seen) if burst.pin in flaps]
    alone = [one for one in of_flaps if not any(_overlap(one, other) for other in of_flaps if other is not one)]
    return [one for one in alone if one.pulses >= LEAST_PULSES]


def _overlap(one: Burst, other: Burst) -> bool:
    return one.from_s <= other.to_s + QUIET_S and other.from_s <= one.to_s + QUIET_S
