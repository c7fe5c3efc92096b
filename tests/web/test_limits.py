"""Buckets of tokens, against a clock that the test turns."""

from __future__ import annotations

import pytest

from edge.web.limits import MOST_ADDRESSES, Limiter, Rate


def test_a_burst_is_let_through_then_as_many_as_flow_in() -> None:
    limiter = Limiter(Rate(burst=3, per_s=0.5))
    assert [limiter.wait_s("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert limiter.wait_s("a", 0.0) == pytest.approx(2.0)
    assert limiter.wait_s("a", 1.0) == pytest.approx(1.0), "asking too early costs nothing"
    assert limiter.wait_s("a", 2.0) == 0
    assert limiter.wait_s("b", 2.0) == 0, "each address has its own"


def test_what_is_larger_than_the_bucket_takes_all_of_it() -> None:
    limiter = Limiter(Rate(burst=2, per_s=1))
    assert limiter.wait_s("a", 0.0, tokens=10) == 0
    assert limiter.wait_s("a", 0.0) > 0


def test_many_addresses_take_bounded_memory_and_the_oldest_is_forgotten() -> None:
    limiter = Limiter(Rate(burst=1, per_s=1e-9))
    for number in range(MOST_ADDRESSES + 1):
        limiter.wait_s(str(number), 0.0)
    assert limiter.wait_s("1", 0.0) > 0
    assert limiter.wait_s("0", 0.0) == 0
