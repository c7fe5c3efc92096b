"""The pictures of a bin's page and kiosk view, page.png and kiosk.png: Chromium looks at a replay of the samples.

python docs/make_page_pictures.py --items 13
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from headless import chromium

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
EDGE = REPOSITORY / "edge"
COLOURS = 128  # of a PNG: its size is what a reader of the README waits for
WITHIN_S = 300.0


def main() -> None:
    """Start a bin, wait until it is about to sort the next of some items, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=13, help="sorted before the picture is taken")
    items = parser.parse_args().items
    with (
        tempfile.TemporaryDirectory() as folder,
        bin_in(Path(folder)) as url,
        chromium(Path(folder) / "browser", "hide-scrollbars") as browser,
    ):
        wait(lambda: state(url).get("items", 0) >= items)
        picture(browser, f"{url}/", DOCS / "page.png", (1120, 1010), "return !document.getElementById('box').hidden")
        sorted_ = "return document.getElementById('screen').className.startsWith('sorted')"
        picture(browser, f"{url}/kiosk", DOCS / "kiosk.png", (800, 480), sorted_)


@contextmanager
def bin_in(folder: Path) -> Iterator[str]:
    """The demo's bin over and over, with its page; yields where that is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (EDGE / "demo.toml").read_text(encoding="utf-8")
    text = text.replace('"demo"', '"lobby-1"').replace('"samples"', f'"{EDGE}/samples"\nloop = true\nfps = 5')
    text = text.replace('"../models', f'"{REPOSITORY}/models') + f"\n[web]\nenabled = true\nport = {port}\n"
    (folder / "config.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "edge", "run", "--config", str(folder / "config.toml")]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environ) as process:
        try:
            yield f"http://localhost:{port}"
        finally:
            process.send_signal(signal.SIGTERM)


def picture(browser: Any, url: str, file: Path, size: tuple[int, int], when: str) -> None:
    """The page at url once the script `when` says true."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(url)
    wait(lambda: not browser.execute_script(when))
    wait(lambda: browser.execute_script(when))
    time.sleep(0.9)  # the picture of the tray comes once a second, colours change in a third of one
    shot = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    shot.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, optimize=True)


def state(url: str) -> dict[str, Any]:
    """Empty while the page does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/state", timeout=5) as answer:
            return dict(json.load(answer))
    except OSError:
        return {}


def wait(for_: Callable[[], Any]) -> None:
    """Raises TimeoutError."""
    deadline_s = time.monotonic() + WITHIN_S
    while not for_():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the bin or the page does not do what it should; look at /kiosk and / by hand")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
