"""What `smartbin doctor` checks for one configuration: the checks of doctor_checks.py with the real parts in them."""

from __future__ import annotations

from edge import app
from edge.adapters import pi_health
from edge.adapters.broker_probe import probe
from edge.adapters.pins import claim
from edge.config import Settings
from edge.doctor import Check
from edge.doctor_checks import (
    check_broker,
    check_camera,
    check_clock,
    check_computer,
    check_disk,
    check_gpio,
    check_memory_limit,
    check_model,
    check_power,
    check_temperature,
    only_on_pi,
    skipped,
)
from edge.flap_plan import pins


def checks_for(settings: Settings) -> list[Check]:
    """In the order in which a person would look for the cause. Nothing runs yet."""
    pi_model = pi_health.pi_model()
    return [
        check_computer(pi_model, pi_health.os_name()),
        check_camera(app.camera_for(settings)),
        check_model(lambda: app.open_classifier(settings), settings.model.path.name),
        _gpio(settings),
        _broker(settings),
        check_clock(pi_health.clock_synced),
        check_disk(settings.outbox.path, settings.outbox.max_mb, pi_health.disk_free_mb, pi_health.writable),
        only_on_pi(check_memory_limit(pi_health.memory_limited), pi_model),
        check_temperature(pi_health.temperature_c),
        only_on_pi(check_power(_power), pi_model),
    ]


def pin_users(settings: Settings) -> dict[int, str]:
    """Each configured pin with what it is for."""
    users: dict[int, str] = {}
    for name, flap in app.flap_settings(settings).flaps.items():
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
        return skipped("gpio", 'skipped: flaps.driver is "mock", no pin is used')
    return check_gpio(lambda: app.pins_for(settings), claim, pin_users(settings))


def _broker(settings: Settings) -> Check:
    if not settings.mqtt.enabled:
        return skipped("broker", "skipped: mqtt.enabled is false; events stay in the outbox")
    return check_broker(lambda: probe(app.broker_settings(settings)))


def _power() -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    found = pi_health.throttling()
    return None if found is None else (found.now, found.ever)
