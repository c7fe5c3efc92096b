"""`smartbin run` as a process of its own, as the service manager would start it, for tests end to end and of faults."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
from broker_fixtures import Mosquitto, wait_until
from PIL import Image
from tinymodel import COLOURS

from edge.model import SortEvent
from edge.wire import parse_event

ROUTES = {
    "recycling": ("cardboard", "glass", "metal", "paper", "plastic"),
    "organic": ("biological",),
    "textile": ("clothes", "shoes"),
    "hazard": ("battery",),
    "landfill": ("trash",),
}
PINS = {"recycling": 12, "organic": 13, "textile": 18, "hazard": 19, "landfill": 16}
# a broker that is killed must not lose what it acknowledged, or the bin would be blamed for it
KEEPS_EVERYTHING = ("allow_anonymous true", "autosave_interval 1", "autosave_on_changes true")
REPOSITORY = Path(__file__).resolve().parents[1]


def config_text(model: Path, pictures: Path, port: int, folder: Path, *, loop: bool = False) -> str:
    """A bin that replays pictures as fast as it can, with flaps that take a twentieth of a second."""
    compartments = "\n".join(
        f"[compartments.{name}]\nlabels = {list(labels)}\npin = {PINS[name]}\nopen_s = 0.03\nsettle_s = 0.02\n"
        + ("default = true\n" if name == "landfill" else "")
        for name, labels in ROUTES.items()
    )
    return f"""
[bin]
id = "e2e"
[camera]
source = "replay"
path = "{pictures}"
pace = "fast"
loop = {str(loop).lower()}
[model]
path = "{model}"
[trigger]
margin = 0.0
[flaps]
driver = "mock"
[mqtt]
host = "127.0.0.1"
port = {port}
[outbox]
path = "{folder}/outbox.db"
{compartments}"""


def coloured_pictures(folder: Path, each: int) -> Path:
    """Pictures that the tiny model knows: `each` of every colour but the tray's own grey and its shadow."""
    for label, colour in COLOURS.items():
        if label not in ("metal", "trash"):
            (folder / label).mkdir(parents=True)
            for number in range(each):
                Image.fromarray(np.full((120, 160, 3), colour, np.uint8)).save(folder / label / f"{number}.png")
    return folder


class BinProcess:
    """One bin: start() and kill() as often as wanted; configuration, outbox and log stay."""

    def __init__(self, folder: Path, text: str) -> None:
        self.config = folder / "config.toml"
        self.config.write_text(text)
        self._log = folder / "bin.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What all its runs have logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def items(self) -> int:
        """How many handled items the log of all runs together tells of."""
        return len(re.findall(r"\bitem seq=", self.log))

    @property
    def pid(self) -> int:
        """Of the running bin."""
        assert self._process is not None
        return self._process.pid

    def start(self, **environ: str) -> None:
        """Returns at once."""
        command = [sys.executable, "-m", "edge", "run", "--config", str(self.config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=REPOSITORY, env={**os.environ, **environ}
            )

    def wait(self, within_s: float = 240.0) -> int:
        """Its exit code, once it ended by itself."""
        assert self._process is not None
        return self._process.wait(within_s)

    def kill(self) -> None:
        """kill -9"""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait_for_items(self, count: int, within_s: float = 120.0) -> None:
        """Until the log of all runs together tells of so many handled items."""
        wait_until(lambda: self._alive() and self.items >= count, within_s)

    def movements(self) -> Counter[str]:
        """How often each compartment was opened, as the flap driver itself logged it."""
        names = {pin: name for name, pin in PINS.items()}
        opened = re.findall(r"pulse pin=(\d+) value=90\b", self.log)
        return Counter(names[int(pin)] for pin in opened)

    def _alive(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the bin ended with {self._process.returncode}: {self.log[-2000:]}"
        return True


def kill_again_and_again(
    bin_: BinProcess, mosquitto: Mosquitto, moments: Random, *, least: int, most: int, **environ: str
) -> int:
    """The bin is killed (-9) five times, each after `least` to `most` more items, and the broker twice.

    The kill comes at a random moment within an item; the bin is not started again. Returns how many items it handled
    at least.
    """
    items = 0
    for number in range(5):
        bin_.start(**environ)
        items += moments.randint(least, most)
        bin_.wait_for_items(items)
        if number in (1, 3):
            mosquitto.kill()
            items += 3
            bin_.wait_for_items(items)
            mosquitto.start()
        # a random moment within an item, not a wait for something to happen
        time.sleep(moments.uniform(0.0, 0.4))
        bin_.kill()
    return items


def unique_events(payloads: list[bytes]) -> list[SortEvent]:
    """What a consumer makes of at-least-once delivery: one event an event_id, in the order of their numbers."""
    events = {event.event_id: event for event in map(parse_event, payloads)}
    return sorted(events.values(), key=lambda event: event.seq)
