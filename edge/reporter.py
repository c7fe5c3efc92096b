"""Keeps the bin's state and tells it to those who watch: dashboards, the service manager, the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from edge import state as states
from edge.errors import OutboxError
from edge.logs import fields
from edge.model import Fault, Problem, SortEvent
from edge.ports import Notifier, OutboxStats
from edge.state import BinState, Fill, Health, Teaching, Updates

log = logging.getLogger(__name__)

EVERY_S = 30.0  # a dashboard that just opened sees uptime and temperature no older than this
AT_MOST_EVERY_S = 0.5  # an item changes the state several times; a dashboard needs the last of them


class Reporter:
    """Publishes the state when it changed and every EVERY_S seconds. Never blocks."""

    def __init__(
        self,
        state: BinState,
        *,
        publish: Callable[[BinState], None],
        notifier: Notifier,
        queue: Callable[[], OutboxStats],
        health: Callable[[], Health],
        now_s: float,
        fill: Callable[[], Fill] = Fill,
        updates: Callable[[], Updates | None] = lambda: None,
        teaching: Callable[[], Teaching] = Teaching,
    ) -> None:
        self.state = state
        self._teaching = teaching
        self._fill = fill
        self._updates = updates
        self._publish = publish
        self._notifier = notifier
        self._queue = queue
        self._health = health
        self._started_s = now_s - state.uptime_s  # a bin that goes on with other parts was up before
        self._told_s = float("-inf")
        self._told = state
        self._stats = OutboxStats(state.queued, state.dropped, last_seq=0, since_emptied=state.since_emptied)
        self._unread = False  # the disk did not let it be looked at anew

    def ready(self) -> None:
        """Start-up is over."""
        self.state = states.ready(self.state)
        self._notifier.ready(states.summary(self.state))
        log.info("ready %s", fields(bin=self.state.bin_id, model=self.state.model.name, version=self.state.version))

    def tray_known(self) -> None:
        """The tray was seen empty, for the first time or again after everything had changed: items may come."""
        log.info("tray empty=yes: items may come")

    def handled(self, event: SortEvent) -> None:
        """An item was dealt with: one log line, one more in the counts."""
        self.state = states.counted(self.state, event)
        log.info(
            "item %s",
            fields(
                seq=event.seq,
                outcome=event.outcome.value,
                label=event.label,
                p=round(event.confidence, 3),
                compartment=event.compartment,
                compartment_p=round(event.compartment_confidence, 3),
                votes=event.votes,
                total_ms=round(event.timing_ms.total),
                reason=event.reason,
                image=event.image,
            ),
        )

    def corrected(self) -> None:
        """Somebody said what an item really was: one more in the counts."""
        self.state = states.corrected(self.state)

    def pause(self, on: bool) -> None:
        """No new item is taken until told otherwise."""
        self.state = states.paused(self.state, on)

    def fault(self, fault: Fault) -> None:
        """A part has a fault or is worth a warning; said once in the log, not once a frame."""
        if fault in self.state.faults or fault in self.state.warnings:
            return
        level, word = (logging.WARNING, "warning") if fault.problem in states.WARNINGS else (logging.ERROR, "fault")
        log.log(level, "%s %s", word, fields(part=fault.part, problem=fault.problem, message=fault.message))
        self.state = states.with_fault(self.state, fault)

    def healed(self, part: str) -> None:
        """A part works (again)."""
        state = states.healed(self.state, part)
        if state is not self.state:
            log.info("healed %s", fields(part=part))
            self.state = state

    def tick(self, now_s: float) -> None:
        """Called for every frame."""
        since_s = now_s - self._told_s
        if since_s >= EVERY_S or (since_s >= AT_MOST_EVERY_S and self._news()):
            self.tell(now_s)

    def _news(self) -> bool:
        return self.state != self._told or self._teaching() != self.state.teaching

    def tell(self, now_s: float) -> None:
        """Publish the state now."""
        queue, fill = self._looked(), self._fill()
        self.state = replace(
            self.state,
            fill=fill.levels,
            since_emptied=queue.since_emptied,
            queued=queue.queued,
            dropped=queue.dropped,
            uptime_s=int(now_s - self._started_s),
            health=self._health(),
            updates=self._updates(),
            teaching=self._teaching(),
        )
        self._examine(queue, fill)
        self._told, self._told_s = self.state, now_s
        self._publish(self.state)
        self._notifier.status(states.summary(self.state))

    def _looked(self) -> OutboxStats:
        """As the outbox says, or said last: a disk that cannot be read is told, too."""
        try:
            self._stats = self._queue()
        except OutboxError as error:
            self.fault(Fault("disk", str(error), Problem.DISK_FAILED))
            self._unread = True
            return self._stats
        if self._unread:
            self.healed("disk")
        self._unread = False
        return self._stats

    @property
    def hot(self) -> bool:
        """Whether the processor was too hot when last looked at."""
        return states.has(self.state, Problem.OVERHEATED)

    def _examine(self, queue: OutboxStats, fill: Fill) -> None:
        ailments = states.ailments(self.state, self._told.health) | states.fill_ailments(self.state, fill.alert_at)
        for part, fault in ailments.items():
            if fault is None:
                self.healed(part)
            else:
                self.fault(fault)
        if queue.damage is not None:
            self.fault(Fault("database", queue.damage, Problem.DATABASE_REPLACED))

    def stopped(self, now_s: float) -> None:
        """A clean stop: the last state that dashboards see."""
        self.state = states.stopped(self.state)
        self.tell(now_s)
