"""Letterbox bars: plain stripes that a tool added on two opposite sides to make a picture square.

In public sets they tell the class by their direction (bottles get them left and right), so a model learns the bars.
They must not be mistaken for the plain background of a product photo: a bar is grey, flat to the last pixel, as wide
as its opposite, and ends in a straight line along which nearly every pixel changes. Where a bar has the colour of the
photo's own background nothing changes there, nothing can be told, and nothing is lost by keeping it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model import Pixels

# Chosen by looking at 15,000 real pictures, and at 300 with bars added to them and saved as PNG, JPEG and AVIF.
# Cartons on white come up to 0.9 of EDGE_SHARE; real bars lie above 0.97.
NOISE = 10  # levels by which a pixel of a bar may differ from its colour: what compression adds
STRAY_SHARE = 0.02  # of the pixels of one line of a bar, that may differ more
EDGE_SHARE = 0.95  # of the pixels along the end of a bar, that are no longer of its colour
JUMP_SHARE = 0.8  # of them, that are unlike the last line of the bar: in a shade that creeps in, none is
COLOURED = 12  # levels between red, green and blue from which a stripe is no longer grey
_EDGE_LINES, _MIN_LINES, _MIN_SHARE, _MIN_CONTENT = 0.012, 3, 0.015, 0.2


@dataclass(frozen=True, slots=True)
class Bars:
    """How many pixels of bar are on each side."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return any((self.top, self.bottom, self.left, self.right))


def find_bars(rgb: Pixels) -> Bars:
    """The bars of uint8 RGB (height, width, 3): above and below, or left and right, or one pair within the other."""
    top, bottom = _pair(rgb)
    inside = strip(rgb, Bars(top, bottom))
    left, right = _pair(inside.swapaxes(0, 1))
    if (left or right) and not (top or bottom):
        top, bottom = _pair(strip(rgb, Bars(left=left, right=right)))
    return Bars(top, bottom, left, right)


def strip(rgb: Pixels, bars: Bars) -> Pixels:
    """The picture without its bars, as a view."""
    height, width = rgb.shape[:2]
    return rgb[bars.top : height - bars.bottom, bars.left : width - bars.right]


def _pair(rgb: Pixels) -> tuple[int, int]:
    """The widths of the bars above and below; (0, 0) when there is not the same bar on both sides."""
    length = len(rgb)
    if length <= 2 * _MIN_LINES:
        return 0, 0
    colour = np.rint(np.median(rgb[[0, -1]].reshape(-1, 3), axis=0)).astype(np.uint8)
    if np.ptp(colour) > COLOURED:
        return 0, 0
    first, last = (_width(side, colour) for side in (rgb, rgb[::-1]))
    shorter, longer = sorted((first, last))
    uneven = longer - shorter > max(_MIN_LINES, 0.05 * longer)
    if uneven or shorter < max(_MIN_LINES, _MIN_SHARE * length) or first + last > (1 - _MIN_CONTENT) * length:
        return 0, 0
    return first, last


def _width(lines: Pixels, colour: Pixels) -> int:
    """How many of the lines, from the first on, are a bar of this colour; 0 when it does not end in a straight edge."""
    half = lines[: len(lines) // 2]
    # in brightness alone, because JPEG spreads colours over sixteen pixels
    stray = _differs(_luma(half)[..., None], _luma(colour[None, None])[0]).mean(axis=1) > STRAY_SHARE
    flat = int(np.argmax(stray))  # also 0 when no line strays: a plain picture
    if not flat:
        return 0
    edge = half[flat : flat + max(_MIN_LINES, round(_EDGE_LINES * len(lines)))]
    changed = np.maximum.accumulate(_differs(edge, colour), axis=0).mean(axis=1)
    creeps = _differs(edge, half[flat - 1]).any(axis=0).mean() < JUMP_SHARE
    if changed[-1] < EDGE_SHARE or creeps:
        return 0
    # One line more than where the change is complete: that one is still a blend of bar and picture.
    return flat + int(np.argmax(changed >= EDGE_SHARE)) + 1


def _luma(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _differs(lines: Pixels, line: Pixels) -> NDArray[np.bool_]:
    """Which pixels of uint8 (n, m, channels) are not as in (m, channels), or (1, channels), by more than noise."""
    return np.asarray((np.abs(lines.astype(np.int16) - line.astype(np.int16)) > NOISE).any(axis=2))
