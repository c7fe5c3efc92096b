"""From what a camera delivers to a Frame: cut to the tray, with its small luma image."""

from __future__ import annotations

import numpy as np

from edge.model import WHOLE_FRAME, Box, Frame, Pixels
from edge.preprocess import small_luma


def cut_to(pixels: Pixels, roi: Box) -> Pixels:
    """The part of uint8 (height, width, ...) within roi, contiguous; at least one pixel."""
    if roi == WHOLE_FRAME:
        return pixels
    height, width = pixels.shape[:2]
    left, top = min(round(roi.x * width), width - 1), min(round(roi.y * height), height - 1)
    right, bottom = round((roi.x + roi.width) * width), round((roi.y + roi.height) * height)
    return np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])


def frame_of(rgb: Pixels, roi: Box, at_s: float, source: str | None = None) -> Frame:
    """A Frame of uint8 RGB (height, width, 3) from a camera that gives no luma image of its own."""
    tray = cut_to(rgb, roi)
    return Frame(tray, small_luma(tray), at_s, source)
