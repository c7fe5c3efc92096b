"""What is measured beside the tray: [door], [compartments.NAME.fill], [fill]."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from edge.settings.section import Pin, Section

Centimetres = Annotated[float, Field(ge=2.0, le=400.0, description="what an ultrasonic sensor can measure")]


class DoorSettings(Section):
    """[door]: a switch at the door through which the bin is emptied. Nothing moves while it is open.

    pin: of the switch, which leads to ground.
    open_is_low: whether the pin is low while the door is open; false: a cut cable counts as open.
    empties: whether opening it empties every compartment.
    """

    pin: Pin
    open_is_low: bool = False
    empties: bool = False


class FillSensor(Section):
    """[compartments.NAME.fill]: an ultrasonic sensor that looks down into the compartment, and what it sees there.

    trigger_pin: starts a measurement.
    echo_pin: hears it; the sensor gives 5 V, the pin takes 3.3 V: divide it.
    empty_cm: what it measures when nothing lies in there.
    full_cm: what it measures when nothing more goes in.
    """

    trigger_pin: Pin
    echo_pin: Pin
    empty_cm: Centimetres
    full_cm: Centimetres

    @model_validator(mode="after")
    def _full_is_nearer(self) -> Self:
        if self.full_cm >= self.empty_cm:
            raise ValueError("full_cm must be less than empty_cm: what lies high is near the sensor")
        return self


class FillSettings(Section):
    """[fill]: what the fill sensors are for.

    alert_at: the share from which a compartment is told as full.
    every_s: how often it is measured.
    """

    alert_at: Annotated[float, Field(ge=0.2, le=1.0)] = 0.8
    every_s: Annotated[float, Field(ge=5.0, le=3600.0)] = 60.0
