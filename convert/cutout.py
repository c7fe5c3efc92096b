"""Items taken from plain photos and laid on another ground, turned any way, with a shadow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.locate import background_distance
from edge.model import Pixels

_SIDE_PX = 128
_LOW, _HIGH = 7.0, 18.0  # CIELAB units: what is surely background, what is surely item
_SMALLEST, _LARGEST = 0.04, 0.8  # share of the picture
_BRIDGE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))

Alpha = NDArray[np.float32]


def cut_out(rgb: Pixels) -> Alpha | None:
    """How much of each pixel of uint8 RGB (height, width, 3) is item: float32 (height, width), 0..1.

    None where the background is not plain, or nothing or nearly everything stands out.
    """
    height, width = rgb.shape[:2]
    scale = _SIDE_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    distance = background_distance(np.asarray(lab, dtype=np.float32))
    if distance is None:
        return None
    solid = _filled(distance > (_LOW + _HIGH) / 2)
    if not _SMALLEST < solid.mean() < _LARGEST:
        return None
    soft = np.clip((distance - _LOW) / (_HIGH - _LOW), 0, 1)
    # Inside, a white label on a white ground is item too; at the rim the soft value keeps the edge clean.
    inner = cv2.erode(solid, _BRIDGE).astype(np.float32)
    alpha = np.maximum(inner, soft * cv2.dilate(solid, _BRIDGE)).astype(np.float32)
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def lay(rgb: Pixels, alpha: Alpha, ground: Pixels, random: Generator) -> Pixels:
    """The item on uint8 ground (size, size, 3), as the bin crops it: about two thirds of the side long, in any turn."""
    size = ground.shape[0]
    to_ground = _placing(alpha, size, random)
    item = cv2.warpAffine(rgb, to_ground, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = np.asarray(cv2.warpAffine(alpha, to_ground, (size, size), flags=cv2.INTER_LINEAR), dtype=np.float32)
    shade = _shadow(cover, random)[..., None]
    below = ground.astype(np.float32) * (1 - shade * (1 - cover[..., None]))
    mixed = below + cover[..., None] * (item.astype(np.float32) - below)
    return np.asarray(np.clip(mixed, 0, 255), dtype=np.uint8)


def _filled(mask: NDArray[np.bool_]) -> Pixels:
    """uint8 0 and 1: the large regions, their gaps closed and their holes filled."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _BRIDGE)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    kept = [outline for outline, area in zip(outlines, areas, strict=True) if area >= 0.1 * max(areas)]
    return np.asarray(cv2.drawContours(np.zeros_like(closed), kept, -1, 1, cv2.FILLED), dtype=np.uint8)


def _placing(alpha: Alpha, size: int, random: Generator) -> NDArray[np.float64]:
    """The affine map (2, 3) from the picture to the ground."""
    rows, columns = np.nonzero(alpha > 0.5)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    scale = random.uniform(0.45, 0.95) * size / max(right - left, bottom - top)
    angle = random.uniform(0, 2 * np.pi)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if random.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    goal = size / 2 + random.normal(0, 0.06, 2) * size
    return np.column_stack([turn, goal - turn @ centre])


def _shadow(cover: Alpha, random: Generator) -> Alpha:
    """float32 (size, size), 0..1: how much darker the ground is beside the item."""
    size = cover.shape[0]
    shift = np.column_stack([np.eye(2), random.normal(0, 0.035, 2) * size])
    moved = cv2.warpAffine(cover, shift, (size, size))
    blurred = cv2.GaussianBlur(moved, (0, 0), random.uniform(0.008, 0.06) * size)
    return np.asarray(random.uniform(0.1, 0.7) * blurred, dtype=np.float32)
