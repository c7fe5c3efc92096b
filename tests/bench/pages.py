"""How soon each page is there, and how large it is without its pictures: `python tests/bench/pages.py`.

In real Chromium with nothing in its cache, from the real web process of a bin on this computer. there: from the click
until the browser says that all is loaded. painted: until something was to be seen.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from broker_fixtures import WITHIN_S, wait_until
from headless import chromium
from playedbin import PlayedBin, loads

PAGES = ("/", "/kiosk", "/try", "/review", "/teach", "/docs")
TIMES = """
const [page] = performance.getEntriesByType("navigation");
const painted = performance.getEntriesByName("first-contentful-paint")[0];
const bytes = performance.getEntries().filter((it) => it.transferSize && !it.name.split("?")[0].endsWith(".jpg"));
return page.loadEventEnd && painted
  ? [page.loadEventEnd, painted.startTime, bytes.reduce((sum, it) => sum + it.transferSize, 0)] : null;
"""


def main() -> int:
    """A line a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=9, help="of each page (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        played = PlayedBin(Path(folder))
        try:
            with chromium(Path(folder) / "user") as browser:
                wait_until(lambda: loads(browser, played.url), WITHIN_S)
                browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
                for path in PAGES:
                    there, painted, size = (
                        statistics.median(figures)
                        for figures in zip(
                            *(_load(browser, played.url + path) for _ in range(options.loads)), strict=True
                        )
                    )
                    print(
                        f"{path:8} there {there:4.0f} ms, painted {painted:4.0f} ms, {size / 1000:5.1f} kB", flush=True
                    )
        finally:
            played.stop()
    return 0


def _load(browser: Any, url: str) -> tuple[float, float, float]:
    found: list[list[float] | None] = []

    def ready() -> bool:
        found.append(browser.execute_script(TIMES))
        return found[-1] is not None

    browser.get(url)
    wait_until(ready, WITHIN_S)
    there, painted, size = found[-1] or (0.0, 0.0, 0.0)
    return there, painted, size


if __name__ == "__main__":
    sys.exit(main())
