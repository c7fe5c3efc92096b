"""The composition root: settings -> parts -> what each command does. Names the adapters, as demo and checkup do."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from edge import config, loop, manifest
from edge.adapters import firmware, lessons, pi_health
from edge.adapters.arrivals import Arrivals
from edge.adapters.beam import BeamTrigger
from edge.adapters.capturing import Capturing
from edge.adapters.cooling import CoolingCamera
from edge.adapters.fill_gauges import FillGauges, Sensor, ultrasonic
from edge.adapters.flaps import GpioFlaps, debug_pulse, show_pulse
from edge.adapters.guards import Guard, Guards, PinGuard
from edge.adapters.head_store import HeadStore
from edge.adapters.lessons import Lessons
from edge.adapters.litert import LiteRtClassifier
from edge.adapters.model_keeper import ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.adapters.model_watch import ModelWatch
from edge.adapters.no_publisher import NoPublisher
from edge.adapters.opencv import OpenCvCamera
from edge.adapters.paho_publisher import BrokerSettings, PahoPublisher
from edge.adapters.picamera import PiCamera
from edge.adapters.pins import mock_pins, real_pins
from edge.adapters.replay import ReplayCamera
from edge.adapters.shadowing import Candidate, Shadowing
from edge.adapters.site_keeper import KeeperSettings, SiteKeeper
from edge.adapters.site_store import site_store
from edge.adapters.sqlite_outbox import SqliteOutbox, read_outbox
from edge.adapters.systemd_notify import SystemdNotifier
from edge.adapters.update_child import UpdateChild, update_starter
from edge.adapters.web_child import WebChild, starter
from edge.capture import CaptureRules
from edge.classify import Judge, expand, verdicts
from edge.config import ChuteCompartment, Settings, SolenoidCompartment
from edge.decision import Policy
from edge.delivery import Delivery
from edge.discovery import Announced, announcement
from edge.errors import ConfigError, FlapError, ModelError, SmartBinError
from edge.fill import Reach
from edge.flap_settings import AnyFlap, ChuteFlap, FlapSettings, ServoFlap, SolenoidFlap
from edge.head import BASE, NUMBER
from edge.ids import uuid7
from edge.inboxes import Inboxes
from edge.manifest import Manifest
from edge.model import Box, FlapReport, ModelId, Problem
from edge.model_choice import SHIPPED
from edge.parts import Clock, Parts, Rules
from edge.ports import Camera, Inbox, Observer, Publisher, Stored, Trigger
from edge.presence import Settings as PresenceSettings
from edge.presence import VisionTrigger
from edge.reload import Reload, never, rejected
from edge.reporter import Reporter
from edge.shadow import Limits
from edge.state import BinState, Fill, Health, Shadow, Updates, with_fault
from edge.taught import TaughtClassifier
from edge.verdict import Verdict
from edge.version import VERSION
from edge.wire import state_json

DRAIN_S = 10.0  # after a replay has ended: how long the broker may take to acknowledge the last events
LAST_ACK_S = 0.5  # after a stop signal: what was just published gets a chance to be acknowledged
POLL_S = 0.02

NO_HEAD = "head {number} does not answer, the model's own layer does: {error}"

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
            except SmartBinError as error:
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
    if (other := reload.take()) is not None:
        return other
    if another and not should_stop():
        return settings
    keeper.ended()
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
        settings, opened_model = open_chosen(settings, keeper)
        keeper.watch_head(heads_of(settings, opened_model.manifest).chosen)
        classifier, head, no_head = with_head(settings, opened_model)
        stack.enter_context(closing(classifier))
        model = classifier.manifest
        policy = policy_for(settings, model)
        camera = stack.enter_context(closing(camera_for(settings)))
        camera.open()
        publisher = stack.enter_context(closing(publisher_for(settings)))
        # the pins are taken last and given back first: at rest before anything else ends
        pins = stack.enter_context(pins_for(settings))
        trigger = stack.enter_context(closing(trigger_for(settings, pins)))
        guard = stack.enter_context(guard_for(settings, pins))
        log_pulse = show_pulse if show_pulses else debug_pulse
        flap = stack.enter_context(closing(GpioFlaps(flap_settings(settings), pins, log=log_pulse, guard=guard)))
        gauges = stack.enter_context(closing(gauges_for(settings, pins)))
        delivery = Delivery(outbox, publisher)
        web = [stack.enter_context(closing(child)) for child in web_for(settings)]
        captures = [stack.enter_context(closing(capturing)) for capturing in capturing_for(settings, model)]
        updates = next((stack.enter_context(closing(child)) for child in updates_for(settings)), None)
        shadows = [
            stack.enter_context(closing(shadow)) for shadow in shadows_for(settings, model, policy, keeper, head)
        ]
        reporter = Reporter(
            first_state(settings, model.id, before),
            publish=lambda state: tell(state_json(state), delivery.publish_state, *(child.state for child in web)),
            notifier=notifier,
            queue=outbox.stats,
            health=health_of(publisher, ModelWatch(settings.model.path / model.file, model.sha256), captures, no_head),
            now_s=time.monotonic(),
            fill=lambda: Fill(gauges.levels(), settings.fill.alert_at),
            updates=lambda: told_updates(updates, shadows),
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
            rules=rules_for(settings, model),
            model=model.id,
            clock=Clock(time.monotonic, wall_time, pi_health.clock_synced),
            new_id=new_id,
            observers=[*web, *captures, *shadows, *(make(lambda: reporter.state) for make in make_observers)],
            inbox=inbox_for(settings, publisher, web),
            ask_reload=lambda: (reload or never()).ask(settings, reporter),
            keeper=stack.enter_context(closing(keeper_for(settings, model))),
            ask_update=updates.begin if updates else None,
            teach=lambda: taught.begin(settings.model_dump_json()),
            use_model=partial(use_model, settings),
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
        delivery.tick(time.monotonic())
        time.sleep(POLL_S)


def classify(settings: Settings, paths: Sequence[Path], *, taught: bool = False) -> Iterator[Verdict]:
    """One verdict an image, in input order. Raises ImageError for a folder without one, ModelError."""
    files = expand(paths)
    with judge(settings, taught=taught) as (asked, _):
        yield from verdicts(files, asked)


@contextmanager
def judge(settings: Settings, *, taught: bool = False) -> Iterator[tuple[Judge, Manifest]]:
    """What answers on single pictures, and its model. taught: as the bin of these settings was.

    Raises ModelError, ConfigError.
    """
    opened = open_classifier(settings)
    with closing(with_head(settings, opened)[0] if taught else opened) as classifier:
        model = classifier.manifest
        yield Judge(classifier, policy_for(settings, model), model.id, model.input.crop_margin), model


def checked_config(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings at `path`, checked against the model they name. Raises ConfigError, ModelError."""
    settings = config.load(path, environ)
    checked_model(chosen_model(settings))
    return settings


