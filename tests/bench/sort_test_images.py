"""What a user would get: `smartbin run` over pictures of the test split, with a real broker and a real subscriber.

    python tests/bench/sort_test_images.py --splits SPLITS.csv [--count 200] [--model DIR]

SPLITS.csv is what `smartbin-convert prepare` writes. The first run is quiet; in the second the bin is killed (-9) at
five random moments and the broker twice. Prints what arrived at the subscriber, and how much of it was right.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from bin_process import (  # noqa: E402 - the path was just set
    KEEPS_EVERYTHING,
    ROUTES,
    BinProcess,
    config_text,
    kill_again_and_again,
    unique_events,
)
from broker_fixtures import PROGRAM, Mosquitto, wait_until  # noqa: E402 - as above

from edge.model import Outcome, SortEvent  # noqa: E402 - as above
from edge.wire import parse_event  # noqa: E402 - as above


def main() -> int:
    """Both runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models" / "garbage10-efficientnet-lite2")
    args = parser.parse_args()
    if PROGRAM is None:
        parser.error("mosquitto is not installed (apt install mosquitto)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = chosen(args.splits, args.count, args.seed, folder / "pictures")
        quiet_run(args.model, pictures, folder / "quiet")
        killed_run(args.model, pictures, folder / "killed", args.seed)
    return 0


def chosen(splits: Path, count: int, seed: int, folder: Path) -> Path:
    """`count` pictures of the test part, in random order, as links LABEL/NUMBER-NAME."""
    with splits.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    picked = random.Random(seed).sample(rows, min(count, len(rows)))
    for number, row in enumerate(picked):
        source = (splits.parent / row["path"]).resolve()
        target = folder / row["label"] / f"{number:04d}-{source.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
    return folder


def quiet_run(model: Path, pictures: Path, folder: Path) -> None:
    """Every picture once."""
    mosquitto, bin_ = start(model, pictures, folder)
    listener = mosquitto.listen("smartbin/e2e/#")
    started_s = time.monotonic()
    bin_.start()
    code = bin_.wait(within_s=1800)
    wait_until(lambda: listener.payloads("smartbin/e2e/status")[-1:] == [b"offline"])
    events = [parse_event(payload) for payload in listener.payloads("smartbin/e2e/event")]
    listener.close()
    mosquitto.stop()
    pictured = sum(1 for _ in pictures.rglob("*.*"))
    contiguous = [event.seq for event in events] == list(range(1, len(events) + 1))
    print(
        f"quiet run: exit code {code}, {time.monotonic() - started_s:.0f} s, {pictured} pictures, {len(events)} events"
    )
    print(f"  seq contiguous: {contiguous}; event_ids: {len({event.event_id for event in events})} different")
    print(
        f"  movements: {bin_.movements().total()}; outcomes: {dict(Counter(event.outcome.value for event in events))}"
    )
    report_accuracy(events)


def killed_run(model: Path, pictures: Path, folder: Path, seed: int) -> None:
    """The bin dies five times, the broker twice; at the end the bin is left alone until its outbox is empty."""
    mosquitto, bin_ = start(model, pictures, folder)
    listener = mosquitto.listen("smartbin/e2e/event")
    kill_again_and_again(bin_, mosquitto, random.Random(seed), least=5, most=12)
    bin_.start()
    bin_.wait(within_s=1800)
    # the last events may still be on their way to the subscriber
    time.sleep(2)
    received = listener.payloads("smartbin/e2e/event")
    listener.close()
    mosquitto.stop()
    events = unique_events(received)
    told = Counter(event.compartment for event in events)
    moved = bin_.movements()
    missing = {name: count - told[name] for name, count in moved.items() if count > told[name]}
    contiguous = [event.seq for event in events] == list(range(1, len(events) + 1))
    interrupted = sum(event.outcome is Outcome.INTERRUPTED for event in events)
    print(f"killed run: {len(received)} messages, {len(events)} events, {interrupted} of them interrupted")
    print(f"  seq contiguous: {contiguous}; movements: {moved.total()}; movements without an event: {missing or 0}")


def start(model: Path, pictures: Path, folder: Path) -> tuple[Mosquitto, BinProcess]:
    """A broker that runs and a bin that does not yet. The margin is the model's own."""
    folder.mkdir()
    mosquitto = Mosquitto(str(PROGRAM), folder / "mosquitto", KEEPS_EVERYTHING)
    mosquitto.start()
    text = config_text(model, pictures, mosquitto.port, folder).replace("margin = 0.0", "")
    return mosquitto, BinProcess(folder, text)


def report_accuracy(events: Sequence[SortEvent]) -> None:
    """Labels and compartments, of all and of those that the bin was sure about."""
    truths = [str(event.image).split("/")[0] for event in events]
    route = {label: name for name, labels in ROUTES.items() for label in labels}
    labels = sum(event.label == truth for event, truth in zip(events, truths, strict=True))
    best = sum(route[event.label] == route[truth] for event, truth in zip(events, truths, strict=True))
    fell = sum(event.compartment == route[truth] for event, truth in zip(events, truths, strict=True))
    sure = [(e, t) for e, t in zip(events, truths, strict=True) if e.outcome is Outcome.SORTED]
    right = sum(event.compartment == route[truth] for event, truth in sure)
    print(f"  labels right: {labels / len(events):.1%}; compartment of the label right: {best / len(events):.1%}")
    print(f"  fell into the right compartment: {fell / len(events):.1%} of all")
    print(f"  of the {len(sure)} that the bin was sure about: {right / len(sure):.1%}")


if __name__ == "__main__":
    sys.exit(main())
