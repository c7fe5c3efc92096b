"""What a process holds, read from /proc while it runs, and whether that grew."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a process: memory_kb resident and its own (RssAnon), open file descriptors, threads."""

    items: int
    memory_kb: int
    descriptors: int
    threads: int


def read(pid: int, items: int) -> Reading:
    """Raises OSError when the process is gone."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    if "RssAnon" not in status:
        # its entry stays until it is waited for
        raise ProcessLookupError(f"{pid} was killed and holds nothing any more")
    return Reading(
        items=items,
        memory_kb=int(status["RssAnon"].split()[0]),
        descriptors=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
    )


def settled(readings: Sequence[Reading], warm_up: float = 0.2) -> Sequence[Reading]:
    """Those after the first share of all items, when caches and pools are full."""
    last = readings[-1].items if readings else 0
    return [reading for reading in readings if reading.items >= warm_up * last]


def growth(readings: Sequence[Reading], name: str = "memory_kb") -> float:
    """Of one gauge, from the median of the first quarter of readings to that of the last, as a share. Needs four."""
    quarter = len(readings) // 4
    first, last = (
        statistics.median(getattr(r, name) for r in part) for part in (readings[:quarter], readings[-quarter:])
    )
    return float(last / first - 1)