def untaught_labels(settings: Settings) -> Sequence[str]:
    """Those in the configuration that neither the model nor its head knows. Raises ModelError."""
    model = manifest.load(chosen_model(settings).model.path)
    heads = heads_of(settings, model)
    number = heads.chosen()
    return config.new_labels(settings, model.labels if number == BASE else heads.load(number).about.labels)


def move_flap(settings: Settings, compartment: str) -> FlapReport:
    """Open one compartment once. Raises ConfigError for an unknown one, FlapError when it does not move."""
    if compartment not in settings.compartments:
        known = ", ".join(settings.compartments)
        raise ConfigError([f"there is no compartment {compartment!r}; name one of {known}"])
    with (
        pins_for(settings) as pins,
        guard_for(settings, pins) as guard,
        closing(GpioFlaps(flap_settings(settings), pins, log=show_pulse, guard=guard)) as flaps,
    ):
        report = flaps.sort(compartment)
    if not report.ok:
        raise FlapError(f"{compartment}: the flap did not move as told; see the lines above")
    return report


def waiting_events(settings: Settings, limit: int) -> Sequence[Stored]:
    """The oldest events that the broker has not acknowledged; fine while a bin runs. Raises OutboxError."""
    return read_outbox(settings.outbox.path, limit)


def chosen_model(settings: Settings) -> Settings:
    """The same settings with the model that was chosen: an installed package takes the place of the shipped one."""
    store = ModelStore(settings.models_folder)
    package = store.usable()
    return settings if package == SHIPPED else with_model(settings, store.path(package))


def with_model(settings: Settings, folder: Path) -> Settings:
    """The same settings with another model folder."""
    return settings.model_copy(update={"model": settings.model.model_copy(update={"path": folder})})


