"""Made-up pictures of three classes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from edge.model import Pixels

COLOURS = {"metal": (150, 160, 170), "paper": (220, 210, 190), "plastic": (60, 110, 200)}


def picture(colour: tuple[int, int, int], random: Generator, height: int = 60, width: int = 80) -> Pixels:
    """A few blobs of about this colour: like others of its class, a near-duplicate of none."""
    rgb = np.full((height, width, 3), random.integers(0, 256), dtype=np.uint8)
    for _ in range(8):
        centre = (int(random.integers(width)), int(random.integers(height)))
        shade = np.clip(np.array(colour) + random.normal(0, 40, 3), 0, 255)
        axes = (int(random.integers(4, 20)), int(random.integers(4, 20)))
        cv2.ellipse(rgb, centre, axes, float(random.uniform(0, 180)), 0, 360, shade.tolist(), -1)
    return rgb


def write_classes(folder: Path, count: int = 20, seed: int = 0) -> Path:
    """`count` pictures of each of three classes."""
    random = np.random.default_rng(seed)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.fromarray(picture(colour, random)).save(folder / label / f"{seed}-{i:03}.png")
    return folder
