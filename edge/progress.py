"""Progress with the time left: a bar on a terminal, now and then a line in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

LINE_EVERY_S = 30.0

Advance = Callable[[int, str], None]


@contextmanager
def progress(what: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Yields advance(count, note). `done` of `total` were finished by an earlier run: no part of the estimate."""
    console = Console(file=sys.stderr)
    if console.is_terminal:
        with Progress(console=console) as bar:
            task = bar.add_task(what, total=total, completed=done)
            yield lambda count, note: bar.update(task, advance=count, description=f"{what} {note}".rstrip())
    else:
        yield _Lines(what, total, done)


def clock(seconds: float) -> str:
    """hh:mm:ss, where the hours may be more than a day's."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


class _Lines:
    def __init__(self, what: str, total: int, done: int) -> None:
        self._what, self._total, self._done, self._start = what, total, done, done
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, count: int, note: str) -> None:
        self._done += count
        now_s = time.monotonic()
        if now_s - self._said_s < LINE_EVERY_S and self._done < self._total:
            return
        self._said_s = now_s
        each_s = (now_s - self._began_s) / max(1, self._done - self._start)
        left = clock(each_s * (self._total - self._done))
        print(f"{self._what} {self._done}/{self._total}, {left} left {note}".rstrip(), file=sys.stderr, flush=True)