def use_model(settings: Settings, wanted: str) -> None:
    """Run another model, or another head of the one that runs, from now on.

    Raises UpdateError, ModelError, ConfigError: it cannot be run here.
    """
    if wanted == BASE or re.fullmatch(NUMBER, wanted):
        use_head(settings, wanted)
        return
    store = ModelStore(settings.models_folder)
    if wanted in store.installed():
        open_package(settings, store.path(wanted))[1].close()
    store.use(wanted)


def use_head(settings: Settings, number: str) -> None:
    """Raises UpdateError: not there; ModelError: damaged; ConfigError: it answers labels that go nowhere."""
    heads = heads_of(settings, manifest.load(chosen_model(settings).model.path))
    if number in heads.numbers():
        check_labels(settings, heads.load(number).about.labels)
    heads.use(number)


def open_chosen(settings: Settings, keeper: ModelKeeper) -> tuple[Settings, LiteRtClassifier]:
    """The model that is to run, and the settings with its path. Raises ModelError, ConfigError of the shipped one."""
    return keeper.open(time.monotonic(), partial(open_package, settings), lambda: (settings, open_classifier(settings)))


def open_package(settings: Settings, folder: Path) -> tuple[Settings, LiteRtClassifier]:
    """An installed one, all of it, and the settings with its path. Raises ModelError, ConfigError."""
    with_it = with_model(settings, folder)
    classifier = open_classifier(with_it)
    try:
        manifest.load_novelty(folder, classifier.manifest)
    except ModelError:
        classifier.close()
        raise
    return with_it, classifier


def with_head(
    settings: Settings, classifier: LiteRtClassifier
) -> tuple[LiteRtClassifier | TaughtClassifier, str | None, str | None]:
    """What answers: the classifier with the head that was chosen, or as it is.

    The head's number, where one answers; and why the one that was chosen does not.
    """
    model = classifier.manifest
    heads = heads_of(settings, model)
    number = heads.chosen()
    if number == BASE:
        return classifier, None, None
    try:
        head = heads.load(number)
        check_labels(settings, head.about.labels)
        return TaughtClassifier(classifier, model, number, head), number, None
    except SmartBinError as error:
        return classifier, None, NO_HEAD.format(number=number, error=error)


def heads_of(settings: Settings, model: Manifest) -> HeadStore:
    """The heads that were taught to this model here."""
    return HeadStore(settings.heads_folder, model.sha256)


def open_classifier(settings: Settings) -> LiteRtClassifier:
    """Load and warm up the model. Raises ModelError, ConfigError when its labels are not all routed."""
    classifier = LiteRtClassifier(settings.model.path, settings.model.threads)
    try:
        check_labels(settings, classifier.manifest.labels)
    except ConfigError:
        classifier.close()
        raise
    return classifier


def checked_model(settings: Settings) -> Manifest:
    """What is said of the model, which fits the compartments. Raises ModelError, ConfigError."""
    model = manifest.load(settings.model.path)
    check_labels(settings, model.labels)
    return model


def check_labels(settings: Settings, labels: Sequence[str]) -> None:
    """Raises ConfigError unless every label that may be answered goes into exactly one compartment."""
    problems = config.route_problems(settings, labels)
    if problems:
        raise ConfigError(problems)


def policy_for(settings: Settings, model: Manifest) -> Policy:
    """What the configuration and the model say about deciding. Raises ModelError: its statistics cannot be read."""
    return Policy(
        labels=model.labels,
        routes=settings.routes,
        default=settings.default_compartment,
        temperature=model.temperature,
        abstain_below=settings.policy.abstain_below,
        costs=settings.policy.costs,
        novelty=manifest.load_novelty(settings.model.path, model) if settings.policy.unknown else None,
        unknown_above=settings.policy.unknown_above,
    )


def rules_for(settings: Settings, model: Manifest) -> Rules:
    """The margin is the model's unless the configuration has another."""
    margin = settings.trigger.margin
    return Rules(
        bin_id=settings.bin.id,
        votes=settings.policy.votes,
        margin=model.input.crop_margin if margin is None else margin,
        clear_s=settings.trigger.clear_s,
        emptied_by_door=settings.door is not None and settings.door.empties,
        pictures=settings.mqtt.pictures,
    )


