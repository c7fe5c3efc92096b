"""A bin that sorts for hours, many times faster than people throw things away, while things go wrong.

    python tests/soak/soak.py --hours 1 --seed 7          (make soak HOURS=1)
    python tests/soak/soak.py --items 3000 --kills        (kill -9 of the bin, and more of the broker)
    python tests/soak/soak.py --items 3000 --model models/garbage10-efficientnet-lite2

The real `smartbin run` with a real Mosquitto and a real subscriber: replayed pictures, a tiny model, flaps in memory.
Every few seconds one of mishaps.py, by chance. At the end: has every item exactly one event at the subscriber, has
every movement of a flap its event, did the bin never hang, and did memory, descriptors and threads stay as they were?
Exit code 1 where not.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tests"), str(REPOSITORY / "tests" / "soak")]

import gauges  # noqa: E402 - the path was just set
from bin_process import (  # noqa: E402 - as above
    KEEPS_EVERYTHING,
    BinProcess,
    coloured_pictures,
    config_text,
    unique_events,
)
from broker_fixtures import PROGRAM, Listener, Mosquitto, wait_until  # noqa: E402 - as above
from mishaps import GENTLE, Mishap, Stage, bin_killed, broker_killed  # noqa: E402 - as above
from tinymodel import write_tiny_model  # noqa: E402 - as above

from edge.adapters.sqlite_outbox import read_outbox  # noqa: E402 - as above

LOOK_EVERY_S = 2.0
# half of the time the bin, often the broker
KILLING: tuple[Mishap, ...] = (*GENTLE, *(broker_killed,) * 2, *(bin_killed,) * 8)
MOST_GROWTH = 0.01
MOST_STILL_S = 300.0  # a pause whose end was refused lasts until the next commands; what hangs lasts for ever


@dataclass
class Result:
    """What came of it. gaps: numbers without an event. unannounced: movements of a flap without an event."""

    events: int = 0
    repeated: int = 0
    gaps: int = 0
    doubled: int = 0
    unannounced: int = 0
    mishaps: Counter[str] = field(default_factory=Counter)
    readings: list[gauges.Reading] = field(default_factory=list)
    most_waiting: int = 0
    longest_still_s: float = 0.0
    took_s: float = 0.0

    @property
    def nothing_lost(self) -> bool:
        """Every event once, every movement with its event."""
        return self.events > 0 and not (self.gaps or self.doubled or self.unannounced)


class Soak:
    """One bin and its broker in a folder. model: a folder of which it gets a copy, instead of a tiny one."""

    def __init__(
        self, folder: Path, seed: int, *, kills: bool = False, every_s: float = 8.0, model: Path | None = None
    ) -> None:
        self._random = random.Random(seed)
        self._kills, self._every_s = kills, every_s
        self._broker = Mosquitto(str(PROGRAM), folder / "mosquitto", (*KEEPS_EVERYTHING, "max_queued_messages 0"))
        self._broker.start()
        own = folder / "model"
        own = write_tiny_model(own) if model is None else Path(shutil.copytree(model, own))
        text = config_text(own, coloured_pictures(folder / "pictures", 2), self._broker.port, folder, loop=True)
        self._bin = BinProcess(folder, hurried(text))
        self._stage = Stage(self._bin, self._broker, own)
        self._outbox = folder / "outbox.db"
        self._heard, self._heard_s = 0, 0.0

    def run(self, items: float, seconds: float, mishaps: int = 0) -> Result:
        """Until so many items were sorted and so many mishaps have happened, or for so long."""
        listener = self._broker.listen("smartbin/e2e/event")
        result, began_s = Result(), time.monotonic()
        self._bin.start()
        self._bin.wait_for_items(1)
        self._heard_s = time.monotonic()
        next_s = began_s + self._every_s
        while time.monotonic() - began_s < seconds:
            if len(listener.heard) >= items and result.mishaps.total() >= mishaps:
                break
            time.sleep(LOOK_EVERY_S)
            self._look(result, len(listener.heard))
            if time.monotonic() >= next_s:
                self._mishap(result)
                next_s = time.monotonic() + self._random.uniform(0.5, 1.5) * self._every_s
            tell(result, len(listener.heard), time.monotonic() - began_s)
        self._end(listener)
        result.took_s = time.monotonic() - began_s
        judge(result, listener.payloads("smartbin/e2e/event"), self._bin.movements())
        listener.close()
        self._broker.stop()
        return result

    def _mishap(self, result: Result) -> None:
        chosen: Mishap = self._random.choice(KILLING if self._kills else GENTLE)
        result.mishaps[chosen.__name__] += 1
        chosen(self._stage, self._random)

    def _look(self, result: Result, items: int) -> None:
        if items > self._heard:
            self._heard, self._heard_s = items, time.monotonic()
        result.longest_still_s = max(result.longest_still_s, time.monotonic() - self._heard_s)
        with suppress(OSError):
            result.readings.append(gauges.read(self._bin.pid, items))
        result.most_waiting = max(result.most_waiting, len(read_outbox(self._outbox, 1_000_000)))

    def _end(self, listener: Listener) -> None:
        """Stop sorting, then let the last events through: by a bin that has no picture to sort."""
        self._bin.terminate()
        self._bin.wait()
        text = self._bin.config.read_text()
        empty = coloured_pictures(self._bin.config.parent / "last", 1)
        self._bin.config.write_text(
            re.sub(r'path = "[^"]*pictures"', f'path = "{empty}"', text).replace("loop = true", "")
        )
        self._bin.start()
        self._bin.wait()
        wait_until(lambda: not read_outbox(self._outbox, 1))
        last = highest_seq(self._bin.log)
        wait_until(lambda: any(f'"seq":{last},'.encode() in heard.payload for heard in listener.heard[-50:]))


def hurried(text: str) -> str:
    """The configuration with no waits, one look an item and small pictures."""
    changes = {
        'pace = "fast"': 'pace = "fast"\nsize = [160, 120]',
        "open_s = 0.03\nsettle_s = 0.02": "open_s = 0.0\nsettle_s = 0.0",
        "margin = 0.0": "margin = 0.0\nsettle_frames = 1\n[policy]\nvotes = 1",
        "[mqtt]": "[mqtt]\ncommands = true",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def highest_seq(log: str) -> int:
    """Of the items that the log tells of."""
    return max(map(int, re.findall(r"\bitem seq=(\d+)", log)))


def judge(result: Result, payloads: Sequence[bytes], movements: Counter[str]) -> None:
    """Compare what arrived with what was done."""
    events = unique_events(list(payloads))
    numbers = Counter(event.seq for event in events)
    told = Counter(event.compartment for event in events)
    result.events, result.repeated = len(events), len(payloads) - len(events)
    result.gaps = max(numbers, default=0) - len(numbers)
    result.doubled = numbers.total() - len(numbers)
    result.unannounced = sum(max(0, count - told[name]) for name, count in movements.items())


def tell(result: Result, items: int, passed_s: float) -> None:
    """One line that is written over."""
    memory_mb = result.readings[-1].memory_kb / 1024 if result.readings else math.nan
    mishaps = result.mishaps.total()
    print(
        f"\r{items} items, {passed_s:.0f} s, {mishaps} mishaps, {memory_mb:.1f} MB ",
        end="",
        file=sys.stderr,
        flush=True,
    )


def report(result: Result, *, kills: bool) -> bool:
    """Print it all; whether it is fine."""
    print(f"\n{result.events} events in {result.took_s:.0f} s; most waiting on disk {result.most_waiting}")
    print(f"mishaps: {dict(sorted(result.mishaps.items()))}")
    print(f"lost {result.gaps}, doubled {result.doubled}, movements without an event {result.unannounced}")
    print(f"sent again, and told apart by event_id: {result.repeated}")
    print(f"longest time without an event: {result.longest_still_s:.0f} s")
    fine = result.nothing_lost and result.longest_still_s < MOST_STILL_S
    readings = gauges.settled(result.readings)
    if kills or len(readings) < 8:
        return fine  # a process that is killed now and then shows no growth
    grown = gauges.growth(readings)
    print(f"memory {readings[0].memory_kb / 1024:.1f} -> {readings[-1].memory_kb / 1024:.1f} MB, growth {grown:+.2%}")
    level = True
    for name in ("descriptors", "threads"):
        values = [getattr(reading, name) for reading in readings]
        more = gauges.growth(readings, name)
        print(f"{name}: {min(values)} to {max(values)}, at the end {values[-1]}, growth of the median {more:+.1%}")
        level &= more <= 0
    return fine and level and grown < MOST_GROWTH


def main() -> int:
    """Exit code 1 when something was lost or grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=float, default=math.inf, help="stop after so many items")
    parser.add_argument("--hours", type=float, default=math.inf, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0, help="of what goes wrong, and when (0)")
    parser.add_argument(
        "--kills", action="store_true", help="kill -9 of the bin too, and more of the broker; then memory is not judged"
    )
    parser.add_argument("--every", type=float, default=8.0, metavar="S", help="seconds between two mishaps (8)")
    parser.add_argument("--model", type=Path, metavar="DIR", help="a model folder (a tiny one, made for it)")
    args = parser.parse_args()
    if PROGRAM is None:
        parser.error("mosquitto is not installed (apt install mosquitto)")
    if math.isinf(args.items) and math.isinf(args.hours):
        args.items = 1000
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), args.seed, kills=args.kills, every_s=args.every, model=args.model)
        result = soak.run(args.items, args.hours * 3600)
    return 0 if report(result, kills=args.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
