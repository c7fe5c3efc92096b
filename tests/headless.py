"""A Chromium without a window, as the tests of the pages and the pictures for the docs use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROGRAM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = (
    "selenium is not installed"
    if find_spec("selenium") is None
    else "chromium and chromium-driver are not installed"
    if PROGRAM is None or DRIVER is None
    else ""
)
_ARGUMENTS = (
    "headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking",
    "disable-component-update", "disable-sync", "no-first-run",
)  # fmt: skip


@contextmanager
def chromium(folder: Path, *more: str) -> Iterator[Any]:
    """Selenium's driver; quits at the end. folder: of its profile. more: arguments without their dashes.

    Raises RuntimeError where something is MISSING.
    """
    if PROGRAM is None or DRIVER is None or MISSING:
        raise RuntimeError(MISSING)
    from selenium import webdriver  # noqa: PLC0415 - it may be missing

    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAM
    for argument in (*_ARGUMENTS, f"user-data-dir={folder}", *more):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield browser
    finally:
        browser.quit()
