"""How many kept items a minute the page lets somebody label: real Chromium, the real web process, keys only.

python tests/bench/review.py --items 400 --think 1.0
A script presses the keys: what comes out is what the page and the disk allow, and, with --think, what is left of it for
a person who looks at each item so long. How long people really look is not measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from broker_fixtures import WITHIN_S, wait_until
from headless import chromium
from playedbin import PASSWORD, PlayedBin, give_password, loads, says
from site_items import opened, site_item

from edge.snapshot import jpeg

KEYS = "gpcmbx"
OPEN = "return document.activeElement.matches('.kept:not(.done)')"  # the next item is there


def main() -> None:
    """Fill a folder, label everything in it, and count what is on the disk in the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--kept", type=int, default=0, help="items in the folder, where more than are labelled")
    parser.add_argument(
        "--think", type=float, nargs="*", default=[0.0, 1.0], help="seconds that each item is looked at"
    )
    wanted = parser.parse_args()
    for think_s in wanted.think:
        with tempfile.TemporaryDirectory() as folder:
            items = wanted.items if think_s == 0 else min(wanted.items, 60)
            measure(Path(folder), items, max(items + 1, wanted.kept), think_s)


def measure(folder: Path, items: int, kept: int, think_s: float) -> None:
    """Prints one line."""
    (folder / "bin").mkdir()
    bin_ = PlayedBin(folder / "bin")
    began_s = time.monotonic()
    fill(bin_.captures, kept)
    filled_s = time.monotonic() - began_s
    try:
        with chromium(folder / "browser") as browser:
            began_s = time.monotonic()
            wait_until(lambda: loads(browser, f"{bin_.url}/review"), WITHIN_S)
            says(browser, "#count", f"of {kept}")
            shown_s = time.monotonic() - began_s
            press(browser, "g")
            give_password(browser, PASSWORD)
            wait_until(lambda: labelled(bin_.captures) == 1, WITHIN_S)
            took_s = label(browser, items - 1, think_s)
            began_s = time.monotonic()
            wait_until(lambda: labelled(bin_.captures) >= items, WITHIN_S)
            behind_s = time.monotonic() - began_s
    finally:
        bin_.stop()
    print(
        f"{items - 1} of {kept} items, {think_s:g} s to look at each: {60 * (items - 1) / took_s:.0f} a minute; "
        f"all on disk {behind_s:.2f} s after the last key; page shown after {shown_s:.2f} s (filled: {filled_s:.0f} s)"
    )


def label(browser: Any, items: int, think_s: float) -> float:
    """Seconds for all of them, each key once the one before has moved on."""
    began_s = time.monotonic()
    for number in range(items):
        due_s = began_s + (number + 1) * think_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        wait_until(lambda: browser.execute_script(OPEN), WITHIN_S)
        press(browser, KEYS[number % len(KEYS)])
    return time.monotonic() - began_s


def press(browser: Any, key: str) -> None:
    """On what has the focus, as a person does."""
    browser.switch_to.active_element.send_keys(key)


def fill(folder: Path, items: int) -> None:
    """Noise: a picture of about 30 kB."""
    picture = jpeg(np.random.default_rng(0).integers(60, 200, (240, 320, 3), np.uint8))
    store = opened(folder, max_bytes=10_000_000_000, max_disk_share=0.9)
    for number in range(items):
        store.add(site_item(number, usefulness=round(1 - number / items, 4)), picture)
    store.close()


def labelled(folder: Path) -> int:
    """As the folder says."""
    store = opened(folder)
    try:
        return store.counts().labelled
    finally:
        store.close()


if __name__ == "__main__":
    main()
