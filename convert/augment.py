"""What a picture may look like on a tray: turned, cropped, laid on another ground, under another light.

Every function takes its randomness; the same generator state gives the same picture. A few ms a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field

from convert.cutout import cut_out, lay
from convert.grounds import ground
from convert.light import Light, relight
from edge.model import Pixels


@dataclass(frozen=True, slots=True)
class Augment:
    """How strongly. Shares are probabilities (0..1)."""

    min_area: Annotated[float, Field(gt=0, le=1)] = 0.4  # the smallest part of a picture that a crop keeps
    aspect: Annotated[float, Field(gt=0)] = 1.33  # how much a crop may be stretched either way
    quarter_turns: float = 0.25  # share turned by 90, 180 or 270 degrees
    tilt_degrees: float = 20.0
    tray: float = 0.2  # share shown whole with its surroundings, as the bin's crop with its margin is
    lay: float = 0.2  # share cut out and laid on a tray, where its own background is plain enough for that
    light: Light = field(default_factory=Light)


def augment(rgb: Pixels, size: int, settings: Augment, random: Generator) -> Pixels:
    """A new look at uint8 RGB (height, width, 3): uint8 (size, size, 3)."""
    return relight(_view(rgb, size, settings, random), settings.light, random)


def empty_tray(size: int, settings: Augment, random: Generator) -> Pixels:
    """A tray with nothing on it: uint8 (size, size, 3)."""
    return relight(ground(size, random), settings.light, random)


@dataclass(frozen=True, slots=True)
class _Window:
    """What is cut out, in pixels of the picture: its centre (x, y), width and height; angle in radians."""

    centre: NDArray[np.float64]
    width: float
    height: float
    angle: float


def _view(rgb: Pixels, size: int, settings: Augment, random: Generator) -> Pixels:
    """Crop, turn, mirror and stretch in one resampling."""
    if random.random() < settings.lay and (alpha := cut_out(rgb)) is not None:
        return lay(rgb, alpha, ground(size, random), random)
    turned = np.rot90(rgb, int(random.integers(1, 4))) if random.random() < settings.quarter_turns else rgb
    mirrored = np.ascontiguousarray(turned[:, ::-1] if random.random() < 0.5 else turned)
    angle = float(np.deg2rad(random.uniform(-1, 1) * settings.tilt_degrees)) if random.random() < 0.5 else 0.0
    if random.random() < settings.tray:
        return _warp(mirrored, _around(mirrored, angle, random), size, _plain_ground(mirrored, random))
    return _warp(mirrored, _inside(mirrored, angle, settings, random), size, None)


def _around(rgb: Pixels, angle: float, random: Generator) -> _Window:
    """More than the picture: its own edge shows, as the tray does around an item."""
    share = random.uniform(0.55, 0.95)
    height, width = rgb.shape[0] / share, rgb.shape[1] / share
    if random.random() < 0.5:
        height = width = max(height, width)
    spare = np.array([width - rgb.shape[1], height - rgb.shape[0]])
    centre = np.array([rgb.shape[1] / 2, rgb.shape[0] / 2]) + random.uniform(-0.5, 0.5, 2) * spare
    return _Window(centre, width, height, angle)


def _inside(rgb: Pixels, angle: float, settings: Augment, random: Generator) -> _Window:
    """A part of the picture."""
    area, stretch = random.uniform(settings.min_area, 1.0), settings.aspect ** random.uniform(-1, 1)
    width = min(1.0, float(np.sqrt(area * stretch))) * rgb.shape[1]
    height = min(1.0, float(np.sqrt(area / stretch))) * rgb.shape[0]
    spare = np.array([rgb.shape[1] - width, rgb.shape[0] - height])
    return _Window(np.array([width / 2, height / 2]) + random.uniform(0, 1, 2) * spare, width, height, angle)


def _warp(rgb: Pixels, window: _Window, size: int, ground: tuple[int, int, int] | None) -> Pixels:
    """The window stretched to size x size; beyond the picture is the ground's colour, or the picture mirrored."""
    scale = max(window.width, window.height) / size
    shrink = 1.0
    if scale > 1.6:
        # warpAffine reads four pixels however much it shrinks: average first, or fine texture turns to noise.
        shrink = 1.25 / scale
        rgb = np.asarray(cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    cos, sin = np.cos(window.angle), np.sin(window.angle)
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([window.width, window.height]) * (shrink / size)
    to_source = np.column_stack([turn, window.centre * shrink - turn @ [size / 2, size / 2]])
    border = cv2.BORDER_REFLECT_101 if ground is None else cv2.BORDER_CONSTANT
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(
        rgb, to_source, (size, size), flags=flags, borderMode=border, borderValue=ground or (0, 0, 0)
    )
    return np.asarray(warped, dtype=np.uint8)


def _plain_ground(rgb: Pixels, random: Generator) -> tuple[int, int, int]:
    """A tray's colour: any grey with a slight tint, or the picture's own border so that no edge gives it away."""
    if random.random() < 0.5:
        border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        red, green, blue = np.median(border, axis=0)
    else:
        red, green, blue = np.clip(random.uniform(30, 235) + random.normal(0, 6, 3), 0, 255)
    return int(red), int(green), int(blue)
