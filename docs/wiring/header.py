"""Which pins the shipped configuration uses, its commented examples too, and where they are on the Pi's header."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sheet import Net, Sheet

CONFIG = Path(__file__).resolve().parents[2] / "systemd" / "config.toml"
_EXAMPLE = re.compile(r"^# (?=\[[\w.]+\]$|\w+ = )", re.MULTILINE)

# What the 40 pins of the header are, in order; numbers are BCM numbers of GPIO pins.
HEADER: tuple[int | str, ...] = (
    *(
        "3.3 V",
        "5 V",
        2,
        "5 V",
        3,
        "ground",
        4,
        14,
        "ground",
        15,
        17,
        18,
        27,
        "ground",
        22,
        23,
        "3.3 V",
        24,
        10,
        "ground",
    ),
    *(9, 25, 11, 8, "ground", 7, 0, 1, 5, "ground", 6, 12, 13, "ground", 19, 16, 26, 20, "ground", 21),
)
SPACING_PX = 15
PI_X, PI_WIDTH = 20, 250
EDGE = PI_X + PI_WIDTH  # where the Pi's wires begin

Wanted: TypeAlias = tuple[float, Net, int | str]  # the height of a wire, what it carries, which pin


def configuration() -> dict[str, Any]:
    """systemd/config.toml with what it offers in comments switched on, unchecked: some of it excludes the other."""
    return tomllib.loads(_EXAMPLE.sub("", CONFIG.read_text(encoding="utf-8")))


def place(pin: int | str, near: int = 1) -> int:
    """The position 1..40 on the header; of a supply or ground, the one nearest to the position `near`."""
    places = [n for n, there in enumerate(HEADER, 1) if there == pin]
    return min(places, key=lambda n: abs(n - near))


def name(pin: int | str, near: int = 1) -> str:
    """`GPIO 12 (pin 32)`, `ground (pin 34)`"""
    return f"{f'GPIO {pin}' if isinstance(pin, int) else pin} (pin {place(pin, near)})"


def pi(sheet: Sheet, top: float, height: float, wanted: Sequence[Wanted]) -> None:
    """The Pi as a box: each pin that is used at the height of its wire, and on a small header."""
    near = place(next(pin for _, _, pin in wanted if isinstance(pin, int)))
    sheet.box((PI_X, top), (PI_WIDTH, height), "Raspberry Pi")
    for y, net, pin in wanted:
        sheet.terminal(net, (EDGE, y), name(pin, near), "right")
    draw(sheet, (PI_X + 36, top + 50), {place(pin, near): net for _, net, pin in wanted})


def draw(sheet: Sheet, corner: tuple[float, float], used: Mapping[int, Net]) -> None:
    """The header as one looks down on it with the board's edge to the right. used: position -> what it carries."""
    x, y = corner
    end_y = y + len(HEADER) // 2 * SPACING_PX
    sheet.text((x - 11, y + 4), "1", "faint", "end")
    sheet.text((x - 18, end_y + 8), "USB sockets ↓", "faint")
    for n in range(1, len(HEADER) + 1):
        at = (x + (n - 1) % 2 * SPACING_PX, y + (n - 1) // 2 * SPACING_PX)
        if n not in used:
            sheet.path("pin", circle(at))
            continue
        sheet.joined(used[n], at)
        side, anchor = (-11, "end") if n % 2 else (11, "start")
        sheet.text((at[0] + side, at[1] + 4), str(n), "faint", anchor)


def circle(at: tuple[float, float]) -> str:
    """A small one, as a path."""
    x, y = at
    return f"M {x - 4:g} {y:g} a 4 4 0 1 0 8 0 a 4 4 0 1 0 -8 0"
