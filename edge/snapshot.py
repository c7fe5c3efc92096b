"""The tray as a JPEG that any broker takes, however large the camera's picture is. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from edge.model import Pixels

MAX_BYTES = 60_000  # the Mosquitto example in docs/mosquitto takes 65536
# longest side in pixels and JPEG quality, tried in turn; the last is small enough whatever it shows
_SIZES = ((640, 85), (640, 60), (480, 60), (320, 50), (160, 50))


def jpeg(rgb: Pixels) -> bytes:
    """uint8 RGB (height, width, 3) as a JPEG of at most MAX_BYTES."""
    tries = (_encoded(_fitted(rgb, side_px), quality) for side_px, quality in _SIZES)
    return next(picture for picture in tries if len(picture) <= MAX_BYTES)


def _fitted(rgb: Pixels, side_px: int) -> Pixels:
    height, width = rgb.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _encoded(rgb: Pixels, quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
