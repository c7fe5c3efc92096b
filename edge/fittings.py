"""The parts of a bin as its configuration wants them, one function a part: the adapters are named here."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from edge import chosen, manifest
from edge.adapters.arrivals import Arrivals
from edge.adapters.beam import BeamTrigger
from edge.adapters.capturing import Capturing
from edge.adapters.fill_gauges import FillGauges, Sensor, ultrasonic
from edge.adapters.guards import Guard, Guards, PinGuard
from edge.adapters.model_keeper import ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.adapters.no_publisher import NoPublisher
from edge.adapters.opencv import OpenCvCamera
from edge.adapters.paho_publisher import BrokerSettings, PahoPublisher
from edge.adapters.picamera import PiCamera
from edge.adapters.pins import mock_pins, real_pins
from edge.adapters.replay import ReplayCamera
from edge.adapters.shadowing import Candidate, Shadowing
from edge.adapters.site_keeper import KeeperSettings, SiteKeeper
from edge.adapters.site_store import site_store
from edge.adapters.update_child import UpdateChild, update_starter
from edge.adapters.web_child import WebChild, starter
from edge.capture import CaptureRules
from edge.config import Settings
from edge.decision import Policy
from edge.discovery import Announced, announcement
from edge.fill import Reach
from edge.flap_settings import AnyFlap, ChuteFlap, FlapSettings, ServoFlap, SolenoidFlap
from edge.ids import uuid7
from edge.inboxes import Inboxes
from edge.manifest import Manifest
from edge.model import Box, Problem
from edge.parts import Rules
from edge.ports import Camera, Inbox, Publisher, Trigger
from edge.presence import Settings as PresenceSettings
from edge.presence import VisionTrigger
from edge.settings.moving import ChuteCompartment, SolenoidCompartment
from edge.shadow import Limits
from edge.state import Shadow, Updates


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
        with_it, classifier = chosen.open_package(settings, folder)
        model = classifier.manifest
        return Candidate(classifier, chosen.policy_for(with_it, model), rules_for(with_it, model).margin)

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
