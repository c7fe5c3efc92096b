"""What `smartbin doctor` checks for one configuration: the checks of doctor_checks.py with the real parts in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter

from edge import chosen, fittings
from edge.adapters import certificates, pi_health
from edge.adapters.broker_probe import probe
from edge.adapters.broker_settings import BrokerSettings
from edge.adapters.fill_gauges import PING_EVERY_S, Sensor, several, ultrasonic
from edge.adapters.listening import listen
from edge.adapters.password_file import read_password
from edge.adapters.pins import claim, gpio_errors
from edge.config import Settings
from edge.doctor import Check
from edge.doctor_certificates import Role, Validity, check_certificates
from edge.doctor_checks import (
    check_broker,
    check_camera,
    check_clock,
    check_computer,
    check_disk,
    check_gpio,
    check_memory_limit,
    check_model,
    check_page,
    check_power,
    check_storage,
    check_temperature,
    only_on_pi,
    skipped,
)
from edge.doctor_sensors import check_fill, check_way
from edge.errors import HardwareError
from edge.flap_plan import pins
from edge.model import Problem

MOCK = 'skipped: flaps.driver is "mock", no pin is used'


def checks_for(settings: Settings) -> list[Check]:
    """In the order in which a person would look for the cause. Nothing runs yet."""
    pi_model = pi_health.pi_model()
    settings = chosen.chosen_model(settings)
    return [
        check_computer(pi_model, pi_health.os_name()),
        check_camera(fittings.camera_for(settings)),
        check_model(lambda: chosen.open_classifier(settings), settings.model.path.name),
        _gpio(settings),
        *_sensors(settings),
        _broker(settings),
        *_certificates(settings),
        _page(settings),
        check_clock(pi_health.clock_synced),
        check_disk(settings.outbox.path, settings.outbox.max_mb, pi_health.disk_free_mb, pi_health.writable),
        check_storage(settings.outbox.path, pi_health.file_system),
        only_on_pi(check_memory_limit(pi_health.memory_limited), pi_model),
        check_temperature(pi_health.temperature_c),
        only_on_pi(check_power(_power), pi_model),
    ]


def pin_users(settings: Settings) -> dict[int, str]:
    """Each configured pin with what it is for."""
    users: dict[int, str] = {}
    for name, flap in fittings.flap_settings(settings).flaps.items():
        for pin in pins(flap):
            users.setdefault(pin, f"flap {name}")
    if settings.trigger.pin is not None and settings.trigger.kind == "beam":
        users[settings.trigger.pin] = "light barrier"
    if settings.flaps.guard_pin is not None:
        users[settings.flaps.guard_pin] = "barrier in the chute"
    if settings.door is not None:
        users[settings.door.pin] = "door"
    for name, compartment in settings.compartments.items():
        if compartment.fill is not None:
            users |= dict.fromkeys((compartment.fill.trigger_pin, compartment.fill.echo_pin), f"fill sensor {name}")
    return users


def _gpio(settings: Settings) -> Check:
    if settings.flaps.driver == "mock":
        return skipped("gpio", MOCK)
    return check_gpio(lambda: fittings.pins_for(settings), claim, pin_users(settings))


def obstacle_now(settings: Settings) -> Problem | None:
    """What is in the way of the flaps. Raises HardwareError."""
    with fittings.pins_for(settings) as factory, fittings.guard_for(settings, factory) as guard:
        return guard.obstacle() if guard is not None else None


def _sensors(settings: Settings) -> Iterator[Check]:
    """Of those that there are."""
    sensors = fittings.fill_sensors(settings)
    wanted = []
    if settings.door is not None or settings.flaps.guard_pin is not None:
        wanted.append(check_way(lambda: obstacle_now(settings)))
    if sensors:
        reaches = {name: sensor.reach for name, sensor in sensors.items()}
        wanted.append(check_fill(reaches, lambda name: _distances_cm(settings, sensors[name])))
    for check in wanted:
        yield skipped(check.name, MOCK) if settings.flaps.driver == "mock" else check


def _distances_cm(settings: Settings, sensor: Sensor) -> list[float | None]:
    try:
        with fittings.pins_for(settings) as factory, ultrasonic(factory, sensor) as measure:
            return several(measure, partial(time.sleep, PING_EVERY_S))
    except gpio_errors() as error:
        raise HardwareError(f"the fill sensor cannot be asked ({error}); see gpio above") from error


def _broker(settings: Settings) -> Check:
    if not settings.mqtt.enabled:
        return skipped("broker", "skipped: mqtt.enabled is false; events stay in the outbox")
    return check_broker(lambda: probe(fittings.broker_settings(settings)))


def _page(settings: Settings) -> Check:
    web = settings.web
    if not web.enabled:
        return skipped("page", "skipped: web.enabled is false")
    address = f"{web.host}:{web.port}"
    file = web.password_file
    password = partial(read_password, file) if file is not None else lambda: None
    return check_page(lambda: listen(web.host, web.port, "web.port or web.host"), address, password)


def _certificates(settings: Settings) -> Iterator[Check]:
    """Where TLS wants them."""
    if settings.mqtt.enabled and settings.mqtt.tls:
        broker = fittings.broker_settings(settings)
        yield check_certificates(lambda: _validities(broker), partial(datetime.now, UTC), pi_health.clock_synced)


def _validities(broker: BrokerSettings) -> Iterator[tuple[Role, Validity]]:
    yield from ((Role.BROKER, shown) for shown in certificates.of_broker(broker))
    # old and new lie in there while the authority is changed; the newest tells whether that was done
    if broker.ca_file is not None and (held := certificates.of_file(broker.ca_file)):
        yield Role.AUTHORITY, max(held, key=attrgetter("end"))
    # those between it and the authority lie in there too; none may be expired
    if broker.cert_file is not None and (chain := certificates.of_file(broker.cert_file)):
        yield Role.OWN, min(chain, key=attrgetter("end"))


def _power() -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    found = pi_health.throttling()
    return None if found is None else (found.now, found.ever)
