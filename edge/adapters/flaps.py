"""All flaps of the bin, through gpiozero. Safe means closed: whatever happens, everything ends at rest and quiet.

The exception is a hand in the chute: a flap that closes could pinch it. Then nothing is driven at all, servos go slack,
and they are driven to rest once the hand is gone.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from edge.adapters.deadman import NewTimer, new_timer
from edge.adapters.drives import open_drives
from edge.adapters.guards import Guard, Guards
from edge.adapters.pins import gpio_errors, real_pins
from edge.errors import ConfigError, FlapError, ObstacleError
from edge.flap_plan import Step, duration_s, problems, rest_steps, sort_steps
from edge.flap_settings import FlapSettings
from edge.logs import fields
from edge.model import FlapReport, Problem

log = logging.getLogger(__name__)

ROUNDING_S = 1e-6  # sums of step durations are not exact
GUARD_EVERY_S = 0.01  # how often the guard is looked at while something moves: a servo turns 5 degrees meanwhile


@dataclass(frozen=True, slots=True)
class Pulse:
    """What one pin was told, and for how long. value: degrees for a servo, 1 for a solenoid."""

    pin: int
    value: float
    ms: float


def debug_pulse(pulse: Pulse) -> None:
    """Log a pulse where somebody looks for it."""
    log.debug("pulse %s", fields(pin=pulse.pin, value=f"{pulse.value:g}", ms=f"{pulse.ms:.0f}"))


def show_pulse(pulse: Pulse) -> None:
    """Log a pulse for everybody: the only thing to be seen of a mock flap."""
    log.info("pulse %s", fields(pin=pulse.pin, value=f"{pulse.value:g}", ms=f"{pulse.ms:.0f}"))


class GpioFlaps:
    """ports.Flap on GPIO pins. One thread uses it; a move never starts before the last one ended at rest.

    pin_factory: a gpiozero factory that the caller keeps and closes; without one the Pi's own is opened, then closed.
    timer: makes the timers that act when the program hangs in the middle of a move.
    log: told every pulse when it ended. guard: says what is in the way of every move.
    """

    def __init__(
        self,
        settings: FlapSettings,
        pin_factory: Any = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        timer: NewTimer = new_timer,
        log: Callable[[Pulse], None] = debug_pulse,
        guard: Guard | None = None,
    ) -> None:
        """Take the pins and drive every flap to rest, which waits while something is in the way: call rest() then.

        Raises ConfigError, FlapError.
        """
        wrong = problems(settings)
        if wrong:
            raise ConfigError(wrong)
        self._settings = settings
        self._sleep, self._clock, self._timer, self._log = sleep, clock, timer, log
        self._guard = guard or Guards()
        self._guarded = guard is not None
        self._pulses: dict[int, tuple[float, float]] = {}  # pin -> value, since when
        self._at_rest = False  # told so, and given the time to get there
        self._failures: list[str] = []  # of the last way there
        self._closed = False
        with ExitStack() as opened:
            factory = opened.enter_context(real_pins()) if pin_factory is None else pin_factory
            self._drives = open_drives(settings.flaps.values(), factory, timer, opened)
            failures = self._drive_to_rest() if self._guard.obstacle() is None else []
            if failures:
                raise FlapError(
                    f"a flap cannot be driven to rest: {failures[0]}; check the chute, the GPIO chip and its driver"
                )
            self._opened = opened.pop_all()
        atexit.register(self.close)

    def sort(self, compartment: str) -> FlapReport:
        """See ports.Flap. Raises FlapError for a compartment that is not configured, and after close()."""
        steps = self._steps(compartment)
        started_s = self._clock()
        ok = self._at_rest = False
        problem: Problem | None = None
        try:
            with self._deadman():
                self._run(steps, started_s + self._settings.max_s)
            ok = self._at_rest = True
        except FlapError as error:
            log.error("flap failed %s", fields(compartment=compartment, reason=error))
            problem = Problem(error.problem) if isinstance(error, ObstacleError) else Problem.FLAP_FAILED
        finally:
            # also when a signal handler or a bug ends the move: nothing stays open
            if not ok:
                self.rest()
        return FlapReport(ok, (self._clock() - started_s) * 1000, problem)

    @property
    def at_rest(self) -> bool:
        """Whether every flap is at rest, as far as can be told."""
        return self._at_rest

    def rest(self) -> bool:
        """Drive every flap to rest and end the pulses. What fails is logged once, the others are driven."""
        if not self._closed:
            failures = self._drive_to_rest()
            for failure in set(failures) - set(self._failures):  # it is tried again with every frame
                log.error("flap not at rest %s", fields(reason=failure))
            self._failures = failures
        return self._at_rest

    def blocked(self) -> Problem | None:
        """What the guard sees."""
        return self._guard.obstacle()

    def close(self) -> None:
        """Drive to rest what is not there already, then give the pins back. Closing twice is fine."""
        if self._closed:
            return
        atexit.unregister(self.close)
        try:
            if not self._at_rest:
                self.rest()
        except KeyboardInterrupt:
            self.rest()  # a servo that was on its way would stay there; the signals that follow are not heard
            raise
        finally:
            self._closed = True
            try:
                self._opened.close()
            except gpio_errors() as error:
                log.error("pins not given back %s", fields(reason=error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _steps(self, compartment: str) -> tuple[Step, ...]:
        if self._closed:
            raise FlapError("the flaps are closed; open them again before sorting")
        flap = self._settings.flaps.get(compartment)
        if flap is None:
            known = ", ".join(self._settings.flaps)
            raise FlapError(f"compartment {compartment!r} has no flap; the configuration has {known}")
        return sort_steps(flap)

    def _run(self, steps: tuple[Step, ...], deadline_s: float) -> None:
        """Carry the steps out. A step that leaves too little time for the rest of the way is not begun."""
        for done, step in enumerate(steps):
            if self._clock() + duration_s(steps[done:]) > deadline_s + ROUNDING_S:
                raise FlapError(f"the move took longer than {self._settings.max_s:g} s; is the computer overloaded?")
            self._tell(step)
            self._hold(step)
        if self._clock() > deadline_s + ROUNDING_S:
            raise FlapError(f"the move took longer than {self._settings.max_s:g} s; is the computer overloaded?")

    def _drive_to_rest(self) -> list[str]:
        """What failed. Uses no timer: it also runs in the timer's own thread, and when the interpreter ends."""
        self._at_rest = False
        failures = []
        try:
            for step in rest_steps(self._settings.flaps.values()):
                failures += self._tried(step)
                self._hold(step)  # also after a failure: the other servos are on their way
        except ObstacleError as error:
            failures += [str(error), *self._let_go()]
        self._at_rest = not failures
        return failures

    def _let_go(self) -> list[str]:
        """End every pulse at once: servos go slack, coils off. What failed."""
        return [failure for pin in self._drives for failure in self._tried(Step(pin, None))]

    def _tried(self, step: Step) -> list[str]:
        try:
            self._tell(step)
        except ObstacleError:
            raise
        except FlapError as error:
            return [str(error)]
        return []

    def _tell(self, step: Step) -> None:
        if step.value is not None:  # to let go is always safe
            self._mind_the_guard()
        try:
            self._drives[step.pin].set(step.value)
        except gpio_errors() as error:
            raise FlapError(f"GPIO{step.pin} does not take {step.value}: {error}") from error
        now_s = self._clock()
        if ended := self._pulses.pop(step.pin, None):
            value, since_s = ended
            self._log(Pulse(step.pin, value, (now_s - since_s) * 1000))
        if step.value is not None:
            self._pulses[step.pin] = (step.value, now_s)

    def _hold(self, step: Step) -> None:
        if not self._guarded:
            if step.hold_s > 0:
                self._sleep(step.hold_s)
            return
        until_s = self._clock() + step.hold_s
        while (left_s := until_s - self._clock()) > 0:
            self._mind_the_guard()
            self._sleep(min(GUARD_EVERY_S, left_s))

    def _mind_the_guard(self) -> None:
        if (problem := self._guard.obstacle()) is not None:
            raise ObstacleError(problem)

    @contextmanager
    def _deadman(self) -> Iterator[None]:
        """Drives everything to rest from another thread when this one hangs. Waits for that thread before it ends."""
        guard = self._timer(self._settings.max_s, self._hanging)
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
            guard.join(self._settings.max_s)

    def _hanging(self) -> None:
        log.error("flap hangs %s", fields(max_s=self._settings.max_s))
        self.rest()
