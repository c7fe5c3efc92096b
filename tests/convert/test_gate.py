"""The gate, and the search for what to keep in float: no model needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from convert.gate import failure, passes, select, steps
from convert.sweep import Sensitivity, worst
from convert.tflite import Unit
from convert.trial import Candidate
from edge.errors import ModelError

_ORDER = tuple(Sensitivity(Unit(f"block{i}", (f"a{i}", f"b{i}")), 2.0**-i) for i in range(8))


def encoded(keep: Sequence[str]) -> bytes:
    return " ".join(keep).encode()


def lost_until(needed: int) -> Callable[[Candidate], float]:
    """Two points are lost until that many units are in float."""
    return lambda candidate: 0.0 if len(candidate.kept) >= needed else 2.0


def test_tries_grow_and_end_with_everything() -> None:
    assert list(steps(12)) == [0, 1, 2, 3, 4, 6, 9, 12]
    assert list(steps(0)) == [0]


@pytest.mark.parametrize(("needed", "kept"), [(0, 0), (1, 1), (5, 6), (8, 8)])
def test_as_few_as_pass_stay_in_float_the_worst_first(needed: int, kept: int) -> None:
    chosen = select(encoded, _ORDER, lost_until(needed), limit=0.3)
    assert chosen.kept == tuple(f"block{i}" for i in range(kept))
    assert chosen.content.decode().split() == [name for s in _ORDER[:kept] for name in s.unit.outputs]


def test_where_nothing_helps_the_layers_are_named() -> None:
    with pytest.raises(ModelError, match=r"still loses 2\.00 points .* 0\.3 are allowed.*block0 \(50% of the error\)"):
        select(encoded, _ORDER, lost_until(99), limit=0.3)


def test_a_loss_of_exactly_the_limit_passes() -> None:
    # 3 of 1000 pictures, as two float accuracies subtracted
    assert passes(100 * (0.954 - 0.951), 0.3)
    assert not passes(100 * (0.954 - 0.950), 0.3)
    assert passes(-1.0, 0.0)


def test_a_failure_says_what_to_do() -> None:
    said = str(failure("int8", 1.25, 0.3, _ORDER, 800))
    assert "int8: loses 1.25 points" in said
    assert "block0 (50% of the error), block1 (25% of the error)" in said
    assert "--format selective" in said
    assert "suffers" not in str(failure("float16", 1.25, 0.3, (), 800))
    assert "chance" not in said


def test_a_failure_on_a_few_pictures_says_how_little_that_means() -> None:
    said = str(failure("int8", 100 / 24, 0.3, _ORDER, 24))
    assert "That is 1 of 24 pictures: with so few nobody can tell a loss from chance, with 334 or more one can." in said
    assert "with many more one can" in str(failure("int8", 100 / 24, 0.0, _ORDER, 24))


def test_no_error_at_all_is_no_division_by_zero() -> None:
    assert worst([Sensitivity(Unit("block1", ("a",)), 0.0)]) == "block1 (0% of the error)"