def camera_for(settings: Settings) -> Camera:
    """The camera that [camera] names, not yet opened."""
    camera = settings.camera
    roi = Box(*camera.roi)
    if camera.source == "replay":
        assert camera.path is not None, "config.py requires it for a replay"
        return ReplayCamera(camera.path, size=camera.size, fps=camera.fps, pace=camera.pace, loop=camera.loop, roi=roi)
    if camera.source == "picamera2":
        assert isinstance(camera.device, int), "config.py requires it for picamera2"
        return PiCamera(camera.device, size=camera.size, fps=camera.fps, roi=roi)
    return OpenCvCamera(camera.device, size=camera.size, fps=camera.fps, roi=roi)


def trigger_for(settings: Settings, pins: Any) -> Trigger:
    """What says that an item lies on the tray. pins: the gpiozero factory that the flaps use too."""
    trigger = settings.trigger
    if trigger.kind == "beam":
        assert trigger.pin is not None, "config.py requires it for a beam"
        return BeamTrigger(
            trigger.pin,
            settle_frames=trigger.settle_frames,
            broken_is_low=trigger.broken_is_low,
            pin_factory=pins,
        )
    return VisionTrigger(PresenceSettings(change=trigger.change, settle_frames=trigger.settle_frames))


def pins_for(settings: Settings) -> Any:
    """A gpiozero factory, as a context manager: the Pi's pins, or pins in memory. Raises FlapError."""
    return mock_pins() if settings.flaps.driver == "mock" else real_pins()


@contextmanager
def guard_for(settings: Settings, pins: Any) -> Iterator[Guard | None]:
    """The light barrier that a hand in the chute breaks and the switch of the door, where there are any.

    Raises HardwareError.
    """
    flaps, door = settings.flaps, settings.door
    wanted: list[tuple[int, Problem, str, bool]] = []
    # the door first: a hand that reaches in through it must not hide that it is open
    if door is not None:
        wanted.append((door.pin, Problem.DOOR_OPEN, "door.pin", door.open_is_low))
    if flaps.guard_pin is not None:
        wanted.append((flaps.guard_pin, Problem.HAND_IN_CHUTE, "flaps.guard_pin", flaps.guard_broken_is_low))
    with ExitStack() as stack:
        guards: list[Guard] = []
        for pin, problem, key, low in wanted:
            guard = PinGuard(pin, problem=problem, key=key, pin_factory=pins, blocked_is_low=low)
            guards.append(stack.enter_context(guard))
            if flaps.driver == "mock" and not low:
                pins.pin(pin).drive_low()  # nothing is in the way of flaps that are not there
        yield Guards(guards) if guards else None


def gauges_for(settings: Settings, pins: Any) -> FillGauges:
    """The fill sensors, which measure in a thread of their own; with none, nothing does."""
    return FillGauges(fill_sensors(settings), partial(ultrasonic, pins), settings.fill.every_s)


def fill_sensors(settings: Settings) -> dict[str, Sensor]:
    """By compartment, where it has one."""
    return {
        name: Sensor(fill.trigger_pin, fill.echo_pin, Reach(fill.empty_cm, fill.full_cm))
        for name, compartment in settings.compartments.items()
        if (fill := compartment.fill) is not None
    }


def flap_settings(settings: Settings) -> FlapSettings:
    """[compartments] and [chute] as the flaps take them."""
    return FlapSettings({name: _flap(settings, name) for name in settings.compartments}, max_s=settings.flaps.max_s)


def publisher_for(settings: Settings) -> Publisher:
    """The connection that [mqtt] names. Raises PublishError for certificates that cannot be used."""
    mqtt = settings.mqtt
    if not mqtt.enabled:
        return NoPublisher()
    return PahoPublisher(replace(broker_settings(settings), announcement=announced_by(settings)))


def web_for(settings: Settings) -> Sequence[WebChild]:
    """The process of the page, not yet started; none where [web] is off."""
    if not settings.web.enabled:
        return ()
    return (WebChild(starter(settings.model_dump_json(), os.environ), time.monotonic),)


def updates_for(settings: Settings) -> Sequence[UpdateChild]:
    """What looks for newer models when it is told to; none where [update] is off."""
    if settings.update.mode == "off":
        return ()
    start = update_starter(settings.model_dump_json(), os.environ)
    return (UpdateChild(start, Arrivals(ModelStore(settings.models_folder))),)


