"""Draws the *.svg beside this file for the page Wiring, with the pins that systemd/config.toml has: make docs-pages"""

from __future__ import annotations

from pathlib import Path

import header
import sensor_sheet
import servo_sheet
import solenoid_sheet

HERE = Path(__file__).resolve().parent


def files() -> dict[str, str]:
    """Name -> content."""
    settings = header.configuration()
    compartments = settings["compartments"]
    flaps = {f"servo of {name}": c["pin"] for name, c in compartments.items()}
    chute = {
        f"servo that {verb}": settings["chute"][pin] for verb, pin in (("turns", "turn_pin"), ("drops", "drop_pin"))
    }
    first = next(c["pin"] for c in compartments.values())
    return {
        "servos.svg": servo_sheet.drawing("Five servos, their signals at the Pi, on a supply of their own", flaps),
        "chute.svg": servo_sheet.drawing("The two servos of a chute, on a supply of their own", chute),
        "transistor.svg": solenoid_sheet.transistor("A solenoid behind a transistor with a pull-down", first),
        "relay.svg": solenoid_sheet.relay("A solenoid behind a relay board with a pull-down", first),
        "sensors.svg": sensor_sheet.drawing("Light barriers, fill sensor and door switch at the Pi", settings),
    }


if __name__ == "__main__":
    for file_name, text in files().items():
        (HERE / file_name).write_text(text, encoding="utf-8")
