"""What the bin senses with: two light barriers, a fill sensor behind a divider, a door switch."""

from __future__ import annotations

from typing import Any

import header
import symbols
from sheet import Sheet

PART_X = 600
PLUS_X, GROUND_X, DIVIDER_X = 350, 410, 470
TRAY_Y, GUARD_Y, FILL_Y, ECHO_Y, GROUND_Y, DOOR_Y = 90, 232, 374, 454, 544, 604


def drawing(title: str, settings: dict[str, Any]) -> str:
    """settings: the configuration, its examples switched on."""
    fill = next(c["fill"] for c in settings["compartments"].values() if "fill" in c)
    sheet = Sheet(940, 654, title)
    wanted: list[header.Wanted] = [
        (TRAY_Y, "signal", settings["trigger"]["pin"]),
        (TRAY_Y + 30, "v3", "3.3 V"),
        (GUARD_Y, "signal", settings["flaps"]["guard_pin"]),
        (FILL_Y, "v5", "5 V"),
        (FILL_Y + 40, "signal", fill["trigger_pin"]),
        (ECHO_Y, "signal", fill["echo_pin"]),
        (GROUND_Y, "ground", "ground"),
        (DOOR_Y, "signal", settings["door"]["pin"]),
    ]
    header.pi(sheet, 24, 606, wanted)
    _barrier(sheet, TRAY_Y, "light barrier across the tray", ("instead of the picture", "as the trigger"))
    _barrier(sheet, GUARD_Y, "light barrier across the chute", ("a hand stops", "every flap"))
    sheet.wire("v3", (PLUS_X, TRAY_Y + 30), (PLUS_X, GUARD_Y + 30))
    sheet.joined("v3", (PLUS_X, TRAY_Y + 30))
    sheet.wire("ground", (GROUND_X, TRAY_Y + 60), (GROUND_X, GROUND_Y))
    sheet.joined("ground", (GROUND_X, GUARD_Y + 60), (GROUND_X, GROUND_Y))
    _fill_sensor(sheet)
    _door(sheet)
    return sheet.svg()


def _barrier(sheet: Sheet, y: float, name: str, lines: tuple[str, str]) -> None:
    """Output, 3.3 V and ground of receiver and lamp."""
    sheet.box((PART_X, y - 22), (250, 104))
    sheet.text((PART_X + 125, y - 30), name, "ink title", "middle")
    for n, line in enumerate(lines):
        sheet.text((PART_X + 238, y + 22 + 16 * n), line, "faint", "end")
    sheet.wire("signal", (header.EDGE, y), (PART_X, y))
    sheet.terminal("signal", (PART_X, y), "output", "left")
    start = header.EDGE if y == TRAY_Y else PLUS_X
    sheet.wire("v3", (start, y + 30), (PART_X, y + 30))
    sheet.terminal("v3", (PART_X, y + 30), "3.3 V", "left")
    sheet.wire("ground", (GROUND_X, y + 60), (PART_X, y + 60))
    sheet.terminal("ground", (PART_X, y + 60), "ground", "left")


def _fill_sensor(sheet: Sheet) -> None:
    """Its echo through a divider, so that the pin gets two thirds of 5 V."""
    sheet.box((PART_X, FILL_Y - 22), (250, 166))
    sheet.text((PART_X + 125, FILL_Y - 30), "fill sensor (HC-SR04)", "ink title", "middle")
    sheet.wire("v5", (header.EDGE, FILL_Y), (PART_X, FILL_Y))
    sheet.terminal("v5", (PART_X, FILL_Y), "VCC (5 V)", "left")
    sheet.wire("signal", (header.EDGE, FILL_Y + 40), (PART_X, FILL_Y + 40))
    sheet.terminal("signal", (PART_X, FILL_Y + 40), "TRIG", "left")
    sheet.wire("signal", (header.EDGE, ECHO_Y), (DIVIDER_X, ECHO_Y))
    sheet.wire("v5", (DIVIDER_X, ECHO_Y), (PART_X, ECHO_Y))
    sheet.terminal("v5", (PART_X, ECHO_Y), "ECHO (5 V)", "left")
    symbols.resistor(sheet, (540, ECHO_Y), "1 kΩ")
    sheet.joined("signal", (DIVIDER_X, ECHO_Y))
    sheet.wire("ground", (DIVIDER_X, ECHO_Y), (DIVIDER_X, GROUND_Y))
    symbols.resistor(sheet, (DIVIDER_X, ECHO_Y + 45), "2 kΩ", upright=True)
    sheet.wire("ground", (PART_X, ECHO_Y + 40), (570, ECHO_Y + 40), (570, GROUND_Y))
    sheet.terminal("ground", (PART_X, ECHO_Y + 40), "GND", "left")
    sheet.text((PART_X + 238, ECHO_Y + 20), "the divider makes", "faint", "end")
    sheet.text((PART_X + 238, ECHO_Y + 36), "3.3 V of its 5 V", "faint", "end")
    sheet.joined("ground", (DIVIDER_X, GROUND_Y), (570, GROUND_Y))


def _door(sheet: Sheet) -> None:
    """Between the pin and ground; the Pi pulls the pin up."""
    end = 700
    sheet.wire("ground", (header.EDGE, GROUND_Y), (end, GROUND_Y), (end, DOOR_Y), (665, DOOR_Y))
    sheet.wire("signal", (header.EDGE, DOOR_Y), (615, DOOR_Y))
    symbols.switch(sheet, (640, DOOR_Y))
    sheet.text((end + 16, DOOR_Y - 28), "door switch", "ink title")
    sheet.text((end + 16, DOOR_Y - 10), "makes contact while", "faint")
    sheet.text((end + 16, DOOR_Y + 6), "the door is closed", "faint")
