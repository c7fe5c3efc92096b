"""What a picture may look like on a tray: turned, cropped, lit differently, blurred, noisy, on a plain ground.

Every function takes its randomness; the same generator state gives the same picture. About 1.5 ms a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.model import Pixels


@dataclass(frozen=True, slots=True)
class Augment:
    """How strongly. Shares are probabilities (0..1)."""

    min_area: float = 0.35  # the smallest part of a picture that a crop keeps
    aspect: float = 1.33  # how much a crop may be stretched either way
    quarter_turns: float = 0.3  # share turned by 90, 180 or 270 degrees
    tilt_degrees: float = 20.0
    light: float = 0.35  # change of brightness, contrast and saturation
    cast: float = 0.12  # change of each colour channel
    blur: float = 0.15
    noise: float = 0.2
    jpeg: float = 0.2
    grey: float = 0.05
    tray: float = 0.3  # share pasted on a plain ground, as the bin's crop with its margin is


def augment(rgb: Pixels, size: int, settings: Augment, random: Generator) -> Pixels:
    """A new look at uint8 RGB (height, width, 3): uint8 (size, size, 3)."""
    on_tray = random.random() < settings.tray
    view = _view(rgb, size, settings, random, on_tray)
    view = _relight(view, settings, random)
    if random.random() < settings.blur:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), random.uniform(0.3, 1.2) * size / 160), dtype=np.uint8)
    if random.random() < settings.noise:
        # One table of noise shifted at random: drawing it anew would cost more than everything else here.
        view = cv2.add(view, np.roll(_NOISE, int(random.integers(_NOISE.size)))[: view.size].reshape(view.shape), dtype=cv2.CV_8U)
    if random.random() < settings.jpeg:
        _, coded = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(30, 90))])
        view = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(view)


_NOISE = np.random.default_rng(0).normal(0, 6, 1 << 19).astype(np.int16)


def _view(rgb: Pixels, size: int, settings: Augment, random: Generator, on_tray: bool) -> Pixels:
    """Crop, turn, mirror and stretch in one resampling."""
    turned = np.rot90(rgb, int(random.integers(1, 4))) if random.random() < settings.quarter_turns else rgb
    if random.random() < 0.5:
        turned = turned[:, ::-1]
    turned = np.ascontiguousarray(turned)
    height, width = turned.shape[:2]
    if on_tray:
        # The whole picture, smaller than the square: its own edge shows, as the tray does around an item.
        share = random.uniform(0.55, 0.95)
        box_h, box_w = height / share, width / share
        if random.random() < 0.5:
            box_h = box_w = max(box_h, box_w)
        centre = np.array([width / 2, height / 2]) + random.uniform(-0.5, 0.5, 2) * [box_w - width, box_h - height]
        centre = centre if random.random() < 0.7 else np.array([width / 2, height / 2])
    else:
        area = random.uniform(settings.min_area, 1.0)
        stretch = np.exp(random.uniform(-1, 1) * np.log(settings.aspect))
        box_w, box_h = min(1.0, np.sqrt(area * stretch)) * width, min(1.0, np.sqrt(area / stretch)) * height
        centre = np.array([random.uniform(box_w / 2, width - box_w / 2), random.uniform(box_h / 2, height - box_h / 2)])
    angle = np.deg2rad(random.uniform(-1, 1) * settings.tilt_degrees) if random.random() < 0.5 else 0.0
    return _warp(turned, centre, (box_w, box_h), angle, size, _ground(turned, random) if on_tray else None)


def _warp(
    rgb: Pixels,
    centre: NDArray[np.float64],
    box: tuple[float, float],
    angle: float,
    size: int,
    ground: tuple[int, int, int] | None,
) -> Pixels:
    scale = max(box) / size
    if scale > 1.6:
        # warpAffine reads four pixels however much it shrinks: average first, or fine texture turns to noise.
        factor = 1.25 / scale
        rgb = np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        centre, box = centre * factor, (box[0] * factor, box[1] * factor)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([box[0] / size, box[1] / size])
    to_source = np.column_stack([turn, centre - turn @ [size / 2, size / 2]])
    return np.asarray(
        cv2.warpAffine(
            rgb,
            to_source,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101 if ground is None else cv2.BORDER_CONSTANT,
            borderValue=ground or (0, 0, 0),
        ),
        dtype=np.uint8,
    )


def _ground(rgb: Pixels, random: Generator) -> tuple[int, int, int]:
    """A tray's colour: any grey with a slight tint, or the picture's own border colour so that no edge gives it away."""
    if random.random() < 0.5:
        border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        red, green, blue = np.median(border, axis=0)
    else:
        red, green, blue = np.clip(random.uniform(30, 235) + random.normal(0, 6, 3), 0, 255)
    return int(red), int(green), int(blue)


def _relight(rgb: Pixels, settings: Augment, random: Generator) -> Pixels:
    """Brightness, contrast, saturation and colour cast as one affine map of the colours."""
    contrast, saturation = np.exp(random.uniform(-settings.light, settings.light, 2))
    brightness = np.exp(random.uniform(-settings.light, settings.light) * 0.8)
    if random.random() < settings.grey:
        saturation = 0.0
    luma = np.array([0.299, 0.587, 0.114])
    matrix = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), luma)
    cast = np.exp(random.uniform(-settings.cast, settings.cast, 3))
    matrix = np.diag(cast) @ matrix * contrast * brightness
    offset = np.full(3, 128 * (1 - contrast) * brightness)
    return np.asarray(cv2.transform(rgb, np.column_stack([matrix, offset])), dtype=np.uint8)
