"""Pictures of the tray that go over MQTT."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.model import Pixels
from edge.snapshot import MAX_BYTES, jpeg


def decoded(picture: bytes) -> Pixels:
    shown = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    return np.asarray(shown[..., ::-1], dtype=np.uint8)


def test_colours_and_size_stay() -> None:
    orange: Pixels = np.full((96, 128, 3), (250, 120, 10), np.uint8)
    shown = decoded(jpeg(orange))
    assert shown.shape == orange.shape
    assert np.abs(shown.astype(int) - orange).max() < 6


@pytest.mark.parametrize("size", [(2464, 3280), (480, 640), (640, 30), (1, 1)])
def test_whatever_the_camera_sees_it_fits(size: tuple[int, int]) -> None:
    """Noise is the worst that a JPEG can be asked for."""
    noise: Pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    picture = jpeg(noise)
    assert len(picture) <= MAX_BYTES
    height, width = decoded(picture).shape[:2]
    assert max(height, width) <= 640
    assert (height > width) == (size[0] > size[1]), "its shape stays"
