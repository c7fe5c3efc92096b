"""What lies on the tray in the sample pictures, the tray itself and the room that shiny things mirror."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from convert import scene_textures as tx
from convert import scenes_clothes, scenes_food, scenes_paper, scenes_rigid, scenes_trash
from convert.scene_parts import ITEMS, Part, solid
from convert.scene_shapes import rounded, surface

# Importing these fills ITEMS.
__all__ = [
    "ITEMS",
    "Part",
    "room",
    "scenes_clothes",
    "scenes_food",
    "scenes_paper",
    "scenes_rigid",
    "scenes_trash",
    "tray",
]


def room() -> NDArray[np.float32]:
    """What the item mirrors: a dim room with a window and ceiling lights, float32 (128, 256, 3), up is row 0."""
    v, u = np.mgrid[0:128, 0:256] / np.array([128, 256])[:, None, None]
    up = np.clip(1 - 2 * v, 0, 1)[..., None]
    light = np.asarray(0.13 + up * np.array([0.27, 0.27, 0.29]))
    for at, to, colour in (
        ((0.05, 0.10), (0.20, 0.22), (2.6, 2.5, 2.3)),
        ((0.60, 0.06), (0.80, 0.16), (2.2, 2.1, 2.0)),
        ((0.38, 0.30), (0.50, 0.45), (1.8, 2.1, 2.5)),
    ):
        light[(u >= at[0]) & (u < to[0]) & (v >= at[1]) & (v < to[1])] = colour
    return np.asarray(light, dtype=np.float32)


def tray() -> list[Part]:
    """A matte grey plastic tray, 40 x 30 cm, with a rim, in a darker bin."""
    rng = np.random.default_rng(7)
    image = tx.plain(1200, 900, "#85898c")
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        left, top, dx, dy = rng.uniform(0, 1200), rng.uniform(0, 900), rng.normal(0, 90), rng.normal(0, 60)
        draw.line((left, top, left + dx, top + dy), fill=str(rng.choice(["#84888b", "#787c7f"])))
    floor = tx.mottled(tx.array(image), rng, 0.03, 5, 0.035)
    x, y = np.meshgrid([-22.0, 22.0], [-17.0, 17.0])
    base = surface(np.stack([x, y, np.zeros_like(x)], -1))
    wall = rounded([(-0.6, 0), (0.4, 0), (1.6, 3.2), (3.0, 3.2), (3.0, -2)], 0.5)
    rings = [_ring(19.0 + out, 14.0 + out, 2.5 + out, z) for out, z in wall[::-1]]
    x, y = np.meshgrid([-90.0, 90.0], [-90.0, 90.0])
    under = surface(np.stack([x, y, np.full_like(x, -2)], -1))
    return [
        Part(base, solid(floor, 0.6)),
        Part(surface(np.stack(rings)), solid("#808487", 0.55)),
        Part(under, solid("#2b2d2f", 0.7)),
    ]


def _ring(half_x: float, half_y: float, radius: float, z: float) -> NDArray[np.float64]:
    angle = np.radians(np.linspace(0, 360, 129))
    x = np.sign(np.round(np.cos(angle), 6)) * (half_x - radius) + radius * np.cos(angle)
    y = np.sign(np.round(np.sin(angle), 6)) * (half_y - radius) + radius * np.sin(angle)
    return np.stack([x, y, np.full_like(x, z)], -1)
