"""Where the picture differs from the empty tray, and whether it is an item that makes the difference. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.lighting import Map
from edge.model import Box

Mask: TypeAlias = NDArray[np.bool_]

_BRIDGE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_PIXEL = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
_SPECK_PX = 8
_THIN_PX = 5
_MOST = 12  # regions looked at, the largest first: the cost of a frame has a bound
_EDGE = 0.25  # of the threshold, per pixel: the outline of a thing is steeper, that of a patch of light is not
_GHOST = 0.5
_APART_SHARE = 0.05  # of the width: parts of one thing that shows in places only, like a bottle, lie closer together
_EQUAL = 1 / 3  # of the largest region's area: less is a cap, a shadow or a crumb


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """What changed. item_share and other_share: of all pixels (0..1). box: where the items lie, or None.

    apart: the boxes of things that lie clearly apart, when there are several.

    other: bool (h, w), where the change is no item: light, or something gone that was part of the background.
    """

    item_share: float
    other_share: float
    box: Box | None
    other: Mask
    apart: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    left: int
    top: int
    right: int
    bottom: int
    pixels: Mask  # of the rectangle
    area_px: int


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    of_change: Map
    now: Map
    before: Map


def find(change: Map, view: Map, background: Map, threshold: float) -> Regions:
    """Changed regions; all maps float32 (h, w) on the log scale. change: view against background, light taken off."""
    changed = np.abs(change) > threshold
    other = np.zeros(change.shape, dtype=np.bool_)
    regions = list(_regions(changed)) if changed.any() else []
    if not regions:
        return Regions(0.0, 0.0, None, other)
    edges = _Edges(_steepness(change), _steepness(view), _steepness(background))
    items = []
    for region in regions:
        if _is_item(region, edges, threshold):
            items.append(region)
        else:
            other[region.top : region.bottom, region.left : region.right] |= region.pixels
    share = sum(region.area_px for region in items) / change.size
    return Regions(
        share,
        float(np.count_nonzero(other)) / change.size,
        _around(items, change.shape),
        other,
        _apart(items, change.shape),
    )


def _regions(changed: Mask) -> Iterator[_Region]:
    """Connected patches, largest first, small gaps bridged: glass shows as a few highlights and a rim."""
    closed = cv2.morphologyEx(changed.view(np.uint8), cv2.MORPH_CLOSE, _BRIDGE)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    for number in np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:_MOST] + 1:
        left, top, width, height, area = (int(value) for value in stats[number])
        if area < _SPECK_PX:
            return
        pixels = labels[top : top + height, left : left + width] == number
        yield _Region(left, top, left + width, top + height, pixels, area)


def _steepness(tones: Map) -> Map:
    """Change per pixel, whatever the direction."""
    across = cv2.Sobel(tones, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(tones, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def _is_item(region: _Region, edges: _Edges, threshold: float) -> bool:
    """Whether the outline of the region is sharp, and an edge in the picture rather than in the background."""
    padded = np.pad(region.pixels, 1).astype(np.uint8)
    outline = cv2.morphologyEx(padded, cv2.MORPH_GRADIENT, _PIXEL)[1:-1, 1:-1] > 0
    inside = np.s_[region.top : region.bottom, region.left : region.right]
    change, now, before = (float(edge[inside][outline].mean()) for edge in (edges.of_change, edges.now, edges.before))
    return change > _EDGE * threshold and now > _GHOST * before


def _apart(regions: list[_Region], shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Large regions with room between every two of them. regions: largest first."""
    large = [region for region in regions if region.area_px >= _EQUAL * regions[0].area_px]
    gap_px = round(_APART_SHARE * shape[1])
    if len(large) < 2 or any(_near(one, other, gap_px) for one, other in combinations(large, 2)):
        return ()
    boxes = [_around([region], shape) for region in large]
    return tuple(box for box in boxes if box is not None)


def _near(one: _Region, other: _Region, gap_px: int) -> bool:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return across < gap_px and down < gap_px


def _around(regions: list[_Region], shape: tuple[int, ...]) -> Box | None:
    if not regions:
        return None
    height, width = shape
    left, right = _span(min(r.left for r in regions), max(r.right for r in regions), width)
    top, bottom = _span(min(r.top for r in regions), max(r.bottom for r in regions), height)
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)


def _span(start: int, end: int, limit: int) -> tuple[int, int]:
    """Without the pixel that the blur has added at each end, unless the frame cuts the item off there."""
    if end - start < _THIN_PX:
        return start, end
    return start + (start > 0), end - (end < limit)
