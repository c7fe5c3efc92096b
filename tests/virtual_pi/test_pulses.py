"""Pulses on pins -> moves of flaps."""

from __future__ import annotations

from pulses import Level, bursts, levels, movements

FLAPS = {12: "recycling", 13: "organic"}
TRACE = """\
 smartbin-812   [001] .....    61.500001: gpio_value: 524 set 1
 smartbin-812   [001] .....    61.500900: gpio_value: 524 set 0
      cat-300   [000] .....    61.600000: tracing_mark_write: hello
 smartbin-812   [001] .....    61.520001: gpio_value: 525 s"""


def pulses(pin: int, start_s: float, count: int) -> list[Level]:
    return [Level(start_s + number * 0.01, pin, number % 2 == 0) for number in range(2 * count)]


def test_the_trace_is_read_and_a_line_cut_by_a_power_cut_is_not() -> None:
    assert levels(TRACE, 512) == [Level(61.500001, 12, True), Level(61.5009, 12, False)]


def test_a_pause_ends_a_burst() -> None:
    found = bursts([*pulses(12, 5.0, 10), *pulses(12, 8.0, 1)])
    assert [(burst.from_s, burst.pulses) for burst in found] == [(5.0, 10), (8.0, 1)]


def test_one_flap_alone_moves_and_all_at_once_go_to_rest() -> None:
    start = sorted([*pulses(12, 1.0, 20), *pulses(13, 1.05, 20)], key=lambda level: level.at_s)
    moves = movements([*start, *pulses(13, 7.0, 50), *pulses(17, 7.1, 1), *pulses(12, 9.5, 50)], FLAPS)
    assert [(move.pin, move.from_s) for move in moves] == [(13, 7.0), (12, 9.5)]


def test_the_first_pulses_of_a_start_are_no_move() -> None:
    assert movements(pulses(12, 1.0, 4), FLAPS) == []
