"""From a picture to the tensor that the model takes, and back from its answer. Pure numpy and OpenCV.

Training, verification and the Pi call these same functions, so that a model meets on the tray what it was trained on.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from edge.model import Box, Pixels

LUMA_WIDTH_PX = 160
# steps through rows and columns: as it is, mirrored, turned half round, mirrored upside down
LAYS = ((1, 1), (1, -1), (-1, -1), (-1, 1))


def small_luma(rgb: Pixels) -> Pixels:
    """The brightness of uint8 RGB (height, width, 3), small: uint8 (h, 160), aspect kept."""
    height, width = rgb.shape[:2]
    luma_height = max(1, round(height * LUMA_WIDTH_PX / width))
    # Converting first: to average three channels costs more than to convert the large picture.
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (LUMA_WIDTH_PX, luma_height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cut(rgb: Pixels, box: Box, margin: float) -> Pixels:
    """The part of a picture that shows the item, as a view of it.

    The box grows by `margin` of its longer side (in pixels) on each side and becomes square; where it would leave the
    frame it is moved back in, and only where the frame is too small is it cut off. Never empty.
    """
    return rgb[window(rgb.shape[:2], box, margin)]


def window(shape: tuple[int, ...], box: Box, margin: float) -> tuple[slice, slice]:
    """Rows and columns of what cut() shows of a picture of this (height, width)."""
    height, width = shape
    side = max(box.width * width, box.height * height) * (1 + 2 * margin)
    left, right = _span(box.x + box.width / 2, side, width)
    top, bottom = _span(box.y + box.height / 2, side, height)
    return slice(top, bottom), slice(left, right)


def _span(centre: float, side_px: float, limit_px: int) -> tuple[int, int]:
    """Start and end of `side_px` pixels around `centre` (a fraction of `limit_px`), moved to lie within 0..limit_px."""
    length = min(limit_px, max(1, round(side_px)))
    start = min(max(0, round(centre * limit_px - length / 2)), limit_px - length)
    return start, start + length


def laid(rgb: Pixels, vote: int) -> Pixels:
    """What the vote with this number (0, 1, ...) looks at: the picture in one of LAYS, as a view of it.

    Pictures of a thing that lies still hardly differ, and neither would the answers. Seen from above it has no top and
    no left, so it may as well lie otherwise: where such answers differ there is doubt, and with an unfamiliar camera
    their mean is right more often than one of them (tests/bench/lays.py). Averaged over reflections since Krizhevsky
    et al. 2012, "ImageNet classification with deep convolutional neural networks", 4.1.
    """
    rows, columns = LAYS[vote % len(LAYS)]
    return rgb[::rows, ::columns]


def fit(rgb: Pixels, height: int, width: int) -> Pixels:
    """The picture stretched to uint8 (height, width, 3): averaged where it shrinks, interpolated where it grows."""
    shrinks = rgb.shape[0] * rgb.shape[1] > height * width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=method), dtype=np.uint8)


def quantize(image: Pixels, scale: float, zero_point: int, dtype: DTypeLike) -> NDArray[Any]:
    """The image in the model's input type: round(value / scale) + zero_point, saturated. Same shape.

    A scale of 0 is what TFLite reports for a tensor that is not quantised: the values 0..255 are kept as they are.
    """
    values = np.arange(256, dtype=np.float32)
    if scale:
        limits = np.iinfo(np.dtype(dtype))
        values = np.clip(np.rint(values / np.float32(scale)) + zero_point, limits.min, limits.max)
    # There are only 256 inputs: looking them up is several times faster than computing every pixel.
    table: NDArray[Any] = values.astype(dtype)
    return table[image]


def dequantize(tensor: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """The real values, float32, of a tensor; one with scale 0 was never quantised and is only converted."""
    real = tensor.astype(np.float32)
    return (real - np.float32(zero_point)) * np.float32(scale) if scale else real
