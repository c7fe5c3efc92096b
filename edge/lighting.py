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
_TONE = np.log(_LUMA + _BLACK).astype(np.float32)
_TRUST = np.minimum(1.0, 1.25 * (_LUMA + _BLACK) / (_LUMA + 40.0)).astype(np.float32)
_SMALL = (32, 24)  # width, height: light has no detail, and few pixels are soon fitted
_QUARTER_SIGMA = 0.3186  # a quarter of normally distributed values is nearer to the mean than this
_BIN = 0.02
_BINS = 1024
_BORDER_WEIGHT = 3.0
_BANDS = (1.5, 1.5, 1.0, 0.7)
# Holds every term at its last value where the pixels that agree do not define it; curved light is rarer than even.
_RIDGE = np.diag([1, 1, 1, 8, 8, 8, 8]).astype(np.float32)


def log_luma(luma: Pixels) -> Map:
    """uint8 (h, w) to float32 (h, w): natural logarithm of the brightness, slightly blurred."""
    # Blurred after it was made real numbers: bytes would round the noise away that has to be measured.
    return np.asarray(cv2.GaussianBlur(cv2.LUT(luma, _TONE), (3, 3), 0), dtype=np.float32)


def trust(luma: Pixels) -> Map:
    """How far a difference in log luma is to be believed, float32 (h, w), 0.1..1: noise is loud where it is dark."""
    return np.asarray(cv2.LUT(luma, _TRUST), dtype=np.float32)


def even_out(view: Map, background: Map, tolerance: float) -> Map:
    """What differs between two log lumas, float32 (h, w), with a change of the light taken off.

    The light is what most of the picture agrees on, the border counting more since items lie in the middle: at first
    one amount, then a surface fitted to all pixels within about `tolerance` of it, which is even, sloping or slightly
    curved, and stronger or weaker where the background is bright (a veil of stray light, a camera's tone curve).
    """
    difference = view - background
    tones = cv2.resize(background, _SMALL, interpolation=cv2.INTER_AREA).ravel()
    values = cv2.resize(difference, _SMALL, interpolation=cv2.INTER_AREA).ravel()
    middle = float(tones.mean())
    terms = np.column_stack([_places(*_SMALL), tones - middle])
    light = np.zeros(terms.shape[1], dtype=np.float32)
    light[0] = _mode(values, _weights(*_SMALL))
    for band in _BANDS:
        near = np.abs(values - terms @ light) < band * tolerance
        inside = terms[near]
        light = np.linalg.solve(inside.T @ inside + _RIDGE, inside.T @ values[near] + _RIDGE @ light)
        if near.all():
            break
    surface = cv2.resize((terms[:, :-1] @ light[:-1]).reshape(_SMALL[::-1]), view.shape[::-1])
    return np.asarray(difference - surface - light[-1] * (background - np.float32(middle)), dtype=np.float32)


def _mode(values: NDArray[Any], weight: Map) -> float:
    """The commonest value of a flat map, to within a bin."""
    bins = np.clip(np.rint(values / _BIN) + _BINS // 2, 1, _BINS - 2).astype(np.intp)
    counts = np.bincount(bins, weights=weight, minlength=_BINS)
    # Three bins together: a value on the border between two must not count half.
    return float(np.argmax(np.convolve(counts, np.ones(3), mode="same")) - _BINS // 2) * _BIN


@lru_cache(maxsize=1)
def _places(width: int, height: int) -> Map:
    """One row a pixel: (1, x, y, x * x, x * y, y * y), x and y in -1..1."""
    y, x = (part.ravel() for part in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32))
    return np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])


@lru_cache(maxsize=1)
def _weights(width: int, height: int) -> Map:
    places = _places(width, height)
    at_border = np.maximum(np.abs(places[:, 1]), np.abs(places[:, 2])) > 0.85
    return np.where(at_border, np.float32(_BORDER_WEIGHT), np.float32(1))


def noise_between(one: Map, other: Map) -> float:
    """Standard deviation of a pixel's noise, from two looks at the same view; most of which may have changed."""
    apart = np.abs(one[::4, ::4] - other[::4, ::4]).ravel()
    quarter = float(np.partition(apart, apart.size // 4)[apart.size // 4])
    return quarter / (_QUARTER_SIGMA * 2**0.5)
