from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.locate import find_item
from edge.model import Box, Pixels

_TABLE = (180, 175, 165)


def _table(height: int = 300, width: int = 400, noise: float = 3.0, slope: float = 30.0) -> Pixels:
    """A table with sensor noise, lit from one side."""
    chance = np.random.default_rng(2)
    light = np.linspace(-slope / 2, slope / 2, width)[None, :, None]
    return np.clip(np.array(_TABLE) + light + chance.normal(0, noise, (height, width, 3)), 0, 255).astype(np.uint8)


def _overlap(found: Box | None, left: float, top: float, right: float, bottom: float) -> float:
    """Intersection over union."""
    assert found is not None
    width = min(right, found.x + found.width) - max(left, found.x)
    height = min(bottom, found.y + found.height) - max(top, found.y)
    both = max(0.0, width) * max(0.0, height)
    return both / (found.width * found.height + (right - left) * (bottom - top) - both)


def test_an_item_on_a_table_lit_from_one_side() -> None:
    rgb = _table()
    rgb[90:210, 120:220] = (40, 90, 160)

    assert _overlap(find_item(rgb), 120 / 400, 90 / 300, 220 / 400, 210 / 300) > 0.75


def test_an_item_in_two_parts_is_one_box() -> None:
    rgb = _table()
    rgb[100:160, 80:140] = (40, 90, 160)
    rgb[140:200, 240:290] = (160, 40, 30)

    assert _overlap(find_item(rgb), 80 / 400, 100 / 300, 290 / 400, 200 / 300) > 0.75


def test_crumbs_are_left_out() -> None:
    rgb = _table()
    rgb[100:200, 150:250] = (40, 90, 160)
    rgb[30:42, 30:42] = (60, 40, 20)

    assert _overlap(find_item(rgb), 150 / 400, 100 / 300, 250 / 400, 200 / 300) > 0.75


def test_a_soft_shadow_is_not_the_item() -> None:
    rgb = _table()
    shade = np.zeros((300, 400), np.float32)
    cv2.circle(shade, (240, 180), 80, 30.0, -1)
    rgb = np.clip(rgb - cv2.GaussianBlur(shade, (0, 0), 15)[..., None], 0, 255).astype(np.uint8)
    rgb[100:200, 150:250] = (40, 90, 160)

    assert _overlap(find_item(rgb), 150 / 400, 100 / 300, 250 / 400, 200 / 300) > 0.7


def test_an_item_may_reach_out_of_the_frame() -> None:
    rgb = _table()
    rgb[120:180, 0:200] = (30, 120, 40)

    assert _overlap(find_item(rgb), 0.0, 120 / 300, 200 / 400, 180 / 300) > 0.75


def test_white_on_white_with_an_outline_is_found() -> None:
    rgb = np.full((300, 300, 3), 250, np.uint8)
    cv2.rectangle(rgb, (100, 80), (200, 240), (120, 120, 120), 4)

    assert _overlap(find_item(rgb), 100 / 300, 80 / 300, 200 / 300, 240 / 300) > 0.75


def test_clear_plastic_with_a_label_is_found_whole() -> None:
    rgb = _table(noise=1.0)
    cv2.rectangle(rgb, (80, 110), (320, 190), (215, 210, 200), 2)
    rgb[112:188, 180:230] = (40, 90, 160)

    assert _overlap(find_item(rgb), 80 / 400, 110 / 300, 320 / 400, 190 / 300) > 0.75


@pytest.mark.parametrize("shape", [(256, 256), (120, 700), (700, 120)])
def test_an_empty_table(shape: tuple[int, int]) -> None:
    assert find_item(_table(*shape)) is None


def test_a_busy_background() -> None:
    checks = np.kron(np.indices((12, 16)).sum(axis=0) % 2, np.ones((25, 25)))[..., None]
    rgb = (np.array(_TABLE) * (0.4 + 0.6 * checks)).astype(np.uint8)
    rgb[100:200, 150:250] = (40, 90, 160)

    assert find_item(rgb) is None


def test_an_item_that_fills_the_frame() -> None:
    rgb = _table()
    rgb[12:288, 16:384] = (40, 90, 160)

    assert find_item(rgb) is None


def test_a_speck_is_no_item() -> None:
    rgb = _table()
    rgb[150:160, 200:210] = (0, 0, 0)

    assert find_item(rgb) is None


@settings(max_examples=60, deadline=None)
@given(
    rgb=st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda size: arrays(np.uint8, (*size, 3))),
)
def test_any_picture_gives_a_box_inside_it_or_none(rgb: Pixels) -> None:
    box = find_item(rgb)

    if box is not None:
        assert box.x >= 0
        assert box.y >= 0
        assert 0 < box.width <= 1 - box.x + 1e-9
        assert 0 < box.height <= 1 - box.y + 1e-9


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (9000, 1), (2, 3)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    assert find_item(np.zeros((*shape, 3), np.uint8)) is None
