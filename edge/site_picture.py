"""The picture of an item as it is kept: what the model saw, perhaps with everything around the item blurred. Pure."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.model import Box, Pixels
from edge.preprocess import cut, window
from edge.snapshot import small_jpeg

SIDE_PX, QUALITY = 640, 90
CELLS = 4  # all that is left of the surroundings: so many patches of colour each way


def item_jpeg(rgb: Pixels, box: Box, margin: float, *, blurred: bool) -> bytes:
    """The item in uint8 RGB (height, width, 3), cut as for the model, as a JPEG of at most SIDE_PX."""
    shown = outside_blurred(rgb, box, margin) if blurred else cut(rgb, box, margin)
    return small_jpeg(shown, SIDE_PX, QUALITY)


def outside_blurred(rgb: Pixels, box: Box, margin: float) -> Pixels:
    """As cut(), a copy of it in which only what lies within the box can be recognised."""
    rows, columns = window(rgb.shape[:2], box, margin)
    crop = rgb[rows, columns]
    height, width = crop.shape[:2]
    # averaged away rather than smoothed: what a filter smooths, another may sharpen again
    patches = cv2.resize(crop, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    shown = np.asarray(cv2.resize(patches, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    inside = _inside(box.y, box.height, rgb.shape[0], rows), _inside(box.x, box.width, rgb.shape[1], columns)
    shown[inside] = crop[inside]
    return shown


def _inside(start: float, length: float, limit_px: int, cut_to: slice) -> slice:
    first, last = math.floor(start * limit_px), math.ceil((start + length) * limit_px)
    return slice(max(0, first - cut_to.start), max(0, min(last, cut_to.stop) - cut_to.start))
