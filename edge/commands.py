"""What a sender may ask the bin to do, and what it is answered. Pure; nothing here raises for what a sender wrote."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge.model import Phase
from edge.site_item import ITEM_ID, checked_label
from edge.state import BinState

MAX_BYTES = 1024
_NAME = re.compile(r"[a-z0-9-]{1,32}")

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="the sender's, new for each command")]


class Request(BaseModel):
    """The payload of every command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Id
    time: Annotated[AwareDatetime, Field(description="when it was sent")]


class PauseRequest(Request):
    """pause: take no new item; one on its way still falls. Both ways, which is what a switch needs."""

    paused: Annotated[
        bool, Field(description="`false`: take items again, as `resume`; `true` where it is left out")
    ] = True


class FlapRequest(Request):
    """test-flap: move this compartment's flap once."""

    compartment: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class EmptiedRequest(Request):
    """emptied: this compartment, or with none every one, holds nothing any more."""

    compartment: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")] | None = None


class TeachItemRequest(Request):
    """teach-item: keep what lies still on the tray now, with this label; nothing moves. The bin must be paused."""

    label: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(checked_label)]


class CorrectRequest(Request):
    """correct: note what an item really was; the bin says so on `correction`."""

    event_id: Annotated[str, Field(pattern=ITEM_ID)]
    label: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(checked_label)]


class UseModelRequest(Request):
    """use-model: answer with another model or taught head from the next item on, as `smartbin models use` does."""

    model: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$",
            description="a head's number or `base`, a package NAME-VERSION or `shipped`",
        ),
    ]


class _Identified(BaseModel):
    id: _Id


REQUESTS: dict[str, type[Request]] = {
    "pause": PauseRequest,
    "resume": Request,
    "status": Request,
    "test-flap": FlapRequest,
    "emptied": EmptiedRequest,
    "reload": Request,
    "snapshot": Request,
    "correct": CorrectRequest,
    "teach-item": TeachItemRequest,
    "update-models": Request,
    "teach": Request,
    "use-model": UseModelRequest,
}
# what each does, for the documents that are made from this; else its request's docstring says so
DOES = {
    "pause": "take no new item; one on its way still falls",
    "resume": "take items again",
    "status": "answer with what `state` shows",
    "test-flap": "move one compartment's flap once",
    "emptied": "count the items of a compartment, or without one of every compartment, from nothing again",
    "reload": "read the configuration again, and answer what is wrong with it",
    "snapshot": "publish the tray as it is now on `picture`, where `mqtt.pictures` allows it",
    "correct": "note what an item really was, told on `correction`; a kept picture of it gets that label",
    "teach-item": "keep what lies on the tray of a paused bin, with a label; nothing moves",
    "update-models": "look for a newer model (`[update]`) now; what comes of it is in `state`, `updates`",
    "teach": "begin a lesson with all that is labelled; `state` tells what becomes of it",
    "use-model": "answer with another model, or with another taught head, from the next item on",
}


_NOT_SETTLED = {
    Phase.EMPTY: "nothing lies on the tray; put an item there",
    Phase.MOVING: "the item does not lie still yet; take your hand away and ask again",
    Phase.LEARNING: "the light has just changed, or the camera shows no tray; ask again",
}


class Refusal(StrEnum):
    """Why a command was not carried out, by names that do not change."""

    UNKNOWN = "unknown_command"
    TOO_LARGE = "too_large"
    INVALID = "invalid"
    TOO_MANY = "too_many"
    STALE = "stale"
    BUSY = "busy"
    SWITCHED_OFF = "switched_off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is published on reply/<command>. id: the request's, None where it could not be read.

    item_id: of what was kept.
    """

    command: str
    id: str | None
    ok: bool
    refusal: Refusal | None = None
    message: str | None = None
    state: BinState | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A request that is right in itself. Whether the bin may do it now: see objection()."""

    name: str
    request: Request


@dataclass(frozen=True, slots=True)
class Situation:
    """idle: no item is being voted on, falling or stuck. phase: of the last frame; None without one."""

    idle: bool
    paused: bool
    phase: Phase | None


def well_named(name: str) -> str:
    """The last level of a command's topic, as it may be part of the reply's."""
    return name if _NAME.fullmatch(name) else "unknown"


def parse(name: str, payload: bytes) -> Command | Answer:
    """One message as a command, or the answer that says what is wrong with it."""
    if len(payload) > MAX_BYTES:
        return refused(name, None, Refusal.TOO_LARGE, f"a command has at most {MAX_BYTES} bytes")
    if name not in REQUESTS:
        return refused(name, _id_in(payload), Refusal.UNKNOWN, f"the commands are {', '.join(REQUESTS)}")
    try:
        return Command(name, REQUESTS[name].model_validate_json(payload))
    except ValidationError as error:
        return refused(name, _id_in(payload), Refusal.INVALID, _explained(error))


def objection(command: Command, now: Situation, compartments: Collection[str]) -> Answer | None:
    """Why the bin will not do this now; None when it may."""
    request, why = command.request, None
    if isinstance(request, FlapRequest | EmptiedRequest) and request.compartment not in (None, *compartments):
        return refused(command.name, request.id, Refusal.INVALID, f"the compartments are {', '.join(compartments)}")
    if isinstance(request, FlapRequest):
        why = _not_movable(now)
    elif isinstance(request, TeachItemRequest):
        why = _not_teachable(now)
    return None if why is None else refused(command.name, request.id, Refusal.BUSY, why)


def _not_movable(now: Situation) -> str | None:
    if not now.idle:
        return "an item is on its way, or the door is open; ask again"
    if not (now.paused or now.phase is Phase.EMPTY):
        return "something lies on the tray; take it away, or pause first"
    return "something moves on the tray; take your hand away and ask again" if now.phase is Phase.MOVING else None


def _not_teachable(now: Situation) -> str | None:
    if not now.paused:
        return "pause first: a bin at work would sort the item"
    if not now.idle:
        return "an item is on its way, or the door is open; ask again"
    # only of what lies still it is known where: the rest of the picture, a hand in it, is nobody's to keep
    return None if now.phase is None else _NOT_SETTLED.get(now.phase)


def refused(name: str, request_id: str | None, refusal: Refusal, message: str) -> Answer:
    """The answer to a command that is not carried out."""
    return Answer(name, request_id, ok=False, refusal=refusal, message=message)


def _id_in(payload: bytes) -> str | None:
    """So that a sender knows which of its commands is refused."""
    try:
        return _Identified.model_validate_json(payload).id
    except ValidationError:
        return None


def _explained(error: ValidationError) -> str:
    """Without what was sent: it would come back to the topic, and into the log."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(": ".join(filter(None, (".".join(map(str, d["loc"]))[:64], d["msg"][:200]))) for d in details[:4])
