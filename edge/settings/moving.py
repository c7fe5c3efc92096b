"""What moves: [flaps], [compartments.NAME] with a servo, a solenoid or the chute, and [chute]."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from edge.settings.section import ID_PATTERN, Pin, Section
from edge.settings.sensors import FillSensor

# on the board, by 1.8 kOhm, whatever a program says; a pull-down of 10 kOhm cannot hold against that
PULLED_UP = (2, 3)

Angle = Annotated[float, Field(ge=-360.0, le=360.0)]
Hold = Annotated[float, Field(ge=0.0, le=30.0)]
PulseMs = Annotated[float, Field(gt=0.0, le=10.0)]


class FlapsSettings(Section):
    """[flaps]: what all flaps share.

    driver: "gpio" moves them, "mock" moves nothing and logs every pulse.
    guard_pin: of a light barrier that a hand in the chute breaks; it stops every flap at once.
    guard_broken_is_low: whether its output is low while the beam is broken; where it is high then, a cut cable counts
    as a hand.
    max_s: no move may take longer.
    """

    driver: Literal["gpio", "mock"]
    guard_pin: Pin | None = None
    guard_broken_is_low: bool = True
    max_s: Annotated[float, Field(gt=0.0, le=30.0)] = 5.0


class CompartmentSettings(Section):
    """[compartments.NAME]: what every compartment has.

    labels: of the model, that go here; each label goes to exactly one compartment.
    default: what the bin is unsure about goes here; true in exactly one.
    fill: a sensor that tells how full it is.
    """

    labels: tuple[str, ...] = ()
    default: bool = False
    fill: FillSensor | None = None


class ServoCompartment(CompartmentSettings):
    """kind = "servo": one servo opens this compartment.

    pin: of the servo's signal.
    rest: degrees, closed.
    open: degrees, open.
    min_angle, max_angle: degrees at the shortest and the longest pulse.
    min_pulse_ms, max_pulse_ms: what the servo's data sheet says.
    open_s: how long it stays open.
    settle_s: how long it may take back to rest; then the pulses stop.
    """

    kind: Literal["servo"]
    pin: Pin
    rest: Angle = 0.0
    open: Angle = 90.0
    min_angle: Angle = -90.0
    max_angle: Angle = 90.0
    min_pulse_ms: PulseMs = 0.5
    max_pulse_ms: PulseMs = 2.5
    open_s: Hold = 0.6
    settle_s: Hold = 0.4

    @model_validator(mode="after")
    def _in_reach(self) -> Self:
        if not all(self.min_angle <= angle <= self.max_angle for angle in (self.rest, self.open)):
            raise ValueError("rest and open must lie between min_angle and max_angle; widen those or correct these")
        if self.min_pulse_ms >= self.max_pulse_ms:
            raise ValueError("min_pulse_ms must be below max_pulse_ms; see the servo's data sheet")
        return self


class SolenoidCompartment(CompartmentSettings):
    """kind = "solenoid": a relay or transistor pulls a latch.

    pin: of the relay's or transistor's input.
    pulse_s: how long it pulls.
    max_on_s: never longer than this, to protect the coil.
    active_high: whether the input is on while the pin is high; many relay boards want false.
    """

    kind: Literal["solenoid"]
    pin: Pin
    pulse_s: Hold = 0.5
    max_on_s: Annotated[float, Field(gt=0.0, le=10.0)] = 2.0
    active_high: bool = True

    @model_validator(mode="after")
    def _spares_the_coil(self) -> Self:
        if self.pulse_s > self.max_on_s:
            raise ValueError(f"pulse_s {self.pulse_s} is longer than max_on_s {self.max_on_s}; shorten it")
        return self

    @model_validator(mode="after")
    def _off_while_the_pi_boots(self) -> Self:
        if self.active_high and self.pin in PULLED_UP:
            raise ValueError(
                f"pin {self.pin} is pulled up on the board: the coil would be on while the Pi boots; take another pin"
            )
        return self


class ChuteCompartment(CompartmentSettings):
    """kind = "chute": the chute of [chute] turns to this angle, then drops.

    angle: degrees.
    """

    kind: Literal["chute"]
    angle: Angle


Compartment = Annotated[
    ServoCompartment | SolenoidCompartment | ChuteCompartment,
    Field(discriminator="kind"),
]


def _with_default_kind(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: {"kind": "servo", **c} if isinstance(c, dict) else c for name, c in value.items()}


Compartments = Annotated[
    dict[Annotated[str, Field(pattern=ID_PATTERN)], Compartment],
    BeforeValidator(_with_default_kind),
]


class ChuteSettings(Section):
    """[chute]: the two servos that all compartments of kind "chute" share.

    turn_pin: of the servo that turns the chute.
    drop_pin: of the servo that lets the item fall.
    turn_rest, drop_rest: degrees, at rest.
    drop_open: degrees, open.
    turn_s: how long a turn may take.
    drop_s: how long it stays open.
    settle_s: how long it may take back to rest; then the pulses stop.
    min_angle, max_angle: degrees at the shortest and the longest pulse.
    min_pulse_ms, max_pulse_ms: what the servos' data sheet says.
    """

    turn_pin: Pin
    drop_pin: Pin
    turn_rest: Angle = 0.0
    drop_rest: Angle = 0.0
    drop_open: Angle = 90.0
    turn_s: Hold = 0.4
    drop_s: Hold = 0.5
    settle_s: Hold = 0.3
    min_angle: Angle = -90.0
    max_angle: Angle = 90.0
    min_pulse_ms: PulseMs = 0.5
    max_pulse_ms: PulseMs = 2.5
