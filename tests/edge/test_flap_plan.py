from __future__ import annotations

import pytest

from edge.flap_plan import Step, duration_s, pins, problems, rest_steps, sort_steps
from edge.flap_settings import AnyFlap, ChuteFlap, FlapSettings, ServoFlap, SolenoidFlap

SERVO = ServoFlap(12, rest=-10, open=70, open_s=0.5, settle_s=0.3)
SOLENOID = SolenoidFlap(5, pulse_s=0.25)
CHUTE = ChuteFlap(18, 19, angle=45, drop_rest=-20, turn_s=0.7, drop_s=0.6, settle_s=0.4)


def test_servo_opens_returns_and_gets_no_more_pulses() -> None:
    assert sort_steps(SERVO) == (Step(12, 70, 0.5), Step(12, -10, 0.3), Step(12, None))


def test_solenoid_is_on_once() -> None:
    assert sort_steps(SOLENOID) == (Step(5, 1.0, 0.25), Step(5, None))


def test_chute_turns_drops_closes_then_turns_back() -> None:
    assert sort_steps(CHUTE) == (
        Step(18, 45, 0.7),
        Step(19, 90, 0.6),
        Step(19, -20, 0.4),
        Step(18, 0, 0.7),
        Step(18, None),
        Step(19, None),
    )


def test_rest_waits_once_for_the_slowest() -> None:
    steps = rest_steps([SERVO, SOLENOID, CHUTE])
    assert duration_s(steps) == 0.7
    assert {step.pin for step in steps if step.value is None} == {5, 12, 18, 19}
    assert {(step.pin, step.value) for step in steps if step.value is not None} == {(12, -10), (18, 0), (19, -20)}
    waiting = next(n for n, step in enumerate(steps) if step.hold_s)
    assert all(step.value is None for step in steps[waiting + 1 :])
    assert (5, None) in [(step.pin, step.value) for step in steps[: waiting + 1]]  # a coil does not wait


def test_rest_of_nothing_is_nothing() -> None:
    assert rest_steps([]) == ()


@pytest.mark.parametrize(("flap", "expected"), [(SERVO, (12,)), (SOLENOID, (5,)), (CHUTE, (18, 19))])
def test_pins(flap: AnyFlap, expected: tuple[int, ...]) -> None:
    assert pins(flap) == expected


def test_a_sound_bin_has_no_problems() -> None:
    other_angle = ChuteFlap(18, 19, angle=-45, drop_rest=-20, turn_s=0.7, drop_s=0.6, settle_s=0.4)
    flaps: dict[str, AnyFlap] = {"a": SERVO, "b": SOLENOID, "c": CHUTE, "d": other_angle}
    assert problems(FlapSettings(flaps)) == ()


@pytest.mark.parametrize(
    ("flaps", "words"),
    [
        ({"a": ServoFlap(12, open_s=4.8)}, "compartments.a: its move takes 5.2 s and flaps.max_s is 5 s"),
        ({"a": ServoFlap(12, open=120)}, "compartments.a: angle 120 is not within min_angle -90 and max_angle 90"),
        ({"a": ChuteFlap(1, 2, angle=100)}, "compartments.a: angle 100 is not within"),
        ({"a": SolenoidFlap(5, pulse_s=3)}, "compartments.a: pulse_s 3 is longer than max_on_s 2"),
        ({"a": SERVO, "b": ServoFlap(12)}, "compartments.b: pin 12 is used by compartment a"),
        ({"a": CHUTE, "b": ServoFlap(19)}, "compartments.b: pin 19 is used by compartment a"),
        ({"a": CHUTE, "b": ChuteFlap(18, 19, angle=0, turn_s=2)}, "compartments.b: pin 18 is used by compartment a"),
    ],
)
def test_problems_name_the_key_and_the_remedy(flaps: dict[str, AnyFlap], words: str) -> None:
    found = problems(FlapSettings(flaps))
    assert found
    assert words in found[0]


def test_a_move_that_takes_exactly_max_s_is_fine() -> None:
    assert problems(FlapSettings({"a": ServoFlap(12, open_s=0.6, settle_s=0.4)}, max_s=1.0)) == ()
