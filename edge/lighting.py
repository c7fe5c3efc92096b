"""What the light does to a picture of the tray, taken off so that what is left was put there. Pure numpy and OpenCV.

On a logarithmic scale more light adds the same everywhere, a lamp at one side adds a slope, and nothing else is needed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model import Pixels

Map: TypeAlias = NDArray[np.float32]

# The black level keeps the logarithm of a dark pixel from being nothing but noise.
_BLACK = 4.0
_LUMA = np.arange(256, dtype=np.float32)
_TONE = np.log(_LUMA + np.float32(_BLACK))
_TRUST = (_LUMA + np.float32(_BLACK)) / (_LUMA + np.float32(4 * _BLACK))
_BIN = 0.02
_BINS = 1024
_BANDS = (1.5, 1.0, 0.5)
_BORDER_WEIGHT = 3.0
_SCALE = 4


def log_luma(luma: Pixels) -> Map:
    """uint8 (h, w) to float32 (h, w): natural logarithm of the brightness."""
    return np.asarray(cv2.LUT(luma, _TONE), dtype=np.float32)


def trust(luma: Pixels) -> Map:
    """How far a difference in log luma is to be believed, float32 (h, w), 0.25..1: noise is loud where it is dark."""
    return np.asarray(cv2.LUT(luma, _TRUST), dtype=np.float32)


def even_out(difference: Map, tolerance: float) -> Map:
    """Take a change of the light off the difference of two log lumas, float32 (h, w).

    The light is what most of the picture agrees on, the border counting more since items lie in the middle: first one
    amount, then a plane through all pixels within `tolerance` of it.
    """
    height, width = difference.shape
    small = cv2.resize(difference, (max(2, width // _SCALE), max(2, height // _SCALE)), interpolation=cv2.INTER_AREA)
    grid, weight = _grid(*small.shape)
    values = small.ravel()
    plane = np.array([_mode(values, weight), 0.0, 0.0], dtype=np.float32)
    for band in _BANDS:
        near = np.abs(values - grid @ plane) < band * tolerance
        if np.count_nonzero(near) < values.size // 8:
            break
        inside = grid[near]
        plane = np.linalg.solve(inside.T @ inside + _RIDGE, inside.T @ values[near] + _RIDGE @ plane)
    down = np.linspace(-1, 1, height, dtype=np.float32) * plane[2] + plane[0]
    across = np.linspace(-1, 1, width, dtype=np.float32) * plane[1]
    return np.asarray(difference - (down[:, None] + across[None, :]), dtype=np.float32)


# Holds the plane where the pixels that agree lie on one line and so do not define it.
_RIDGE = np.eye(3, dtype=np.float32)


def _mode(values: NDArray[Any], weight: Map) -> float:
    """The commonest value of a flat map, to within a bin."""
    bins = np.clip(np.rint(values / _BIN) + _BINS // 2, 1, _BINS - 2).astype(np.intp)
    counts = np.bincount(bins, weights=weight, minlength=_BINS)
    # Three bins together: a value on the border between two must not count half.
    return float(np.argmax(np.convolve(counts, np.ones(3), mode="same")) - _BINS // 2) * _BIN


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[Map, Map]:
    """For each pixel of a flat map (1, x, y) with x and y in -1..1, and its weight."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    edge = np.maximum(np.abs(x), np.abs(y)) > 0.85
    grid = np.stack([np.ones_like(x), x, y], axis=-1).reshape(-1, 3)
    return grid, np.where(edge, np.float32(_BORDER_WEIGHT), np.float32(1)).ravel()


def noise_between(one: Map, other: Map) -> float:
    """Standard deviation of a pixel's noise, from two looks at the same view; up to half of it may have changed."""
    median = float(np.median(np.abs(one[::4, ::4] - other[::4, ::4])))
    return median * 1.4826 / 2**0.5
