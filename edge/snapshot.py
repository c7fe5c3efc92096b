"""What the camera shows, as a small JPEG. Pure."""

from __future__ import annotations

import cv2

from edge.model import Pixels

MAX_BYTES = 60_000  # the Mosquitto example in docs/mosquitto takes 65536
# longest side in pixels and JPEG quality, tried in turn; the last is small enough whatever it shows
_SIZES = ((640, 85), (640, 60), (480, 60), (320, 50), (160, 50))


def jpeg(rgb: Pixels) -> bytes:
    """uint8 RGB (height, width, 3) as a JPEG of at most MAX_BYTES, which any broker takes."""
    tries = (small_jpeg(rgb, side_px, quality) for side_px, quality in _SIZES)
    return next(picture for picture in tries if len(picture) <= MAX_BYTES)


def small_jpeg(rgb: Pixels, side_px: int, quality: int) -> bytes:
    """uint8 RGB (height, width, 3) as a JPEG whose longer side has at most side_px pixels. quality: 1 to 100."""
    height, width = rgb.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    bgr = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