def told_updates(updates: UpdateChild | None, shadows: Sequence[Shadowing]) -> Updates | None:
    """For the state."""
    if updates is None:
        return None
    found = [Shadow.of_comparison(it.comparison, it.limits) for it in shadows if it.comparison is not None]
    return replace(updates.told(), shadow=next(iter(found), None))


def shadows_for(
    settings: Settings, model: Manifest, sorts: Policy, keeper: ModelKeeper, head: str | None
) -> Sequence[Shadowing]:
    """What lets a new model answer beside the one that sorts; nothing where [update] does not want that.

    Where a taught head answers, a new model waits for somebody: it does not know what was taught here.
    """
    wanted = settings.update
    if wanted.mode not in ("shadow", "auto"):
        return ()

    def open_candidate(folder: Path) -> Candidate:
        with_it, classifier = open_package(settings, folder)
        model = classifier.manifest
        return Candidate(classifier, policy_for(with_it, model), rules_for(with_it, model).margin)

    limits = Limits(
        wanted.shadow_items, 24 * wanted.shadow_days, wanted.max_slower, more_abstentions=wanted.max_more_abstentions
    )
    return (
        Shadowing(
            keeper.store,
            open_candidate,
            against=f"{model.sha256} {model.version}",  # which names the head
            sorts=sorts,
            limits=limits,
            take=wanted.mode == "auto" and head is None,
            put_back=keeper.put_back,
            monotonic_s=time.monotonic,
        ),
    )


def capturing_for(settings: Settings, model: Manifest) -> Sequence[Capturing]:
    """What keeps items; nothing where [capture] is off."""
    capture = settings.capture
    if capture.mode == "off":
        return ()
    rules = CaptureRules(
        random_share=capture.random_share,
        margin_below=capture.margin_below,
        routes=settings.routes,
        novelty=manifest.load_novelty(settings.model.path, model),
    )
    margin = rules_for(settings, model).margin
    blurred = capture.mode == "blurred"
    return (Capturing(site_store(settings), rules, margin=margin, blurred=blurred, random=random.random),)


def keeper_for(settings: Settings, model: Manifest) -> SiteKeeper:
    """For teach mode, also where [capture] is off: who shows the bin an item wants it kept."""
    margin, blurred = rules_for(settings, model).margin, settings.capture.mode == "blurred"
    wanted = KeeperSettings(settings.bin.id, model.sha256, margin, blurred)
    return SiteKeeper(site_store(settings), wanted, wall=wall_time, new_id=new_id)


def inbox_for(settings: Settings, publisher: Publisher, web: Sequence[WebChild]) -> Inbox | None:
    """Where commands come from; None where they are off."""
    inboxes: list[Inbox] = [*web]
    if isinstance(publisher, PahoPublisher) and settings.mqtt.commands:
        inboxes.append(publisher)
    return Inboxes(inboxes) if inboxes else None


def tell(message: bytes, *hearers: Callable[[bytes], None]) -> None:
    """Each of them."""
    for hearer in hearers:
        hearer(message)


def broker_settings(settings: Settings) -> BrokerSettings:
    """[mqtt] as the publisher takes it."""
    wanted = settings.mqtt.model_dump(exclude={"enabled", "pictures", "discovery"})
    return BrokerSettings(bin_id=settings.bin.id, **wanted)


def announced_by(settings: Settings) -> bytes:
    """What Home Assistant is told; nothing where that is off."""
    if not settings.mqtt.discovery:
        return b""
    told = Announced(
        bin_id=settings.bin.id,
        base=f"{settings.mqtt.prefix}/{settings.bin.id}",
        model=settings.model.path.name,
        compartments=list(settings.compartments),
        sensors=list(fill_sensors(settings)),
        commands=settings.mqtt.commands,
        pictures=settings.mqtt.pictures,
        updates=settings.update.mode != "off",
    )
    return announcement(told)


def new_id() -> str:
    """Sorts by time, for what happens from now on."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def wall_time() -> str:
    """RFC 3339 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _flap(settings: Settings, name: str) -> AnyFlap:
    compartment = settings.compartments[name]
    wanted = compartment.model_dump(exclude={"labels", "default", "kind", "fill"})
    if isinstance(compartment, SolenoidCompartment):
        return SolenoidFlap(**wanted)
    if isinstance(compartment, ChuteCompartment):
        assert settings.chute is not None, "config.py requires it for a chute"
        return ChuteFlap(**settings.chute.model_dump(), **wanted)
    return ServoFlap(**wanted)
