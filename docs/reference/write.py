"""Writes the pages beside this file from the code: make docs-pages"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import commands_page
import mqtt_page
import rest_page
import settings_page

HERE = Path(__file__).resolve().parent
PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands_page.page,
    "configuration.md": settings_page.page,
    "mqtt.md": mqtt_page.page,
    "rest.md": rest_page.page,
}
MADE = "<!-- Made from the code by `make docs-pages`. Do not edit. -->\n\n"


def files() -> dict[str, str]:
    """Name -> content."""
    return {name: MADE + page() for name, page in PAGES.items()}


if __name__ == "__main__":
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")
