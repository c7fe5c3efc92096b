"""All workers by turns, so that whatever else the machine does meanwhile hits all of them; then the figures.

A ratio is taken within a round, between neighbours in time, and the median of the rounds is reported.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

TURN = 5  # timed answers in a row: fewer would measure the change of process more than the model

Answers = tuple[NDArray[np.float64], ...]
Turns = list[list[float]]


class Timed(Protocol):
    """What rounds need of a worker."""

    def times_ms(self, runs: int) -> list[float]:
        """The times of so many answers."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of the result.

    kind: int8 or float. ratio: time as a multiple of the reference's, None without one. agreement: cosine (-1..1)
    between its answers and the reference's, None without one: far below 1 it computed something else.
    """

    model: str
    runtime: str
    version: str
    kind: str
    file: str
    runs: int
    median_ms: float
    p95_ms: float
    load_s: float
    memory_mb: float
    ratio: float | None
    agreement: float | None


def take_turns(workers: Sequence[Timed], runs: int, seconds: float, clock: Callable[[], float]) -> list[Turns]:
    """For each worker its times in ms, one list a round. At least one round, then no new one after `seconds`."""
    results: list[Turns] = [[] for _ in workers]
    ends_s = clock() + seconds
    for number in range(math.ceil(runs / TURN)):
        if number and clock() > ends_s:
            break
        for place in range(len(workers)):
            # another one begins each round, so that nobody always comes after the same neighbour's heat
            index = (place + number) % len(workers)
            results[index].append(workers[index].times_ms(min(TURN, runs - number * TURN)))
    return results


def ratio(turns: Turns, reference: Turns) -> float:
    """How many times as long as the reference."""
    pairs = zip(turns, reference, strict=True)
    return statistics.median(statistics.median(mine) / statistics.median(theirs) for mine, theirs in pairs)


def agreement(answers: Answers, reference: Answers) -> float | None:
    """The worst cosine between outputs of the same length; None where none can be compared."""
    by_length: Mapping[int, NDArray[np.float64]] = {len(answer): answer for answer in reference}
    cosines = []
    for answer in answers:
        other = by_length.get(len(answer))
        if other is None:
            continue
        if not np.isfinite(answer).all():
            return 0.0
        lengths = float(np.linalg.norm(answer) * np.linalg.norm(other))
        if lengths > 0:
            cosines.append(float(answer @ other) / lengths)
    return min(cosines, default=None)
