"""Takes commands from the broker, one a frame, does what they ask, and answers. None can stop the loop."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Protocol

from edge import admission
from edge.admission import Moment
from edge.commands import (
    Answer,
    Command,
    CorrectRequest,
    EmptiedRequest,
    FlapRequest,
    PauseRequest,
    Refusal,
    Request,
    Situation,
    TeachItemRequest,
    UseModelRequest,
    objection,
    refused,
)
from edge.errors import ModelError, OutboxError, SiteError, SmartBinError
from edge.logs import fields
from edge.model import Box, Correction, Frame, Phase, Prediction
from edge.parts import Parts
from edge.ports import Inbox
from edge.snapshot import jpeg
from edge.wire import state_json

log = logging.getLogger(__name__)

REPLY_S = 5.0  # who cannot be answered by then asks again; others wait, the page among them

NO_PICTURES = "mqtt.pictures is false in the bin's configuration"
NO_FRAME = "the camera delivers no picture; the faults in `state` say more"
LINE_FULL = "the line to the broker takes nothing more now; ask again"
NO_KEEPER = "this bin has no folder to keep items in"
NO_UPDATES = 'update.mode is "off" in the bin\'s configuration'
LOOKING = "the bin looks; what comes of it is in `state`, `updates`"
NOT_MOVED = "the flap did not move as told; the faults in `state` say more"


class Worker(Protocol):
    """Who works at the tray: the loop's Sorter."""

    @property
    def idle(self) -> bool:
        """Whether no item is being voted on, falling, stuck, or waiting for the disk, and the door is closed."""

    @property
    def phase(self) -> Phase | None:
        """What the last frame showed; None while the camera does not deliver."""

    @property
    def frame(self) -> Frame | None:
        """The tray as it is now; None while the camera does not deliver."""

    def look(self) -> tuple[Box, Prediction]:
        """Where on `frame` something lies, and what it may be. Raises ModelError."""

    def try_flap(self, compartment: str) -> bool:
        """Move one flap once, with no item. False when it did not move as told; the fault is reported."""


