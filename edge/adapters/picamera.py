"""The Raspberry Pi's own camera, through picamera2."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edge.adapters.reopening import ReopeningCamera
from edge.adapters.view import cut_to
from edge.errors import CameraError
from edge.model import WHOLE_FRAME, Box, Frame
from edge.preprocess import LUMA_WIDTH_PX

_REMEDY = (
    "check the ribbon cable and `rpicam-hello --list-cameras`, and that no other program has the camera; "
    'a USB camera needs camera.source = "opencv"'
)
_MISSING = (
    "picamera2 is not installed: `sudo apt install python3-picamera2 --no-install-recommends`, "
    'and use a venv with --system-site-packages. A USB camera needs camera.source = "opencv" instead.'
)
# What picamera2 and libcamera's binding raise when there is no camera, it is taken, or it refuses the configuration.
_FAILURES = (RuntimeError, OSError, IndexError, KeyError, ValueError)

log = logging.getLogger(__name__)


class PiCamera(ReopeningCamera):
    """ports.Camera: the camera with this number (0 is the first), opened again after a hang."""

    def __init__(
        self, number: int = 0, *, size: tuple[int, int] = (640, 480), fps: float = 10.0, roi: Box = WHOLE_FRAME
    ) -> None:
        super().__init__(PiCameraSource(number, size=size, fps=fps, roi=roi))


class PiCameraSource:
    """reopening.Source: the main stream in colour, and a small one from the same instant whose Y plane is the luma.

    A capture that takes longer than timeout_s counts as a hang. Giving back a camera that hangs may block in its
    driver; the service's watchdog is for that.
    """

    def __init__(
        self,
        number: int = 0,
        *,
        size: tuple[int, int] = (640, 480),
        fps: float = 10.0,
        roi: Box = WHOLE_FRAME,
        timeout_s: float = 1.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._size = size
        self._fps = fps
        self._roi = roi
        self._timeout_s = timeout_s + 1 / fps
        self._monotonic = monotonic
        self._camera: Any = None
        self._luma_size = (0, 0)

    def open(self) -> None:
        """Configure and start. Raises CameraError."""
        picamera2 = _module()
        try:
            self._camera = picamera2.Picamera2(self._number)
            self._camera.configure(self._configuration())
            self._camera.start()
        except _FAILURES as error:
            self.close()
            raise CameraError(f"Camera {self._number} cannot be opened ({error}): {_REMEDY}.") from error
        # libcamera may have chosen other sizes than were asked for.
        self._luma_size = self._camera.camera_configuration()["lores"]["size"]

    def read(self) -> Frame:
        """The next frame. Raises CameraError after a hang, or where the picture cannot be had."""
        if self._camera is None:
            raise CameraError(f"Camera {self._number} is not open.")
        try:
            return self._captured()
        except _FAILURES as error:
            raise CameraError(f"Camera {self._number} failed ({error}): {_REMEDY}.") from error

    def close(self) -> None:
        """Stop the camera and give it back."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            camera.close()
        except _FAILURES as error:
            # Whether it is free shows when it is opened again, and that is what the user has to hear of.
            log.warning("Camera %s could not be given back: %s", self._number, error)

    def _captured(self) -> Frame:
        try:
            request = self._camera.capture_request(wait=False).get_result(timeout=self._timeout_s)
        except TimeoutError as error:
            self._camera.cancel_all_and_flush()
            raise CameraError(f"Camera {self._number} gave no frame for {self._timeout_s:.1f} s: {_REMEDY}.") from error
        try:
            return self._frame(request)
        finally:
            request.release()

    def _configuration(self) -> Any:
        width, height = self._size
        small_width = min(width, _even(LUMA_WIDTH_PX / self._roi.width))
        frame_us = round(1_000_000 / self._fps)
        return self._camera.create_video_configuration(
            main={"size": self._size, "format": "BGR888"},  # named after the bytes in memory backwards: this is RGB
            lores={"size": (small_width, _even(small_width * height / width)), "format": "YUV420"},
            controls={"FrameDurationLimits": (frame_us, frame_us)},
        )

    def _frame(self, request: Any) -> Frame:
        width, height = self._luma_size
        # Rows are padded to the stride, and the planes of U and V follow below.
        luma = request.make_array("lores")[:height, :width]
        rgb = cut_to(request.make_array("main"), self._roi)
        return Frame(rgb, np.ascontiguousarray(cut_to(luma, self._roi)), self._monotonic())


def _module() -> Any:
    try:
        import picamera2  # noqa: PLC0415 - only a Pi has it, and only this camera needs it
    except ImportError as error:
        raise CameraError(_MISSING) from error
    return picamera2


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)
