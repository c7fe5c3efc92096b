"""What something costs the sorting: a bin with it and a bin without, by turns on the same pictures."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from bin_process import REPOSITORY, BinProcess, config_text

from edge.app import waiting_events
from edge.config import Settings, load
from edge.model import SortEvent
from edge.wire import parse_event

SAMPLES = REPOSITORY / "edge" / "samples"
MODEL = REPOSITORY / "models" / "garbage10-efficientnet-lite2"
FIGURES = ("total", "to_flap", "settle", "inference", "seconds")

Figures = dict[str, list[float]]


def compare(what: str, rounds: int, one_run: Callable[[str, int], Figures]) -> None:
    """Print medians over all items. one_run("off" | "on", round): off, on, on, off, so that a machine that gets slower
    is slower for both."""
    found: dict[str, Figures] = {mode: defaultdict(list) for mode in ("off", "on")}
    for number in range(rounds):
        for mode in ("off", "on") if number % 2 == 0 else ("on", "off"):
            for name, values in one_run(mode, number).items():
                found[mode][name] += values
    print(f"{what:8} {len(found['on']['total'])} items with it, {len(found['off']['total'])} without", flush=True)
    for name in FIGURES:
        off, on = (statistics.median(found[mode][name]) for mode in ("off", "on"))
        unit = "s " if name == "seconds" else "ms"
        print(f"{what:8} {name:10} {off:8.1f} {unit} off, {on:8.1f} {unit} on: ratio {on / off:.3f}", flush=True)


def settings_text(folder: Path, pace: str, sections: str) -> str:
    """A bin with the shipped model that sorts the samples once, without a broker."""
    text = config_text(MODEL, SAMPLES, 1, folder).replace("[mqtt]", f"{sections}\n[mqtt]\nenabled = false")
    return text.replace('pace = "fast"', f'pace = "{pace}"\nfps = 10').replace("margin = 0.0", "")


def sort_samples(folder: Path, text: str) -> tuple[Settings, Figures]:
    """Its settings; and of each item the milliseconds: all, until the flap is told to move, the parts of it."""
    bin_ = BinProcess(folder, text)
    began_s = time.monotonic()
    bin_.start()
    assert bin_.wait(600) == 0, bin_.log
    took_s = time.monotonic() - began_s
    settings = load(bin_.config, {})
    events = [parse_event(stored.payload) for stored in waiting_events(settings, 1000)]
    return settings, {
        "total": [event.timing_ms.total for event in events],
        "to_flap": [to_flap_ms(event) for event in events],
        "settle": [event.timing_ms.settle for event in events],
        "inference": [event.timing_ms.inference for event in events],
        "seconds": [took_s],
    }


def to_flap_ms(event: SortEvent) -> float:
    """From the frame that first showed the item to the flap's command."""
    assert event.flap is not None
    return event.timing_ms.total - event.flap.ms