class Commander:
    """One a run of the loop. What it remembers of earlier commands ends with it: see admission."""

    def __init__(self, inbox: Inbox, parts: Parts, worker: Worker) -> None:
        self._inbox = inbox
        self._parts = parts
        self._worker = worker
        self._compartments = sorted({*parts.policy.routes.values(), parts.policy.default})
        self._guard = admission.begin(parts.clock.monotonic_s())
        self._due: Answer | None = None
        self._due_s = 0.0

    def tick(self) -> None:
        """Called for every frame. Returns at once, or when a flap that was to move has moved."""
        monotonic_s = self._parts.clock.monotonic_s
        if self._due is None:
            self._due, self._due_s = self._next(), monotonic_s()
        if self._due is None:
            return
        if self._inbox.reply(self._due.command, state_json(self._due)) or monotonic_s() - self._due_s > REPLY_S:
            self._due = None

    def _next(self) -> Answer | None:
        message = self._inbox.take()
        if message is None:
            return None
        self._guard, verdict = admission.admit(self._guard, message, self._now())
        if isinstance(verdict, Command):
            verdict = self._carry_out(verdict)
            self._guard = admission.remember(self._guard, verdict)
        if verdict is not None:
            log.info("command %s", fields(name=verdict.command, id=verdict.id, ok=verdict.ok, refusal=verdict.refusal))
        return verdict

    def _carry_out(self, command: Command) -> Answer:
        request, reporter = command.request, self._parts.reporter
        situation = Situation(self._worker.idle, reporter.state.paused, self._worker.phase)
        answer = objection(command, situation, self._compartments)
        if answer is not None:
            return answer
        if command.name in ("pause", "resume"):
            reporter.pause(isinstance(request, PauseRequest) and request.paused)
        elif command.name == "reload" and (trouble := self._parts.ask_reload()) is not None:
            return refused(command.name, request.id, Refusal.FAILED, trouble)
        elif isinstance(request, EmptiedRequest | CorrectRequest | TeachItemRequest) or command.name == "snapshot":
            return self._written(request)
        elif command.name in ("teach", "use-model", "update-models"):
            return self._model(command.name, request)
        elif isinstance(request, FlapRequest) and not self._worker.try_flap(request.compartment):
            return refused(command.name, request.id, Refusal.FAILED, NOT_MOVED)
        return Answer(command.name, request.id, ok=True, state=reporter.state if command.name == "status" else None)

    def _written(self, request: Request) -> Answer:
        """What leaves something behind, on the disk or with whoever asked."""
        if isinstance(request, EmptiedRequest):
            return self._emptied(request)
        if isinstance(request, CorrectRequest):
            return self._correct(request)
        return self._teach_item(request) if isinstance(request, TeachItemRequest) else self._snapshot(request)

    def _emptied(self, request: EmptiedRequest) -> Answer:
        try:
            self._parts.outbox.emptied(request.compartment)
        except OutboxError as error:
            return refused("emptied", request.id, Refusal.FAILED, str(error))
        self._parts.reporter.tell(self._parts.clock.monotonic_s())  # who asked wants to see it
        return Answer("emptied", request.id, ok=True)

    def _correct(self, request: CorrectRequest) -> Answer:
        parts, clock = self._parts, self._parts.clock
        said = Correction(request.event_id, parts.rules.bin_id, clock.wall(), clock.synced(), request.label)
        try:
            parts.outbox.correct(said)
        except OutboxError as error:
            return refused("correct", request.id, Refusal.FAILED, str(error))
        parts.delivery.notify()
        parts.reporter.corrected()
        for hear in parts.corrected:
            hear(said)
        return Answer("correct", request.id, ok=True)

    def _teach_item(self, request: TeachItemRequest) -> Answer:
        frame, keeper = self._worker.frame, self._parts.keeper
        if frame is None or keeper is None:
            return refused("teach-item", request.id, Refusal.FAILED, NO_FRAME if frame is None else NO_KEEPER)
        try:
            box, prediction = self._worker.look()
            item_id = keeper.keep(frame, box, prediction, request.label)
        except (ModelError, SiteError) as error:
            return refused("teach-item", request.id, Refusal.FAILED, str(error))
        return Answer("teach-item", request.id, ok=True, item_id=item_id)

    def _model(self, name: str, request: Request) -> Answer:
        """What changes how the bin answers."""
        if name == "update-models":
            return self._update(request)
        try:
            if isinstance(request, UseModelRequest):
                self._parts.use_model(request.model)
            else:
                self._parts.teach()
        except SmartBinError as error:
            return refused(name, request.id, Refusal.FAILED, str(error))
        self._parts.reporter.tell(self._parts.clock.monotonic_s())  # who asked wants to see it
        return Answer(name, request.id, ok=True)

    def _snapshot(self, request: Request) -> Answer:
        frame = self._worker.frame
        if not self._parts.rules.pictures:
            return refused("snapshot", request.id, Refusal.SWITCHED_OFF, NO_PICTURES)
        if frame is None:
            return refused("snapshot", request.id, Refusal.FAILED, NO_FRAME)
        picture = jpeg(frame.rgb)
        if not self._inbox.show(picture):
            return refused("snapshot", request.id, Refusal.FAILED, LINE_FULL)
        return Answer("snapshot", request.id, ok=True, message=f"{len(picture)} bytes of JPEG on picture")

    def _update(self, request: Request) -> Answer:
        if self._parts.ask_update is None:
            return refused("update-models", request.id, Refusal.SWITCHED_OFF, NO_UPDATES)
        if (trouble := self._parts.ask_update()) is not None:
            return refused("update-models", request.id, Refusal.FAILED, trouble)
        self._parts.reporter.tell(self._parts.clock.monotonic_s())
        return Answer("update-models", request.id, ok=True, message=LOOKING)

    def _now(self) -> Moment:
        clock = self._parts.clock
        return Moment(clock.monotonic_s(), datetime.fromisoformat(clock.wall()), clock.synced())
