"""Circuit symbols (IEC): each drawn at a place, wires meet it where its docstring says."""

from __future__ import annotations

from sheet import Point, Sheet


def resistor(sheet: Sheet, at: Point, value: str, *, upright: bool = False) -> None:
    """Centred; its ends are 22 px away, left and right or above and below."""
    x, y = at
    width, height = (16, 44) if upright else (44, 16)
    sheet.path("part", f"M {x - width / 2:g} {y - height / 2:g} h {width} v {height} h {-width} z")
    if upright:
        sheet.text((x + 14, y + 5), value)
    else:
        sheet.text((x, y - 14), value, anchor="middle")


def capacitor(sheet: Sheet, at: Point) -> None:
    """Between a left (+) and a right end, each 5 px away."""
    x, y = at
    sheet.path("line", f"M {x - 5:g} {y - 14:g} v 28 M {x + 5:g} {y - 14:g} v 28")
    sheet.text((x - 10, y - 8), "+", anchor="end")


def diode(sheet: Sheet, at: Point, kind: str) -> None:
    """Upright, current upwards; its ends are 12 px above (cathode, the bar) and below. Its name to the left."""
    x, y = at
    sheet.path("solid", f"M {x - 11:g} {y + 10:g} h 22 L {x:g} {y - 10:g} z")
    sheet.path("line", f"M {x - 12:g} {y - 11:g} h 24")
    sheet.text((x - 18, y + 5), kind, anchor="end")


def coil(sheet: Sheet, at: Point, words: str) -> None:
    """Upright; its ends are 30 px above and below. Its name to the right."""
    x, y = at
    sheet.path("part", f"M {x - 14:g} {y - 30:g} h 28 v 60 h -28 z")
    sheet.path("line", f"M {x - 14:g} {y + 30:g} L {x + 14:g} {y - 30:g}")
    sheet.text((x + 24, y + 5), words)


def mosfet(sheet: Sheet, at: Point, *words: str) -> None:
    """N-channel; the gate's end is 40 px to the left, the drain's 40 px above, the source's 40 px below."""
    x, y = at
    sheet.path("line", f"M {x - 40:g} {y:g} h 16 M {x - 24:g} {y - 20:g} v 40")
    sheet.path("line", f"M {x - 16:g} {y - 24:g} v 12 M {x - 16:g} {y - 6:g} v 12 M {x - 16:g} {y + 12:g} v 12")
    sheet.path("line", f"M {x - 16:g} {y - 18:g} H {x:g} V {y - 40:g} M {x - 16:g} {y + 18:g} H {x:g} V {y + 40:g}")
    sheet.path("line", f"M {x - 16:g} {y:g} H {x:g} V {y + 18:g}")
    sheet.path("solid", f"M {x - 15:g} {y:g} l 9 -5 v 10 z")
    for n, line in enumerate(words):
        sheet.text((x + 14, y + 2 + 17 * n), line)


def switch(sheet: Sheet, at: Point) -> None:
    """Lying, open; its ends are 25 px to the left and to the right."""
    x, y = at
    sheet.path("line", f"M {x - 25:g} {y:g} h 8 l 34 -16 M {x + 17:g} {y:g} h 8")
