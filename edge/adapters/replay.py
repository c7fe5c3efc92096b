"""A camera that shows what is on disk: a folder of pictures as a tray would see them, or a recorded video."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from edge.adapters.showing import Show, Shown, Timeline
from edge.adapters.view import frame_of
from edge.errors import CameraError
from edge.model import WHOLE_FRAME, Box, Fault, Frame


class ReplayCamera:
    """ports.Camera. No frame is ever left out, so that a run can be repeated.

    pace "real" keeps to fps by the clock; "fast" waits for nothing and counts time in frames: at_s is number / fps.
    fps and size (width, height) are those of the replay; a video has its own. Frame.source is the picture's path
    relative to the folder while the item can be seen.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] = (640, 480),
        fps: float = 10.0,
        pace: Literal["real", "fast"] = "real",
        loop: bool = False,
        roi: Box = WHOLE_FRAME,
        timeline: Timeline | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._size = size
        self._fps = fps
        self._pace = pace
        self._loop = loop
        self._roi = roi
        self._timeline = timeline or Timeline()
        self._monotonic = monotonic
        self._sleep = sleep
        self._once: Callable[[], Iterator[Shown]] | None = None

    def open(self) -> None:
        """Look at what is there. Raises CameraError when it is nothing to show."""
        if not self._path.exists():
            raise CameraError(f"{self._path} does not exist: check [camera] path.")
        if self._path.is_dir():
            self._once = Show(self._path, self._size, self._timeline).once
        else:
            self._fps = _video_fps(self._path) or self._fps
            self._once = lambda: _video(self._path)

    def frames(self) -> Iterator[Frame | Fault]:
        """Everything once, or for ever with loop."""
        if self._once is None:
            raise CameraError("The replay was not opened.")
        due_s = self._monotonic()
        for number, (rgb, source) in enumerate(self._shown()):
            if self._pace == "fast":
                yield frame_of(rgb, self._roi, number / self._fps, source)
                continue
            self._sleep(max(0.0, due_s - self._monotonic()))
            now_s = self._monotonic()
            due_s = max(due_s, now_s) + 1 / self._fps  # what a pause has cost is not caught up
            yield frame_of(rgb, self._roi, now_s, source)

    def close(self) -> None:
        """Forget what was opened."""
        self._once = None

    def _shown(self) -> Iterator[Shown]:
        while self._once is not None:
            yield from self._once()
            if not self._loop:
                return


def _video_fps(path: Path) -> float:
    """Frames a second that the file says it has, 0 when it does not say. Raises CameraError."""
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened() or not video.grab():
            raise CameraError(f"{path} is not a video that OpenCV can read: check [camera] path.")
        return float(video.get(cv2.CAP_PROP_FPS))
    finally:
        video.release()


def _video(path: Path) -> Iterator[Shown]:
    video = cv2.VideoCapture(str(path))
    try:
        while True:
            ok, bgr = video.read()
            if not ok:
                return
            yield np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8), path.name
    finally:
        video.release()
