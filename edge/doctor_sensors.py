"""What doctor looks at beside the camera: the way of the flaps, and the fill sensors. Made as in doctor_checks.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from edge.doctor import Check, Finding, Level
from edge.fill import Reach, level
from edge.model import Problem

HARDWARE = 3  # exit code
TOLERANCE = 1.1  # the floor of a compartment is not flat, and sound is slower when it is cold
REMEDIES = {
    Problem.DOOR_OPEN: "close the door; if it is closed, check its switch and cable (door.pin, door.open_is_low)",
    Problem.HAND_IN_CHUTE: "take away what is in the chute; if it is free, check the light barrier and its cable "
    "(flaps.guard_pin, flaps.guard_broken_is_low)",
}
NO_ECHO = "check trigger_pin and echo_pin, the supply of 5 V, and that nothing covers it"
Look = Callable[[str], Sequence[float | None]]


def check_way(look: Callable[[], Problem | None]) -> Check:
    """Whether the flaps may move now. look: what is in the way; raises HardwareError."""
    return Check("door, barrier", lambda: [_judge_way(look())], HARDWARE)


def check_fill(sensors: Mapping[str, Reach], look: Look) -> Check:
    """Each fill sensor hears something, and no more than it should. look: distances in cm; raises HardwareError.

    A sensor that does not answer is a warning: the bin sorts without it.
    """
    return Check("fill", lambda: _judge_all(sensors, look), HARDWARE)


def _judge_way(problem: Problem | None) -> Finding:
    if problem is None:
        return Finding(Level.OK, "nothing is in the way of the flaps")
    return Finding(Level.WARN, f"nothing may move: {problem}", REMEDIES[problem])


def _judge_all(sensors: Mapping[str, Reach], look: Look) -> Iterator[Finding]:
    for name, reach in sensors.items():
        yield _judge_fill(name, reach, look(name))


def _judge_fill(name: str, reach: Reach, distances_cm: Sequence[float | None]) -> Finding:
    filled = level(distances_cm, reach)
    heard = sorted(cm for cm in distances_cm if cm is not None)
    if filled is None:
        return Finding(Level.WARN, f"{name}: {len(heard)} echoes of {len(distances_cm)}", NO_ECHO)
    middle_cm = heard[len(heard) // 2]
    text = f"{name}: {middle_cm:.0f} cm, {filled:.0%} full"
    if middle_cm > reach.empty_cm * TOLERANCE:
        remedy = f"the floor is farther away than empty_cm = {reach.empty_cm:g}: measure again with nothing in there"
        return Finding(Level.WARN, text, remedy)
    return Finding(Level.OK, text)
