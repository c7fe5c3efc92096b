"""Finding the item on a single photo, where no empty tray is known: only on a plain background. Pure.

Elsewhere the answer is None, and the whole picture is looked at, which is never far wrong.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model import Box, Pixels

_Map: TypeAlias = NDArray[np.float32]
_Mask: TypeAlias = NDArray[np.bool_]

_WIDTH_PX = 160
_RING = 0.04  # of the width: what counts as the border
_PLAIN = 6.0  # CIELAB units: how far most of the border may be from a smooth slope of one colour
_MOST = 0.80  # of the border that must be background: an item may reach out of the frame
_DIFFERENT = 18.0  # CIELAB units, more than a soft shadow makes
_STEP = 2.0  # CIELAB units of lightness per pixel
_SPECK = 0.1  # of the largest region's area: smaller ones are dirt, larger ones parts of the item
_SMALLEST = 0.01  # of the frame
_LARGEST = 0.80
_BRIDGE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))


def find_item(rgb: Pixels) -> Box | None:
    """The box around the item on uint8 RGB (height, width, 3), or None where the background is not plain.

    None also when nothing stands out, and when the item fills the frame so far that a box would gain nothing.
    """
    height, width = rgb.shape[:2]
    size = (_WIDTH_PX, min(4 * _WIDTH_PX, max(8, round(height * _WIDTH_PX / width))))
    small = cv2.GaussianBlur(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), (3, 3), 0)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)
    distance = background_distance(lab)
    if distance is None:
        return None
    box = _around(((distance > _DIFFERENT) | _edges(lab)).view(np.uint8))
    return box if box is not None and _SMALLEST < box.width * box.height < _LARGEST else None


def _edges(lab: _Map) -> _Mask:
    """(h, w): where the brightness steps. Clear plastic and white paper show by their edges, a soft shadow does not."""
    across, down = (cv2.Sobel(lab[..., 0], cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    steps = cv2.magnitude(across, down)
    grain = float(np.quantile(steps[_border(steps.shape)], _MOST))
    return np.asarray(steps > max(_STEP, 4 * grain), dtype=np.bool_)


def background_distance(lab: _Map) -> _Map | None:
    """How far each pixel of float32 CIELAB (h, w, 3) is from the background's colour there: (h, w), in CIELAB units.

    The background is a smooth slope of one colour, found at the border. None when it is not plain.
    """
    rows, columns = np.mgrid[-1 : 1 : lab.shape[0] * 1j, -1 : 1 : lab.shape[1] * 1j]
    slope = np.stack([np.ones_like(rows), rows, columns], axis=-1).astype(np.float32)
    border = _border(lab.shape[:2])
    colours, places = lab[border], slope[border]
    background = np.abs(colours - np.median(colours, axis=0)).max(axis=1) < 3 * _PLAIN
    for _ in range(3):
        if background.mean() < _MOST:
            return None
        plane = np.linalg.lstsq(places[background], colours[background], rcond=None)[0]
        background = np.linalg.norm(colours - places @ plane, axis=1) < 2 * _PLAIN
    rest = np.linalg.norm(colours - places @ plane, axis=1)
    if np.quantile(rest, _MOST) > _PLAIN:
        return None
    return np.asarray(np.linalg.norm(lab - slope @ plane, axis=2), dtype=np.float32)


def _border(shape: tuple[int, ...]) -> _Mask:
    ring = max(1, round(_RING * shape[1]))
    border = np.ones(shape, dtype=np.bool_)
    border[ring:-ring, ring:-ring] = False
    return border


def _around(mask: Pixels) -> Box | None:
    """The box around the largest region and those that are large beside it."""
    height, width = mask.shape
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _BRIDGE)
    _, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    regions = stats[1:]
    if not len(regions):
        return None
    areas = regions[:, cv2.CC_STAT_AREA]
    kept = regions[areas >= _SPECK * areas.max()]
    left, top = (float(kept[:, side].min()) for side in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP))
    right = float((kept[:, cv2.CC_STAT_LEFT] + kept[:, cv2.CC_STAT_WIDTH]).max())
    bottom = float((kept[:, cv2.CC_STAT_TOP] + kept[:, cv2.CC_STAT_HEIGHT]).max())
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)
