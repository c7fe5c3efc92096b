from __future__ import annotations

from pathlib import Path

import pytest
from madefigures import figures

from convert.errors import RecipeError
from convert.figures import FILE, Share, load, share, to_json


@pytest.mark.parametrize(
    ("right", "total", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (950, 1000, 0.9347, 0.9619)]
)
def test_the_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    found = share(right, total)

    assert isinstance(found, Share)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.value == right / total


def test_a_share_of_nothing() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        share(0, 0)


def test_figures_are_read_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(to_json(figures()))

    assert load(tmp_path / FILE) == figures()


def test_figures_that_are_missing_cut_or_of_an_older_version(tmp_path: Path) -> None:
    path = tmp_path / FILE
    with pytest.raises(RecipeError, match=r"verify\.json: No such file.*`smartbin-convert verify` writes it"):
        load(path)
    path.write_text(to_json(figures())[:1000])
    with pytest.raises(RecipeError, match=r"the whole: Invalid JSON.*Measure the model again"):
        load(path)
    path.write_text('{"part": "test", "label": {"right": 1}}')
    with pytest.raises(RecipeError, match=r"\(schema: .*Measure the model again"):
        load(path)
