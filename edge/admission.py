"""Which commands are let through: each at most once, not too many, none that is old. Pure: the clocks are passed in.

In this order a message is

- ignored when it is retained: a command is for now, and the broker would say it again at every connection;
- ignored beyond BURST at once and PER_S after that, with one answer that says so;
- refused when it is too large, unknown or wrong (commands.parse);
- answered as before when its id is known, and not carried out again;
- refused where the clock can be believed and the command is older than FRESH_S, or than this memory of ids. So nothing
  is carried out that waited at the broker while the bin was away, or that was recorded before a restart.

The rate lets fewer commands through than REMEMBERED in the time in which one counts as fresh (2 x FRESH_S).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from edge.commands import Answer, Command, Refusal, parse, refused, well_named
from edge.ports import Received

BURST, PER_S = 10.0, 1.0
FRESH_S = 60.0  # how old a command may be, and how far ahead its sender's clock
REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks. synced: whether utc is to be believed."""

    monotonic_s: float
    utc: datetime
    synced: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """What has to be known of the past. since_s: when it began to remember; room: messages it would take now."""

    since_s: float
    at_s: float
    room: float = BURST
    complained: bool = False
    answers: tuple[Answer, ...] = ()


def begin(monotonic_s: float) -> Guard:
    """Nothing is known yet."""
    return Guard(since_s=monotonic_s, at_s=monotonic_s)


def admit(guard: Guard, message: Received, now: Moment) -> tuple[Guard, Command | Answer | None]:
    """What to do about one message: carry out, answer, or nothing."""
    if message.retained:
        return guard, None
    name = well_named(message.name)
    guard = _refilled(guard, now.monotonic_s)
    if guard.room < 1:
        too_many = refused(name, None, Refusal.TOO_MANY, f"more than {PER_S:.0f} a second; some were not read")
        return replace(guard, complained=True), None if guard.complained else too_many
    guard = replace(guard, room=guard.room - 1, complained=False)
    command = parse(name, message.payload)
    if isinstance(command, Answer):
        return guard, command
    return guard, _known(guard, command) or _stale(guard, command, now) or command


def remember(guard: Guard, answer: Answer) -> Guard:
    """A command was dealt with: the same id gets the same answer from now on."""
    return replace(guard, answers=(*guard.answers, answer)[-REMEMBERED:])


def _refilled(guard: Guard, monotonic_s: float) -> Guard:
    room = min(BURST, guard.room + (monotonic_s - guard.at_s) * PER_S)
    return replace(guard, room=room, at_s=monotonic_s)


def _known(guard: Guard, command: Command) -> Answer | None:
    request_id = command.request.id
    earlier = next((answer for answer in guard.answers if answer.id == request_id), None)
    if earlier is None or earlier.command == command.name:
        return earlier
    message = f"this id was used for {earlier.command}; give every command its own"
    return refused(command.name, request_id, Refusal.INVALID, message)


def _stale(guard: Guard, command: Command, now: Moment) -> Answer | None:
    if not now.synced:
        return None
    age_s = (now.utc - command.request.time).total_seconds()
    if -FRESH_S <= age_s <= min(FRESH_S, now.monotonic_s - guard.since_s):
        return None
    message = (
        f"sent {abs(age_s):.0f} s {'ago' if age_s > 0 else 'ahead of this clock'}; send it again, with the time of now"
    )
    return refused(command.name, command.request.id, Refusal.STALE, message)
