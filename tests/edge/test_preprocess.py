from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import preprocess
from edge.model import WHOLE_FRAME, Box, Pixels


def _noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(480, 640, 120), (1080, 1920, 90), (90, 80, 180), (1, 4000, 1)]
)
def test_luma_is_160_wide_and_keeps_the_aspect(height: int, width: int, expected: int) -> None:
    luma = preprocess.small_luma(_noise(height, width))

    assert luma.shape == (expected, 160)
    assert luma.dtype == np.uint8


def test_luma_weighs_green_most_so_the_order_is_rgb() -> None:
    red, green, blue = np.eye(3, dtype=np.uint8) * 255

    levels = [int(preprocess.small_luma(np.full((8, 8, 3), colour, np.uint8))[0, 0]) for colour in (red, green, blue)]

    assert levels == [76, 150, 29]


def test_cut_grows_by_the_margin_of_the_longer_side_and_is_square() -> None:
    rgb = _noise(400, 400)

    item = preprocess.cut(rgb, Box(0.4, 0.45, 0.2, 0.1), margin=0.25)

    assert item.shape == (120, 120, 3)
    assert np.array_equal(item, rgb[140:260, 140:260])


def test_cut_at_the_edge_moves_in_rather_than_shrinking() -> None:
    rgb = _noise(400, 400)

    assert np.array_equal(preprocess.cut(rgb, Box(0.9, 0.0, 0.1, 0.1), margin=0.5), rgb[0:80, 320:400])


def test_the_whole_frame_stays_whole() -> None:
    rgb = _noise(48, 64)

    assert np.array_equal(preprocess.cut(rgb, WHOLE_FRAME, margin=0.25), rgb)


_fractions = st.floats(-0.5, 1.5)


@given(
    box=st.builds(Box, _fractions, _fractions, st.floats(0, 1.5), st.floats(0, 1.5)),
    margin=st.floats(0, 2),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_cut_is_never_empty_and_square_where_the_frame_allows(box: Box, margin: float, size: tuple[int, int]) -> None:
    height, width = preprocess.cut(np.zeros((*size, 3), np.uint8), box, margin).shape[:2]

    assert 1 <= height <= size[0]
    assert 1 <= width <= size[1]
    assert height == width or min(height, width) == min(size)


def test_each_vote_sees_the_picture_lie_otherwise_from_the_fifth_on_as_before() -> None:
    rgb = np.zeros((3, 5, 3), np.uint8)
    rgb[0, 0] = 255

    corners = [tuple(np.argwhere(preprocess.laid(rgb, vote)[..., 0])[0].tolist()) for vote in range(5)]

    assert corners == [(0, 0), (0, 4), (2, 4), (2, 0), (0, 0)]
    assert np.shares_memory(preprocess.laid(rgb, 2), rgb)


def test_fit_averages_when_it_shrinks() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    rgb = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)

    assert np.all(np.abs(preprocess.fit(rgb, 32, 32).astype(int) - 128) <= 1)


def test_fit_interpolates_when_it_grows_and_keeps_colours_apart() -> None:
    rgb = np.array([[[255, 0, 10], [0, 255, 10]]], dtype=np.uint8)

    grown = preprocess.fit(rgb, 4, 16)

    assert grown.shape == (4, 16, 3)
    assert np.all(grown[..., 2] == 10)
    assert np.all(np.diff(grown[0, :, 0].astype(int)) <= 0)
    assert 0 < grown[0, 8, 0] < 255


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 0), ("int8", -128)])
def test_quantising_by_one_only_shifts(dtype: str, zero_point: int) -> None:
    image = _noise(9, 7)

    tensor = preprocess.quantize(image, 1.0, zero_point, dtype)

    assert tensor.dtype == np.dtype(dtype)
    assert np.array_equal(preprocess.dequantize(tensor, 1.0, zero_point), image.astype(np.float32))


@given(scale=st.floats(0.5, 4.0), zero_point=st.integers(-128, 127))
def test_quantising_loses_at_most_half_a_step_within_the_range(scale: float, zero_point: int) -> None:
    image = np.arange(256, dtype=np.uint8)

    tensor = preprocess.quantize(image, scale, zero_point, np.int8)
    real = preprocess.dequantize(tensor, scale, zero_point)

    inside = (tensor > -128) & (tensor < 127)
    assert np.all(np.abs(real - image)[inside] <= scale / 2 * 1.001)
    assert np.all(np.diff(tensor.astype(int)) >= 0), "saturated, not wrapped around"


def test_a_float_model_gets_the_values_as_they_are() -> None:
    tensor = preprocess.quantize(np.array([[0, 128, 255]], np.uint8), 0.0, 0, np.float32)

    assert tensor.dtype == np.float32
    assert tensor.tolist() == [[0.0, 128.0, 255.0]]
    assert preprocess.dequantize(tensor, 0.0, 0).tolist() == [[0.0, 128.0, 255.0]]
