"""Is what the camera delivers a live picture? Tells a frozen one and a black one from a tray that nothing happens on.

A living sensor is never quite still: its noise changes some pixel of every frame. So a picture that stays the same to
the last bit is a camera that hangs. A black picture is another matter: it can be a dead sensor, but also night, a
closed lid or a lamp that is off. It therefore is a warning only, and never counts as frozen.
"""

from __future__ import annotations

import numpy as np

from edge.model import Fault, Frame, Problem

FROZEN_S = 30.0  # longer than a network camera takes from one full picture to the next: between them it may repeat
BLACK_S = 10.0
BLACK_LUMA = 20.0  # mean; video's black is 16, not 0
BLACK_TEXTURE = 2.0  # standard deviation: anything that a picture shows has more

FROZEN = (
    f"the camera has given the same picture for {FROZEN_S:.0f} s: it hangs and is started again; "
    "check its cable and power when this comes back"
)
BLACK = "the picture is black: night, a lamp that is off, something before the lens, or a dead sensor"


class PictureWatch:
    """Remembers since when the picture has been the same, and since when it has been black."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._same_since_s = 0.0
        self._black_since_s: float | None = None

    def trouble(self, frame: Frame, now_s: float) -> Fault | None:
        """One frame. now_s: monotonic. A picture that was frozen stays so until it changes, also in a new stream."""
        if _is_black(frame):
            return self._black(now_s)
        self._black_since_s = None
        if self._last is None or not _same(frame, self._last):
            self._last, self._same_since_s = frame, now_s
        if now_s - self._same_since_s < FROZEN_S:
            return None
        return Fault("camera", FROZEN, Problem.CAMERA_FROZEN)

    def _black(self, now_s: float) -> Fault | None:
        if self._black_since_s is None:
            self._black_since_s = now_s
        if now_s - self._black_since_s < BLACK_S:
            return None
        return Fault("camera", BLACK, Problem.CAMERA_BLACK)


def _is_black(frame: Frame) -> bool:
    return bool(frame.luma.mean() < BLACK_LUMA and frame.luma.std() < BLACK_TEXTURE)


def _same(one: Frame, other: Frame) -> bool:
    # the small picture first: it nearly always tells them apart
    return np.array_equal(one.luma, other.luma) and np.array_equal(one.rgb, other.rgb)
