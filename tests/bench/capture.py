"""What keeping items costs, measured here and now: `python tests/bench/capture.py`.

sorting: how long an item takes with every item kept, against none, by turns on the same pictures.
quota: tiny items into a small quota, and how much the disk says they take, at every tenth.
open: 50,000 items: to open them, to make the index anew, to show a page; and the memory that it takes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from site_items import opened, site_item, taken
from turns import Figures, compare, settings_text, sort_samples

from edge.site_item import Embedding

FEATURES = 1280
JPEG_BYTES = 20_000
CAPTURE = '[capture]\nmode = "{mode}"\nrandom_share = 1.0'


def main() -> int:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="of 46 items each, with and without (4)")
    parser.add_argument("--pace", choices=["fast", "real"], default="fast", help="of the pictures (fast)")
    parser.add_argument("--added", type=int, default=100_000, help="items into a small quota (100,000)")
    parser.add_argument("--opened", type=int, default=50_000, help="items to open (50,000)")
    parser.add_argument("--only", choices=["sorting", "quota", "open"], help="(all of them)")
    parser.add_argument("--folder", type=Path, help="where to write, to measure another disk")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        return open_all(args.child)
    parts: dict[str, Callable[[Path], None]] = {
        "sorting": lambda folder: compare(
            "sorting", args.rounds, lambda mode, number: one_run(folder / f"{number}-{mode}", mode, args.pace)
        ),
        "quota": lambda folder: quota(folder, args.added),
        "open": lambda folder: opening(folder, args.opened),
    }
    for name, part in parts.items():
        if args.only in (None, name):
            with tempfile.TemporaryDirectory(dir=args.folder) as folder:
                part(Path(folder))
    return 0


def one_run(folder: Path, mode: str, pace: str) -> Figures:
    """The timings of one bin that sorts the samples once, and how long it took as a whole."""
    folder.mkdir()
    _, figures = sort_samples(folder, settings_text(folder, pace, CAPTURE.format(mode=mode)))
    store = opened(folder / "captures")
    kept = store.counts().total
    store.close()
    items = len(figures["total"])
    assert kept == (items if mode == "on" else 0), f"{kept} of {items} were kept"
    return figures


def quota(folder: Path, count: int) -> None:
    """As small as they may be, so that many fit."""
    most = 20_000_000
    store, highest, passed = opened(folder / "captures", most), 0, 0
    began_s = time.monotonic()
    for number in range(count):
        store.add(site_item(number, usefulness=number % 10 / 10, day=f"2026-11-{number % 28 + 1:02}"), b"\xff\xd8")
        if number % 10 == 0:
            size = taken(folder)
            highest, passed = max(highest, size), passed + (size > most)
    took_s = time.monotonic() - began_s
    kept = store.counts().total
    store.close()
    print(
        f"quota    {count} items into {most / 1e6:.0f} MB: at most {highest / 1e6:.2f} MB on the disk, passed {passed} "
        f"times; {kept} kept; {1000 * took_s / count:.2f} ms an item with the measuring",
        flush=True,
    )


def opening(folder: Path, count: int) -> None:
    """Written without waiting for the disk: only opening is measured."""
    fill(folder / "captures", count)
    for what in ("index made anew", "opened again"):
        child = subprocess.run(
            [sys.executable, __file__, "--child", str(folder / "captures")], check=True, capture_output=True, text=True
        )
        print(f"open     {count} items, {what}: {child.stdout.strip()}", flush=True)


def fill(folder: Path, count: int) -> None:
    """As the bin would have left them."""
    vector = np.random.default_rng(0).normal(0, 1, FEATURES).astype(np.float32)
    files = opened(folder)._folder.files  # below the quota and the index, neither of which is measured here
    with patch("os.fsync"):
        for number in range(count):
            day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"
            item = site_item(number, day=day, usefulness=number % 100 / 100)
            files.write(replace(item, embedding=Embedding.of("ab" * 32, vector)), bytes(JPEG_BYTES))


def open_all(folder: Path) -> int:
    """In a process of its own, for its memory."""
    before_mb = peak_mb()
    began_s = time.monotonic()
    store = opened(folder, 2**40, 0.95)
    total = store.counts().total
    opened_s = time.monotonic()
    page = store.page(None, 60, labelled=False)
    paged_s = time.monotonic()
    added = store.add(site_item(10**9), b"\xff\xd8")
    added_s = time.monotonic()
    assert total
    assert len(page.items) == 60
    assert added
    store.remove(site_item(10**9).item_id)
    store.close()
    used_mb = peak_mb() - before_mb
    times = f"{opened_s - began_s:.2f} s, a page of 60 {1000 * (paged_s - opened_s):.0f} ms"
    print(f"{times}, one more {1000 * (added_s - paged_s):.0f} ms, {used_mb:.0f} MB of memory")
    return 0


def peak_mb() -> float:
    """Of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    sys.exit(main())
