"""What goes wrong with pictures in a bin, in five strengths, the same each time for the same seed.

After Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations"
(arXiv 1903.12261): noise, blur, brightness and JPEG have the strengths given there for pictures of 224 px. Brightness
goes down as often as up, for a bin is dark more often than bright. The colour cast of coloured lamps and the occlusion
by another thing are not in that set; their strengths were chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.model import Pixels

STRENGTHS = (1, 2, 3, 4, 5)
_SIDE_PX = 224  # lengths in pixels are meant for pictures of this side

_NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)  # standard deviation; white is 1
_BLUR = (3, 4, 6, 8, 10)  # radius in pixels
_BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)  # added to or taken from the value of HSV; 1 is white
_CAST = (0.1, 0.2, 0.3, 0.4, 0.5)  # length in log gains of the three channels; 0.3 is at most 28 % more of one
_JPEG = (25, 18, 15, 10, 7)  # quality
_OCCLUSION = (0.05, 0.1, 0.15, 0.2, 0.3)  # share of the picture

_Corruption = Callable[[Pixels, int, Generator], Pixels]


def corrupt(rgb: Pixels, corruption: str, strength: int, seed: Sequence[int]) -> Pixels:
    """uint8 RGB of the same shape. corruption: a key of CORRUPTIONS; strength: 1..5.

    The seed settles direction, place and grain; the strength only how much, so that a stronger one is the same, worse.
    """
    number = list(CORRUPTIONS).index(corruption)
    return CORRUPTIONS[corruption](rgb, strength - 1, np.random.default_rng([*seed, number]))


def _noise(rgb: Pixels, level: int, random: Generator) -> Pixels:
    return _bytes(rgb / 255 + random.normal(0, _NOISE[level], rgb.shape))


def _blur(rgb: Pixels, level: int, random: Generator) -> Pixels:
    """Out of focus: a disk, its rim softened."""
    radius = max(1.0, _BLUR[level] * max(rgb.shape[:2]) / _SIDE_PX)
    reach = int(np.ceil(radius)) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    blurred = cv2.filter2D(rgb, cv2.CV_32F, disk / disk.sum(), borderType=cv2.BORDER_REFLECT_101)
    return _bytes(np.asarray(blurred) / 255)


def _brightness(rgb: Pixels, level: int, random: Generator) -> Pixels:
    hsv = cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + random.choice((-1, 1)) * _BRIGHTNESS[level], 0, 1)
    return _bytes(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)))


def _cast(rgb: Pixels, level: int, random: Generator) -> Pixels:
    """The gains of the three channels multiply to 1: another colour of light, as bright as before."""
    direction = random.normal(size=3)
    direction -= direction.mean()
    return _bytes(rgb / 255 * np.exp(_CAST[level] * direction / np.linalg.norm(direction)))


def _jpeg(rgb: Pixels, level: int, random: Generator) -> Pixels:
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG[level]])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _occlusion(rgb: Pixels, level: int, random: Generator) -> Pixels:
    """A flat patch of some colour, wholly in the picture (Zhong et al. 2017, random erasing, arXiv 1708.04896)."""
    height, width = rgb.shape[:2]
    aspect, place, colour = random.uniform(0.5, 2), random.random(2), random.integers(0, 256, 3)
    share = np.sqrt(_OCCLUSION[level] * np.array([aspect, 1 / aspect]))
    rows, columns = np.maximum(1, np.rint(np.minimum(share, 1) * (height, width)).astype(int))
    top, left = (place * (height - rows, width - columns)).astype(int)
    result = rgb.copy()
    result[top : top + rows, left : left + columns] = colour
    return result


def _bytes(values: NDArray[Any]) -> Pixels:
    """uint8 from 0..1, saturated."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)


CORRUPTIONS: Mapping[str, _Corruption] = {
    "noise": _noise,
    "blur": _blur,
    "brightness": _brightness,
    "colour cast": _cast,
    "JPEG": _jpeg,
    "occlusion": _occlusion,
}
