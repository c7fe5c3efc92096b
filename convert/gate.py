"""The gate: a quantised file may lose so much against float and no more; and the search for one that does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from convert.sweep import Sensitivity, worst
from convert.trial import Candidate
from edge.errors import ModelError

Loss = Callable[[Candidate], float]  # points of label accuracy lost on the validation part


def select(
    encoded: Callable[[Sequence[str]], bytes], order: Sequence[Sensitivity], loss: Loss, limit: float
) -> Candidate:
    """Int8 with as few of the most sensitive units in float as pass the gate.

    encoded: makes the file that keeps the operations writing these tensors in float. Raises ModelError when even
    8-bit weights alone cost more than `limit`.
    """
    lost = 0.0
    for count in steps(len(order)):
        kept = [s.unit for s in order[:count]]
        content = encoded([name for unit in kept for name in unit.outputs])
        candidate = Candidate("selective", content, tuple(unit.name for unit in kept))
        lost = loss(candidate)
        if passes(lost, limit):
            return candidate
    raise ModelError(
        f"selective: with nothing in 8 bits but the weights it still loses {lost:.2f} points of label accuracy on "
        f"the validation part, where {limit:g} are allowed. What suffers most: {worst(order)}. Take --format "
        "float16, or allow more with --max-loss."
    )


def steps(total: int) -> Iterator[int]:
    """How many units are kept in float, try after try: 0, 1, 2, 3, 4, 6, 9 ... and at last all."""
    count = 0
    while count < total:
        yield count
        count += max(1, count // 2)
    yield total


def passes(lost: float, limit: float) -> bool:
    """Whether that many points lost are allowed; a share of a few hundred pictures is not exact in binary."""
    return lost <= limit + 1e-9


def failure(form: str, lost: float, limit: float, order: Sequence[Sensitivity], pictures: int) -> ModelError:
    """The error that tells what was lost, and where. pictures: on so many it was measured, > 0."""
    advice = (
        f"What suffers most: {worst(order)}. Try --format selective, which keeps such layers in float, or"
        if order
        else "Take --format float16, or"
    )
    return ModelError(
        f"{form}: loses {lost:.2f} points of label accuracy on the validation part against float, where {limit:g} are "
        f"allowed. {_chance(lost, limit, pictures)}{advice} allow more with --max-loss. Nothing was written to --out."
    )


def _chance(lost: float, limit: float, pictures: int) -> str:
    """Where the loss of a single picture would be too much already: what to make of that."""
    if passes(100 / pictures, limit):
        return ""
    enough = f"with {math.ceil(100 / limit)} or more" if limit else "with many more"
    few = (
        f"That is {round(lost * pictures / 100)} of {pictures} pictures: with so few nobody can tell a loss from chance"
    )
    return f"{few}, {enough} one can. "
