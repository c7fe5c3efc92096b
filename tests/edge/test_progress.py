"""The time left in a log."""

from __future__ import annotations

import pytest

from edge.progress import clock


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "00:00:00"), (61.6, "00:01:02"), (3599.7, "01:00:00"), (27.5 * 3600, "27:30:00")]
)
def test_more_than_a_day_is_not_cut_to_hours(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
