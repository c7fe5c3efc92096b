"""A solenoid on a supply of its own, behind a transistor or a relay board."""

from __future__ import annotations

import header
import symbols
from sheet import Net, Sheet

TOP = 24
SUPPLY_X = 780


def transistor(title: str, pin: int) -> str:
    """A logic-level MOSFET in the solenoid's ground wire."""
    sheet = Sheet(940, 424, title)
    signal_y, ground_y, plus_y, gate_x, coil_x = 220, 350, 80, 420, 560
    header.pi(sheet, TOP, 376, [(signal_y, "signal", pin), (ground_y, "ground", "ground")])
    sheet.wire("signal", (header.EDGE, signal_y), (coil_x - 40, signal_y))
    symbols.resistor(sheet, (340, signal_y), "220 Ω")
    _pull_down(sheet, gate_x, signal_y, ground_y)
    symbols.mosfet(sheet, (coil_x, signal_y), "logic-level MOSFET,", "on at 3.3 V")
    sheet.wire("ground", (coil_x, signal_y + 40), (coil_x, ground_y))
    sheet.wire("none", (coil_x, signal_y - 40), (coil_x, 155))
    sheet.wire("v12", (coil_x, 95), (coil_x, plus_y))
    symbols.coil(sheet, (coil_x, 125), "solenoid")
    _flyback(sheet, coil_x, (plus_y, 125, 167), ("v12", "none"))
    _supply(sheet, (coil_x, plus_y), (coil_x, ground_y))
    sheet.joined("v12", (coil_x, plus_y))
    sheet.wire("ground", (header.EDGE, ground_y), (coil_x, ground_y))
    return sheet.svg()


def relay(title: str, pin: int) -> str:
    """A relay's contact in the solenoid's plus wire."""
    sheet = Sheet(940, 440, title)
    signal_y, ground_y, plus_y, coil_x = 140, 390, 80, 720
    header.pi(sheet, TOP, 392, [(signal_y, "signal", pin), (ground_y, "ground", "ground")])
    sheet.wire("signal", (header.EDGE, signal_y), (470, signal_y))
    _pull_down(sheet, 320, signal_y, ground_y)
    _relay_board(sheet, signal_y, ground_y)
    sheet.wire("v12", (640, signal_y), (680, signal_y), (680, plus_y))
    sheet.wire("none", (640, 240), (coil_x, 240), (coil_x, 270))
    sheet.wire("ground", (coil_x, 330), (coil_x, ground_y))
    symbols.coil(sheet, (coil_x, 300), "")
    sheet.text((coil_x - 58, 350), "solenoid", anchor="end")
    _flyback(sheet, coil_x, (240, 300, 358), ("none", "ground"))
    _supply(sheet, (680, plus_y), (coil_x, ground_y))
    sheet.wire("ground", (header.EDGE, ground_y), (coil_x, ground_y))
    return sheet.svg()


def _relay_board(sheet: Sheet, signal_y: float, ground_y: float) -> None:
    sheet.box((470, 110), (170, 160))
    sheet.text((555, 102), "relay board, on when high", "ink title", "middle")
    sheet.terminal("signal", (470, signal_y), "IN", "left")
    sheet.terminal("v5", (470, 190), "VCC", "left")
    sheet.terminal("ground", (470, 240), "GND", "left")
    sheet.terminal("v12", (640, signal_y), "COM", "right")
    sheet.terminal("none", (640, 240), "NO", "right")
    sheet.wire("v5", (470, 190), (450, 190), (450, 300), (462, 300))
    sheet.text((468, 305), "5 V for the board", "faint")
    sheet.wire("ground", (470, 240), (425, 240), (425, ground_y))
    sheet.joined("ground", (425, ground_y))


def _pull_down(sheet: Sheet, x: float, signal_y: float, ground_y: float) -> None:
    """Keeps the input low while the pin is nothing yet."""
    middle = (signal_y + ground_y) / 2
    sheet.wire("ground", (x, signal_y), (x, ground_y))
    symbols.resistor(sheet, (x, middle), "10 kΩ", upright=True)
    sheet.text((x + 14, middle + 22), "pull-down", "faint")
    sheet.joined("signal", (x, signal_y))
    sheet.joined("ground", (x, ground_y))
    sheet.text((header.EDGE + 14, ground_y + 22), "grounds joined", "faint")


def _flyback(sheet: Sheet, x: float, heights: tuple[float, float, float], nets: tuple[Net, Net]) -> None:
    """A diode beside a coil at x. heights: of its plus, of the diode, of its other end. nets: of plus and other end."""
    plus_y, y, low_y = heights
    sheet.wire(nets[0], (x - 44, y - 12), (x - 44, plus_y), (x, plus_y))
    sheet.wire(nets[1], (x - 44, y + 12), (x - 44, low_y), (x, low_y))
    symbols.diode(sheet, (x - 44, y), "1N4007")
    sheet.joined(nets[1], (x, low_y))
    if nets[0] == "none":
        sheet.joined(nets[0], (x - 44, plus_y))


def _supply(sheet: Sheet, plus: tuple[float, float], ground: tuple[float, float]) -> None:
    """At the right edge."""
    top = plus[1]
    sheet.box((SUPPLY_X, top - 20), (140, 108))
    sheet.text((SUPPLY_X + 70, top - 28), "its own supply", "ink title", "middle")
    sheet.text((SUPPLY_X + 70, top + 64), "as the solenoid", "faint", "middle")
    sheet.text((SUPPLY_X + 70, top + 80), "needs, often 12 V", "faint", "middle")
    sheet.terminal("v12", (SUPPLY_X, top), "plus", "left")
    sheet.terminal("ground", (SUPPLY_X, top + 36), "ground", "left")
    sheet.wire("v12", (SUPPLY_X, top), plus)
    sheet.wire("ground", (SUPPLY_X, top + 36), (764, top + 36), (764, ground[1]), ground)
    sheet.joined("ground", ground)
