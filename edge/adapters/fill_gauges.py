"""Ultrasonic sensors (HC-SR04 and the like) above the compartments, read rarely and in a thread of their own.

Between two looks the pins are let go.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import gpiozero

from edge.adapters.pins import gpio_errors
from edge.fill import Reach, level
from edge.logs import fields

log = logging.getLogger(__name__)

PINGS, PING_EVERY_S = 9, 0.06
MOST_CM = 400.0
SOUND_CM_PER_S = 34_326.0  # at 20 degrees C; 3 % less at 0
ECHO_WITHIN_S = 0.1  # an HC-SR04 gives up after 38 ms
CLOSE_S = 1.0  # a ping ends long before


@dataclass(frozen=True, slots=True)
class Sensor:
    """Pins (BCM) and what it measures."""

    trigger_pin: int
    echo_pin: int
    reach: Reach


Measure = Callable[[], float | None]  # one distance in cm, None where no echo comes back from within its reach
OpenSensor = Callable[[Sensor], AbstractContextManager[Measure]]


class FillGauges:
    """levels() is what was measured last: 0..1 by compartment, None where no echo comes back. Never blocks."""

    def __init__(
        self,
        sensors: Mapping[str, Sensor],
        open_sensor: OpenSensor,
        every_s: float,
        *,
        ping_every_s: float = PING_EVERY_S,
    ) -> None:
        self._sensors = dict(sensors)
        self._open = open_sensor
        self._every_s, self._ping_every_s = every_s, ping_every_s
        self._levels: dict[str, float | None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fill-gauges", daemon=True)
        if sensors:
            self._thread.start()

    def levels(self) -> Mapping[str, float | None]:
        """Empty before the first look is over."""
        return dict(self._levels)

    def close(self) -> None:
        """Twice is fine."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            for name, sensor in self._sensors.items():
                filled = self._look(name, sensor)
                if self._stop.is_set():  # it was interrupted, and says nothing
                    return
                self._levels[name] = filled
            self._stop.wait(self._every_s)

    def _look(self, name: str, sensor: Sensor) -> float | None:
        try:
            with self._open(sensor) as measure:
                return level(several(measure, partial(self._stop.wait, self._ping_every_s)), sensor.reach)
        except gpio_errors() as error:
            log.warning("fill sensor %s", fields(compartment=name, message=error))
            return None


def several(measure: Measure, pause: Callable[[], object]) -> list[float | None]:
    """Distances in cm, one after the other; fewer once pause() returns something true."""
    heard: list[float | None] = []
    while len(heard) < PINGS and not pause():
        heard.append(measure())
    return heard


@contextmanager
def ultrasonic(pin_factory: Any, sensor: Sensor) -> Iterator[Measure]:
    """Takes the pins of one sensor and gives them back.

    gpiozero's DistanceSensor would do, but it measures in a thread that it ends after it has closed the trigger pin.
    """
    with (
        gpiozero.OutputDevice(sensor.trigger_pin, pin_factory=pin_factory) as trigger,
        gpiozero.InputDevice(sensor.echo_pin, pin_factory=pin_factory) as echo,
    ):
        listener = _Echo(echo.pin, pin_factory.ticks_diff)
        yield lambda: listener.distance_cm(trigger)


class _Echo:
    """Measures how long the echo pin is high, with the time stamps that the driver gives to its edges."""

    def __init__(self, pin: Any, ticks_diff: Callable[[Any, Any], float]) -> None:
        self._ticks_diff = ticks_diff
        self._rose: Any = None
        self._fell: Any = None
        self._over = threading.Event()
        pin.edges, pin.bounce, pin.when_changed = "both", None, self._changed

    def distance_cm(self, trigger: gpiozero.OutputDevice) -> float | None:
        """One ping. None where no echo comes back, or one from beyond the sensor's reach."""
        self._rose = self._fell = None
        self._over.clear()
        trigger.on()
        trigger.off()  # the sensor wants 10 microseconds; Python takes longer than that
        if not self._over.wait(ECHO_WITHIN_S) or self._rose is None:
            return None
        distance_cm = self._ticks_diff(self._fell, self._rose) * SOUND_CM_PER_S / 2
        return distance_cm if distance_cm < MOST_CM else None

    def _changed(self, ticks: Any, state: int) -> None:
        if state:
            self._rose = ticks
        elif self._rose is not None:
            self._fell = ticks
            self._over.set()
