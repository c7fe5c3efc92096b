"""Run by test_sqlite_outbox: workers that sort without end, each killed at a random moment and followed by the next.

    python outbox_child.py PATH ROUNDS

Every step is said once it is committed, in one write, so that a line is either there or not.
"""

from __future__ import annotations

import itertools
import mmap
import os
import random
import signal
import sys
import time
from pathlib import Path

from sample_event import sample_event

from edge.adapters.sqlite_outbox import SqliteOutbox


def main(path: Path, rounds: int) -> None:
    rng = random.Random(5)
    steps = mmap.mmap(-1, 4)  # shared with the workers
    for number in range(rounds):
        steps[:] = bytes(4)
        # forked, not started anew: the imports take longer than the work
        worker = os.fork()
        if worker == 0:
            sort_forever(path, number * 100_000, steps)
        enough = rng.randrange(12)
        while int.from_bytes(steps[:]) < enough:
            time.sleep(0.0001)
        time.sleep(rng.uniform(0.0, 0.005))
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def sort_forever(path: Path, first: int, steps: mmap.mmap) -> None:
    outbox = SqliteOutbox(path, max_bytes=50_000_000)
    for number in itertools.count(first):
        event = outbox.begin(sample_event(event_id=f"e{number}"))
        steps[:] = (int.from_bytes(steps[:]) + 1).to_bytes(4)
        say(f"begun {event.seq} {event.event_id}")
        outbox.finish(event)
        say(f"finished {event.seq} {event.event_id}")
        if number % 5 == 0:
            seqs = [stored.seq for stored in outbox.ready(0, 3)]
            for seq in seqs:
                say(f"removing {seq} -")
            outbox.remove(seqs)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
