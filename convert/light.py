"""What a bin's light and camera do to a picture: casts, dusk, shade, glare, blur, noise, something in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field

from edge.model import Pixels


@dataclass(frozen=True, slots=True)
class Light:
    """How strongly, and for which share (0..1) of the pictures."""

    change: float = 0.35  # of brightness, contrast and saturation, for every picture
    tint: float = 0.12  # of each colour channel, for every picture
    cast: float = 0.15  # share in a strongly coloured light, as in a green-lit chamber
    grey: float = 0.05
    dusk: float = 0.1  # share in low light, with the noise of a camera at high gain
    shade: float = 0.25  # share that is lit from one side
    glare: float = 0.1
    blur: float = 0.15
    motion: float = 0.05
    noise: float = 0.2
    # standard deviation of the strongest noise, of 255; from 6 up, drawn by ratio
    grain: Annotated[float, Field(ge=0)] = 6.0
    jpeg: float = 0.2
    hide: float = 0.1  # share with something in front of a part


UNCHANGED = Light(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, jpeg=0, hide=0)


def relight(rgb: Pixels, settings: Light, random: Generator) -> Pixels:
    """uint8 RGB (size, size, 3) under another light and through another camera. Same shape."""
    view = _recolour(rgb, settings, random)
    steps: tuple[tuple[float, Callable[[Pixels, Generator], Pixels]], ...] = (
        (settings.hide, _hide),
        (settings.shade, _shade),
        (settings.glare, _glare),
        (settings.motion, _motion),
        (settings.blur, _blur),
        (settings.dusk, _dusk),
        (settings.noise, lambda rgb, random: _grainy(rgb, settings.grain, random)),
        (settings.jpeg, _coded),
    )
    for share, change in steps:
        if random.random() < share:
            view = change(view, random)
    return np.ascontiguousarray(view)


def _recolour(rgb: Pixels, settings: Light, random: Generator) -> Pixels:
    """Brightness, contrast, saturation and colour cast as one affine map of the colours."""
    contrast, saturation = np.exp(random.uniform(-settings.change, settings.change, 2))
    brightness = np.exp(random.uniform(-settings.change, settings.change) * 0.8)
    if random.random() < settings.grey:
        saturation = 0.0
    luma = np.array([0.299, 0.587, 0.114])
    matrix = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), luma)
    tint = np.exp(random.uniform(-settings.tint, settings.tint, 3))
    if random.random() < settings.cast:
        tint *= np.exp(random.uniform(-0.5, 0.4, 3))
    matrix = np.diag(tint) @ matrix * contrast * brightness
    offset = np.full(3, 128 * (1 - contrast) * brightness)
    return np.asarray(cv2.transform(rgb, np.column_stack([matrix, offset])), dtype=np.uint8)


def _hide(rgb: Pixels, random: Generator) -> Pixels:
    """A plain patch over 3 to 25 % of the picture."""
    size = rgb.shape[0]
    area, stretch = random.uniform(0.03, 0.25), np.exp(random.uniform(-0.8, 0.8))
    width, height = (int(side) for side in np.minimum(size, size * np.sqrt([area * stretch, area / stretch])))
    left, top = int(random.integers(size - width + 1)), int(random.integers(size - height + 1))
    hidden = rgb.copy()
    hidden[top : top + height, left : left + width] = random.integers(0, 256, 3)
    return hidden


def _shade(rgb: Pixels, random: Generator) -> Pixels:
    """Brighter on one side, darker on the other."""
    size = rgb.shape[0]
    angle, depth = random.uniform(0, 2 * np.pi), random.uniform(0.15, 0.6)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    field = 1 + depth * (np.cos(angle) * ramp[None] + np.sin(angle) * ramp[:, None]) * 0.7
    return np.asarray(np.clip(rgb * field[..., None], 0, 255), dtype=np.uint8)


def _glare(rgb: Pixels, random: Generator) -> Pixels:
    """A lamp mirrored in something shiny."""
    size = rgb.shape[0]
    spot = np.zeros((size, size), dtype=np.float32)
    centre, axes = random.integers(0, size, 2).tolist(), (random.uniform(0.02, 0.2, 2) * size + 1).astype(int).tolist()
    cv2.ellipse(spot, centre, axes, float(random.uniform(0, 180)), 0, 360, float(random.uniform(60, 255)), -1)
    soft = cv2.GaussianBlur(spot, (0, 0), random.uniform(0.01, 0.08) * size)
    return np.asarray(np.clip(rgb + soft[..., None], 0, 255), dtype=np.uint8)


def _motion(rgb: Pixels, random: Generator) -> Pixels:
    """Shaken along a line of up to 5 % of the side."""
    length = int(random.integers(3, max(4, rgb.shape[0] // 20) + 1)) | 1
    kernel = np.zeros((length, length), dtype=np.float32)
    half, angle = length // 2, random.uniform(0, np.pi)
    reach = half * np.array([np.cos(angle), np.sin(angle)])
    cv2.line(kernel, np.rint(half - reach).astype(int).tolist(), np.rint(half + reach).astype(int).tolist(), 1.0)
    return np.asarray(cv2.filter2D(rgb, -1, kernel / kernel.sum()), dtype=np.uint8)


def _blur(rgb: Pixels, random: Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.3, 1.2) * rgb.shape[0] / 160), dtype=np.uint8)


def _dusk(rgb: Pixels, random: Generator) -> Pixels:
    dark = np.asarray(cv2.convertScaleAbs(rgb, alpha=random.uniform(0.25, 0.65)), dtype=np.uint8)
    return _noisy(dark, random, gain=2.0)


def _grainy(rgb: Pixels, grain: float, random: Generator) -> Pixels:
    return _noisy(rgb, random, gain=float((grain / _FINE) ** random.random()))


# One table, read from a random place: drawing noise anew would cost more than everything else here.
_FINE = 6.0
_NOISE = np.random.default_rng(0).normal(0, _FINE, 1 << 19).astype(np.int16)


def _noisy(rgb: Pixels, random: Generator, gain: float = 1.0) -> Pixels:
    start = int(random.integers(_NOISE.size))
    noise: NDArray[np.int16] = np.take(_NOISE, np.arange(start, start + rgb.size), mode="wrap").reshape(rgb.shape)
    return np.asarray(cv2.add(rgb, (noise * gain).astype(np.int16), dtype=cv2.CV_8U), dtype=np.uint8)


def _coded(rgb: Pixels, random: Generator) -> Pixels:
    _, coded = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(30, 90))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
