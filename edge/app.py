"""The composition root: settings -> parts -> what each command does. Beside it `chosen.py` and `fittings.py`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from edge import chosen, config, fittings, loop
from edge.adapters import firmware, lessons, pi_health
from edge.adapters.capturing import Capturing
from edge.adapters.cooling import CoolingCamera
from edge.adapters.flaps import GpioFlaps, debug_pulse, show_pulse
from edge.adapters.lessons import Lessons
from edge.adapters.memory import give_back
from edge.adapters.model_keeper import ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.adapters.model_watch import ModelWatch
from edge.adapters.sqlite_outbox import SqliteOutbox, read_outbox
from edge.adapters.systemd_notify import SystemdNotifier
from edge.classify import expand, verdicts
from edge.config import Settings
from edge.delivery import Delivery
from edge.errors import ConfigError, FlapError, OutboxError, SmartBinError
from edge.model import FlapReport, ModelId
from edge.parts import Clock, Parts
from edge.ports import Observer, Publisher, Stored
from edge.reload import Reload, never, rejected
from edge.reporter import Reporter
from edge.state import BinState, Fill, Health, with_fault
from edge.verdict import Verdict
from edge.version import VERSION
from edge.wire import state_json

DRAIN_S = 10.0  # after a replay has ended: how long the broker may take to acknowledge the last events


LAST_ACK_S = 0.3  # after a stop signal: what was just published gets a chance to be acknowledged


POLL_S = 0.02


T = TypeVar("T")
MakeObserver = Callable[[Callable[[], BinState]], Observer]


def run(
    settings: Settings,
    environ: Mapping[str, str],
    should_stop: Callable[[], bool],
    make_observers: Sequence[MakeObserver] = (),
    *,
    show_pulses: bool = True,
    reload: Reload | None = None,
) -> None:
    """The service: sort until told to stop, or until a replay ends and its events are delivered.

    A reload takes the parts apart and puts new ones together; the outbox with its seq, the counts and the uptime stay.
    Where the new ones cannot be had, the old ones are put together again.
    """
    notifier = SystemdNotifier(environ)
    reload = reload or never()
    wanted: Settings | None = settings
    state: BinState | None = None
    keeper = ModelKeeper(ModelStore(settings.models_folder))
    with (
        closing(SqliteOutbox(settings.outbox.path, int(settings.outbox.max_mb * 1e6))) as outbox,
        closing(Lessons(lessons.starter(os.environ))) as taught,
    ):
        while wanted is not None:
            try:
                with opened(
                    wanted,
                    outbox=outbox,
                    notifier=notifier,
                    keeper=keeper,
                    taught=taught,
                    make_observers=make_observers,
                    show_pulses=show_pulses,
                    reload=reload,
                    before=state,
                ) as parts:
                    settings = wanted
                    parts.reporter.ready()
                    wanted = sort(parts, settings, should_stop, reload, keeper)
                    state = parts.reporter.state
                del parts
                if wanted is not None:
                    give_back()  # before there are new ones, not some day
            except SmartBinError as error:
                keeper.ended()  # what was wrong with the model it has dealt with itself
                if wanted is settings or state is None:
                    raise
                wanted, state = settings, with_fault(state, rejected(str(error)))


def sort(
    parts: Parts, settings: Settings, should_stop: Callable[[], bool], reload: Reload, keeper: ModelKeeper
) -> Settings | None:
    """Until the end, or until there are other settings or another model to go on with."""
    another = False

    def between_items() -> bool:
        nonlocal another
        another = keeper.other_wanted(parts.reporter, time.monotonic())
        return reload.wanted(settings, parts.reporter) or another

    loop.run(parts, should_stop, between_items)
    keeper.ended()
    if (other := reload.take()) is not None:
        return other
    if another and not should_stop():
        return settings
    parts.notifier.stopping()
    parts.reporter.stopped(time.monotonic())
    if settings.mqtt.enabled:
        drain(parts.delivery, LAST_ACK_S if should_stop() else DRAIN_S, should_stop)
    return None


@contextmanager
def opened(
    settings: Settings,
    *,
    outbox: SqliteOutbox,
    notifier: SystemdNotifier,
    keeper: ModelKeeper,
    taught: Lessons,
    make_observers: Sequence[MakeObserver],
    show_pulses: bool,
    reload: Reload | None = None,
    before: BinState | None = None,
) -> Iterator[Parts]:
    """Everything that the loop works with. before: the state of a bin that is put together anew, to go on from.

    Raises ConfigError, HardwareError, ModelError, PublishError.
    """
    with ExitStack() as stack:

        def entered(part: AbstractContextManager[T]) -> T:
            # each may take seconds, and all of them together longer than the watchdog waits
            stack.callback(notifier.progress)
            opened_part = stack.enter_context(part)
            notifier.progress()
            return opened_part

        settings, opened_model = chosen.open_chosen(settings, keeper)
        keeper.watch_head(chosen.heads_of(settings, opened_model.manifest).chosen)
        classifier, head, no_head = chosen.with_head(settings, opened_model)
        entered(closing(classifier))
        model = classifier.manifest
        policy = chosen.policy_for(settings, model)
        camera = entered(closing(fittings.camera_for(settings)))
        camera.open()
        publisher = entered(closing(fittings.publisher_for(settings)))
        delivery = Delivery(outbox, publisher)
        web = [entered(closing(child)) for child in fittings.web_for(settings)]
        captures = [entered(closing(capturing)) for capturing in fittings.capturing_for(settings, model)]
        updates = next((entered(closing(child)) for child in fittings.updates_for(settings)), None)
        shadows = [entered(closing(shadow)) for shadow in fittings.shadows_for(settings, model, policy, keeper, head)]
        kept = entered(closing(fittings.keeper_for(settings, model)))
        # the pins are taken last and given back first, the flaps before all: at rest before anything else ends
        pins = entered(fittings.pins_for(settings))
        trigger = entered(closing(fittings.trigger_for(settings, pins)))
        guard = entered(fittings.guard_for(settings, pins))
        gauges = entered(closing(fittings.gauges_for(settings, pins)))
        log_pulse = show_pulse if show_pulses else debug_pulse
        flap = entered(
            closing(GpioFlaps(fittings.flap_settings(settings), pins, sleep=notifier.wait, log=log_pulse, guard=guard))
        )
        reporter = Reporter(
            first_state(settings, model.id, before),
            publish=lambda state: tell(state_json(state), delivery.publish_state, *(child.state for child in web)),
            notifier=notifier,
            queue=outbox.stats,
            health=health_of(publisher, ModelWatch(settings.model.path / model.file, model.sha256), captures, no_head),
            now_s=time.monotonic(),
            fill=lambda: Fill(gauges.levels(), settings.fill.alert_at),
            updates=lambda: fittings.told_updates(updates, shadows),
            teaching=lambda: taught.state(head),
        )
        yield Parts(
            camera=CoolingCamera(camera, lambda: reporter.hot),
            trigger=trigger,
            classifier=classifier,
            flap=flap,
            outbox=outbox,
            delivery=delivery,
            reporter=reporter,
            notifier=notifier,
            policy=policy,
            rules=fittings.rules_for(settings, model),
            model=model.id,
            clock=Clock(time.monotonic, fittings.wall_time, pi_health.clock_synced),
            new_id=fittings.new_id,
            observers=[*web, *captures, *shadows, *(make(lambda: reporter.state) for make in make_observers)],
            inbox=fittings.inbox_for(settings, publisher, web),
            ask_reload=lambda: (reload or never()).ask(settings, reporter),
            keeper=kept,
            corrected=[*(child.corrected for child in web), *(capturing.corrected for capturing in captures)],
            ask_update=updates.begin if updates else None,
            teach=lambda: taught.begin(settings.model_dump_json()),
            use_model=partial(chosen.use_model, settings),
        )


def first_state(settings: Settings, model: ModelId, before: BinState | None) -> BinState:
    """Of a bin that starts, or that goes on with other parts: what was wrong with the old ones is looked at anew."""
    if before is None:
        return BinState(bin_id=settings.bin.id, model=model, version=VERSION)
    config_warning = tuple(fault for fault in before.warnings if fault.part == "config")
    return replace(before, model=model, faults=(), warnings=config_warning)


def health_of(
    publisher: Publisher, model_watch: ModelWatch, captures: Sequence[Capturing], no_head: str | None
) -> Callable[[], Health]:
    """Looks at the computer, at the broker, at the model's file and at what keeps items; cheap.

    no_head: why the head that was chosen does not answer.
    """
    return lambda: Health(
        temperature_c=pi_health.temperature_c(),
        clock_synced=pi_health.clock_synced(),
        broker=publisher.trouble,
        broker_connects=publisher.connects,
        under_voltage=pi_health.under_voltage(),
        throttled=firmware.throttled(),
        model_file=model_watch.trouble(),
        captures=next((capturing.trouble for capturing in captures), None),
        head=no_head,
    )


def drain(delivery: Delivery, at_most_s: float, should_stop: Callable[[], bool]) -> None:
    """Wait until the broker has acknowledged everything; a stop signal ends the wait soon."""
    deadline_s = time.monotonic() + at_most_s
    while not delivery.drained and time.monotonic() < deadline_s:
        if should_stop():
            deadline_s = min(deadline_s, time.monotonic() + LAST_ACK_S)
        with suppress(OutboxError):  # told already; what is on disk goes out at the next start
            delivery.tick(time.monotonic())
        time.sleep(POLL_S)


def classify(settings: Settings, paths: Sequence[Path], *, taught: bool = False) -> Iterator[Verdict]:
    """One verdict an image, in input order. Raises ImageError for a folder without one, ModelError."""
    files = expand(paths)
    with chosen.judge(settings, taught=taught) as (judge, _):
        yield from verdicts(files, judge)


def checked_config(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings at `path`, checked against the model they name. Raises ConfigError, ModelError."""
    settings = config.load(path, environ)
    try:
        chosen.checked_model(chosen.chosen_model(settings))
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from error
    return settings


def move_flap(settings: Settings, compartment: str) -> FlapReport:
    """Open one compartment once. Raises ConfigError for an unknown one, FlapError when it does not move."""
    if compartment not in settings.compartments:
        known = ", ".join(settings.compartments)
        raise ConfigError([f"there is no compartment {compartment!r}; name one of {known}"])
    with (
        fittings.pins_for(settings) as pins,
        fittings.guard_for(settings, pins) as guard,
        closing(GpioFlaps(fittings.flap_settings(settings), pins, log=show_pulse, guard=guard)) as flaps,
    ):
        report = flaps.sort(compartment)
    if not report.ok:
        raise FlapError(f"{compartment}: the flap did not move as told; see the lines above")
    return report


def waiting_events(settings: Settings, limit: int) -> Sequence[Stored]:
    """The oldest events that the broker has not acknowledged; fine while a bin runs. Raises OutboxError."""
    return read_outbox(settings.outbox.path, limit)


def tell(message: bytes, *hearers: Callable[[bytes], None]) -> None:
    """Each of them."""
    for hearer in hearers:
        hearer(message)
