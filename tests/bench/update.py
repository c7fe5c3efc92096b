"""Cuts the power in the middle of an update, again and again: how many bins are left without a working model?

    make bench-update [UPDATE_ARGS="--kills 1000 --seed 7"]

The kills are spread over all the steps of an update: the first of each in turn, then random ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import updatekills
from updatekills import NEW, OLD, Kill

from edge.progress import progress

WORKING = {OLD.rpartition("-")[2], NEW.rpartition("-")[2]}


def main() -> int:
    """1 where a bin was left without a working model, or could not finish the update later."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        updatekills.prepare(place)
        count = updatekills.steps(place)
        numbers = list(chosen(count, options.kills, Random(options.seed)))
        cuts = []
        with progress("kills", len(numbers)) as advance:
            for cut in updatekills.kills(place, numbers):
                cuts.append(cut)
                advance(1, cut.step)
    return told(cuts, count)


def chosen(count: int, kills: int, random: Random) -> Iterator[int]:
    """Which steps, each one first."""
    for number in range(kills):
        yield number + 1 if number < count else random.randint(1, count)


def told(cuts: list[Kill], count: int) -> int:
    """As a table; the exit code."""
    kinds = Counter(cut.step.partition(" ")[0] for cut in cuts)
    without = [cut for cut in cuts if cut.works not in WORKING]
    unfinished = [cut for cut in cuts if cut.ends != NEW.rpartition("-")[2]]
    print(f"{len(cuts)} kills at {len({cut.number for cut in cuts})} of {count} steps")
    print("just before: " + ", ".join(f"{kind} {number}" for kind, number in kinds.most_common()))
    print("then ran: " + ", ".join(f"{version} {n}" for version, n in Counter(cut.works for cut in cuts).items()))
    print(f"bins without a working model: {len(without)}")
    print(f"updates that could not be finished later: {len(unfinished)}")
    for cut in {*without, *unfinished}:
        print(cut)
    return 1 if without or unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
