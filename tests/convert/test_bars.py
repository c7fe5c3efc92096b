"""Letterbox bars are found to the pixel, and nothing that only looks like one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from madeup import picture
from PIL import Image

from convert.bars import Bars, find_bars, strip
from edge.images import read_image
from edge.model import Pixels


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    """Something everywhere, as in a photo: no row and no column is plain."""
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 226, (height // 8, width // 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def barred(rgb: Pixels, bars: Bars, grey: int) -> Pixels:
    sides = ((bars.top, bars.bottom), (bars.left, bars.right), (0, 0))
    return np.pad(rgb, sides, constant_values=grey)


def saved(rgb: Pixels, kind: str, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, kind, quality=quality)
    return read_image(stream.getvalue())


@pytest.mark.parametrize("grey", [0, 12, 255])
@pytest.mark.parametrize("bars", [Bars(40, 40), Bars(left=9, right=10), Bars(left=60, right=60)])
def test_bars_are_found_and_cut_off(grey: int, bars: Bars) -> None:
    found = find_bars(barred(photo(160, 200), bars, grey))
    # One line of the picture goes too: in a real one it is a blend of both.
    for side in ("top", "bottom", "left", "right"):
        true, cut = getattr(bars, side), getattr(found, side)
        assert true <= cut <= (true + 2 if true else 0)


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 85), ("AVIF", 60), ("WEBP", 80)])
def test_compression_and_blending_do_not_hide_them(kind: str, quality: int) -> None:
    large = barred(photo(480, 640), Bars(80, 80), 114)
    small = np.asarray(cv2.resize(large, (251, 251), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = find_bars(saved(small, kind, quality))
    assert (found.left, found.right) == (0, 0)
    assert 31 <= found.top <= 35
    assert 31 <= found.bottom <= 35


def test_a_frame_is_bars_all_around() -> None:
    found = find_bars(barred(photo(200, 200), Bars(3, 3, 4, 4), 0))
    assert all(3 <= side <= 6 for side in (found.top, found.bottom, found.left, found.right))


def test_what_is_left_is_the_picture() -> None:
    rgb = barred(photo(80, 96), Bars(10, 12, 3, 4), 0)
    assert np.array_equal(strip(rgb, Bars(10, 12, 3, 4)), photo(80, 96))
    assert strip(rgb, Bars()).shape == rgb.shape


def item_on_white() -> Pixels:
    return picture((90, 90, 90), np.random.default_rng(1), 200, 200)


def carton_on_white() -> Pixels:
    """From edge to edge, with corners that are not quite square."""
    rgb = np.full((200, 200, 3), 255, np.uint8)
    cv2.fillPoly(rgb, [np.array([[60, 0], [135, 6], [140, 199], [66, 194]])], (150, 110, 60))
    return rgb


def one_sided() -> Pixels:
    return barred(photo(160, 200), Bars(top=40), 0)


def uneven() -> Pixels:
    return barred(photo(160, 200), Bars(50, 20), 0)


def of_two_colours() -> Pixels:
    return np.vstack([np.zeros((30, 200, 3), np.uint8), photo(160, 200), np.full((30, 200, 3), 255, np.uint8)])


def coloured() -> Pixels:
    rgb = barred(photo(160, 200), Bars(40, 40), 0)
    rgb[:40] = rgb[-40:] = (30, 60, 160)
    return rgb


def plain() -> Pixels:
    return np.full((90, 120, 3), 255, np.uint8)


def vignette() -> Pixels:
    """A studio's white that darkens towards the middle: no edge anywhere."""
    column = np.interp(np.arange(200), [0, 20, 100, 180, 199], [255, 255, 120, 255, 255]).astype(np.uint8)
    return np.repeat(np.repeat(column[:, None, None], 200, axis=1), 3, axis=2)


def two_pixels() -> Pixels:
    return np.zeros((1, 2, 3), np.uint8)


def hardly_anything_left() -> Pixels:
    return barred(photo(40, 200), Bars(200, 200), 0)


@pytest.mark.parametrize(
    "make",
    [
        item_on_white,
        carton_on_white,
        one_sided,
        uneven,
        of_two_colours,
        coloured,
        plain,
        vignette,
        two_pixels,
        hardly_anything_left,
    ],
)
def test_what_only_looks_like_bars_is_left_alone(make: Callable[[], Pixels]) -> None:
    assert find_bars(make()) == Bars()


@pytest.mark.data
def test_real_pictures(data_dir: Path) -> None:
    """Of real photos with bars added nearly all are found; of those without, few are taken for barred."""
    paths = sorted((data_dir / "picam").glob("*/*.avif"))[::24] + sorted((data_dir / "webshift").glob("*/*.avif"))[::40]
    photos = [read_image(path) for path in paths]
    wide = [photo for photo in photos if photo.shape[1] > 1.1 * photo.shape[0]]
    assert len(wide) > 20
    assert sum(bool(find_bars(photo)) for photo in photos) <= 0.05 * len(photos)
    added = [(photo.shape[1] - photo.shape[0]) // 2 for photo in wide]
    squares = [barred(photo, Bars(n, n), 114) for photo, n in zip(wide, added, strict=True)]
    found = [find_bars(saved(square, "JPEG", 85)) for square in squares]
    near = [abs(bars.top - n) <= 3 and abs(bars.bottom - n) <= 3 for bars, n in zip(found, added, strict=True)]
    assert sum(near) >= 0.85 * len(near)
