"""Servos on a supply of their own."""

from __future__ import annotations

from collections.abc import Mapping

import header
import symbols
from sheet import Sheet

SERVO_X, SERVO_WIDTH = 400, 170
PLUS_X, GROUND_X = 640, 690
FIRST_Y, APART = 110, 92
HALF = 16  # of the distance between a servo's two terminals


def drawing(title: str, pins: Mapping[str, int]) -> str:
    """pins: what each servo is for -> the pin of its signal."""
    rails_y = max(FIRST_Y + APART * len(pins) - 30, 390)
    ground_y = rails_y + 36
    sheet = Sheet(940, ground_y + 60, title)
    rows = [(FIRST_Y + APART * n, name, pin) for n, (name, pin) in enumerate(pins.items())]
    wanted: list[header.Wanted] = [(y, "signal", pin) for y, _, pin in rows]
    header.pi(sheet, 30, ground_y + 2, [*wanted, (ground_y, "ground", "ground")])
    for y, name, _ in rows:
        _servo(sheet, y, name)
    _supply(sheet, FIRST_Y - HALF, rails_y, ground_y)
    sheet.wire("ground", (header.EDGE, ground_y), (GROUND_X, ground_y))
    sheet.text((310, ground_y - 9), "grounds joined: the signal means nothing without", "faint")
    return sheet.svg()


def _servo(sheet: Sheet, y: float, name: str) -> None:
    edge = SERVO_X + SERVO_WIDTH
    sheet.box((SERVO_X, y - 30), (SERVO_WIDTH, 60))
    sheet.text((SERVO_X + SERVO_WIDTH / 2, y - 38), name, "ink title", "middle")
    sheet.wire("signal", (header.EDGE, y), (SERVO_X, y))
    sheet.terminal("signal", (SERVO_X, y), "signal", "left")
    sheet.wire("v5", (edge, y - HALF), (PLUS_X, y - HALF))
    sheet.terminal("v5", (edge, y - HALF), "+5 V", "right")
    sheet.wire("ground", (edge, y + HALF), (GROUND_X, y + HALF))
    sheet.terminal("ground", (edge, y + HALF), "ground", "right")
    sheet.joined("v5", (PLUS_X, y - HALF))
    sheet.joined("ground", (GROUND_X, y + HALF))


def _supply(sheet: Sheet, plus_y: float, rails_y: float, ground_y: float) -> None:
    """At the right edge, with a capacitor at the end of its rails."""
    low_y = plus_y + 2 * HALF
    sheet.box((750, plus_y - 14), (170, 96))
    sheet.text((835, plus_y - 22), "supply of the servos", "ink title", "middle")
    sheet.text((835, plus_y + 58), "1 A and more a servo,", "faint", "middle")
    sheet.text((835, plus_y + 74), "never the Pi's own 5 V", "faint", "middle")
    sheet.terminal("v5", (750, plus_y), "+5 V", "left")
    sheet.terminal("ground", (750, low_y), "ground", "left")
    sheet.wire("v5", (750, plus_y), (PLUS_X, plus_y), (PLUS_X, rails_y), (PLUS_X + 20, rails_y))
    sheet.wire("ground", (750, low_y), (GROUND_X, low_y), (GROUND_X, ground_y))
    sheet.wire("ground", (PLUS_X + 30, rails_y), (GROUND_X, rails_y))
    sheet.joined("ground", (GROUND_X, rails_y), (GROUND_X, ground_y))
    symbols.capacitor(sheet, (PLUS_X + 25, rails_y))
    sheet.text((GROUND_X + 16, rails_y + 5), "1000 µF, near the servos", "faint")
