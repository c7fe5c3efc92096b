"""What lies under an item: trays of plastic, steel, wood and liner, drawn from noise under uneven light."""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.model import Pixels

_SIDE_PX = 384
_COUNT = 64
_SEED = 7

_Map = NDArray[np.float32]


def ground(size: int, random: Generator) -> Pixels:
    """An empty tray, seen close: uint8 (size, size, 3)."""
    textures = _textures()
    texture = textures[int(random.integers(len(textures)))]
    cut_px = int(random.integers(_SIDE_PX // 4, _SIDE_PX))
    top, left = random.integers(0, _SIDE_PX - cut_px, 2)
    view = np.rot90(texture[top : top + cut_px, left : left + cut_px], int(random.integers(4)))
    method = cv2.INTER_AREA if cut_px > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(view, (size, size), interpolation=method), dtype=np.uint8)


@functools.cache
def _textures() -> list[Pixels]:
    """Drawn once: making them anew for each picture would cost more than training on it."""
    random = np.random.default_rng(_SEED)
    return [_texture(_KINDS[i % len(_KINDS)], random) for i in range(_COUNT)]


def _texture(kind: Callable[[Generator], _Map], random: Generator) -> Pixels:
    relief = kind(random)
    relief = (relief - relief.mean()) / max(float(relief.std()), 1e-6)
    depth = random.uniform(2, 14)
    colour = _colour(random)
    # Dark trays show less of their relief than light ones.
    strength = depth * (0.3 + 0.7 * colour.mean() / 255)
    return np.asarray(np.clip(colour + strength * relief[..., None], 0, 255), dtype=np.uint8)


def _colour(random: Generator) -> _Map:
    """Mostly a grey with a slight tint, sometimes a coloured plastic or wood."""
    grey = random.uniform(18, 240)
    tint = random.normal(0, 5, 3) if random.random() < 0.7 else random.normal(0, 35, 3)
    return np.asarray(np.clip(grey + tint, 5, 250), dtype=np.float32)


def _noise(random: Generator, across_px: float, down_px: float) -> _Map:
    """Smooth noise with grains of this size."""
    field = random.normal(0, 1, (_SIDE_PX, _SIDE_PX)).astype(np.float32)
    blurred = cv2.GaussianBlur(field, (0, 0), sigmaX=max(across_px, 0.3), sigmaY=max(down_px, 0.3))
    return np.asarray(blurred / max(float(blurred.std()), 1e-6), dtype=np.float32)


def _moulded(random: Generator) -> _Map:
    return _noise(random, 1, 1) + 0.6 * _noise(random, 30, 30)


def _brushed(random: Generator) -> _Map:
    return _noise(random, 40, 0.6) + 0.4 * _noise(random, 60, 60)


def _mottled(random: Generator) -> _Map:
    return _noise(random, 2, 2) + _noise(random, 9, 9) + _noise(random, 35, 35)


def _wooden(random: Generator) -> _Map:
    rows = np.linspace(0, random.uniform(20, 60), _SIDE_PX, dtype=np.float32)[:, None]
    rings = np.sin(rows + 3 * _noise(random, 60, 12)) + 0.7 * _noise(random, 15, 0.7)
    return np.asarray(rings, dtype=np.float32)


def _liner(random: Generator) -> _Map:
    """A crumpled bag: sharp folds between flat faces."""
    return -np.abs(_noise(random, 14, 14)) - 0.6 * np.abs(_noise(random, 5, 5)) + 0.2 * _noise(random, 1, 1)


def _scratched(random: Generator) -> _Map:
    relief = _noise(random, 1.5, 1.5) * 0.5 + _noise(random, 45, 45)
    for _ in range(int(random.integers(5, 30))):
        first, second = random.integers(0, _SIDE_PX, (2, 2)).tolist()
        cv2.line(relief, first, second, float(random.uniform(-3, 3)), 1, cv2.LINE_AA)
    return np.asarray(relief, dtype=np.float32)


_KINDS: tuple[Callable[[Generator], _Map], ...] = (_moulded, _brushed, _mottled, _wooden, _liner, _scratched)
