"""USB cameras, network streams and video files, through OpenCV."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.adapters.reopening import ReopeningCamera
from edge.adapters.replay import ReplayCamera
from edge.adapters.view import frame_of
from edge.addresses import without_secrets
from edge.errors import CameraError
from edge.model import WHOLE_FRAME, Box, Fault, Frame, Pixels
from edge.ports import Camera

_OPEN_S = 5.0
_RELEASE_S = 0.5


class OpenCvCamera:
    """ports.Camera: a USB index, a path like /dev/video0 or an rtsp:// or http:// URL, opened again when it fails.

    Of a video file no frame is left out, and frames() ends with it.
    """

    def __init__(
        self,
        device: int | str,
        *,
        size: tuple[int, int] = (640, 480),
        fps: float = 10.0,
        roi: Box = WHOLE_FRAME,
    ) -> None:
        self._camera: Camera
        if isinstance(device, str) and Path(device).is_file():
            self._camera = ReplayCamera(Path(device), size=size, fps=fps, roi=roi)
        else:
            self._camera = ReopeningCamera(OpenCvSource(device, size=size, fps=fps, roi=roi))

    def open(self) -> None:
        """Take the device. Raises CameraError when it is not there."""
        self._camera.open()

    def frames(self) -> Iterator[Frame | Fault]:
        """See ports.Camera."""
        return self._camera.frames()

    def close(self) -> None:
        """Give the device back."""
        self._camera.close()


class OpenCvSource:
    """reopening.Source: a thread empties OpenCV's queue, so that what is read is what the tray looks like now."""

    def __init__(
        self,
        device: int | str,
        *,
        size: tuple[int, int] = (640, 480),
        fps: float = 10.0,
        roi: Box = WHOLE_FRAME,
        timeout_s: float = 1.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._size = size
        self._fps = fps
        self._roi = roi
        self._timeout_s = timeout_s + 1 / fps
        self._monotonic = monotonic
        self._reader: _Reader | None = None

    def open(self) -> None:
        """Wait for the first frame. Raises CameraError."""
        self.close()
        self._reader = _Reader(self._capture, 1 / self._fps, self._monotonic)
        if not self._reader.wait_for_frame(_OPEN_S):
            failed = self._reader.failed
            self.close()
            reason = "cannot be opened" if failed else f"gave no frame for {_OPEN_S:.0f} s"
            raise CameraError(f"Camera {without_secrets(str(self._device))} {reason}: {self._remedy()}.")

    def read(self) -> Frame:
        """The newest frame. Raises CameraError when the stream ended or hangs."""
        if self._reader is None:
            raise CameraError(f"Camera {without_secrets(str(self._device))} is not open.")
        if not self._reader.wait_for_frame(self._timeout_s):
            reason = "stopped" if self._reader.failed else f"gave no frame for {self._timeout_s:.1f} s"
            raise CameraError(f"Camera {without_secrets(str(self._device))} {reason}: {self._remedy()}.")
        bgr, at_s = self._reader.take()
        return frame_of(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8), self._roi, at_s)

    def close(self) -> None:
        """Tell the thread to release the device; one that hangs in the driver is left to itself."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop(_RELEASE_S)

    def _capture(self) -> cv2.VideoCapture:
        if isinstance(self._device, str) and "://" in self._device:
            limit_ms = int(_OPEN_S * 1000)
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
            return cv2.VideoCapture(self._device, cv2.CAP_FFMPEG, limits)
        capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        return capture

    def _remedy(self) -> str:
        if isinstance(self._device, str) and "://" in self._device:
            return "check the address, the password and the network"
        if isinstance(self._device, str) and not Path(self._device).exists():
            return "there is nothing of this name; check [camera] device and the plug"
        return "check the plug, `v4l2-ctl --list-devices`, the group `video`, and that no other program has it"


class _Reader:
    """Reads a capture in a thread of its own and keeps the newest frame."""

    def __init__(
        self, capture: Callable[[], cv2.VideoCapture], interval_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._capture = capture
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._newest: tuple[Pixels, float] | None = None
        self._stopping = False
        self.failed = False
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def wait_for_frame(self, timeout_s: float) -> bool:
        """Whether a frame is there that was not taken, now or within timeout_s."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self.failed, timeout_s)
            return self._newest is not None

    def take(self) -> tuple[Pixels, float]:
        """The newest frame, uint8 BGR (height, width, 3), and when it came. Only after wait_for_frame."""
        with self._changed:
            if self._newest is None:
                raise CameraError("No frame was waited for.")
            newest, self._newest = self._newest, None
            return newest

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to end and give it some time."""
        self._stopping = True
        self._thread.join(timeout_s)

    def _run(self) -> None:
        capture = self._capture()
        try:
            self._read_all(capture)
        finally:
            capture.release()
            with self._changed:
                self.failed = True
                self._changed.notify_all()

    def _read_all(self, capture: cv2.VideoCapture) -> None:
        due_s = self._monotonic()
        while not self._stopping and capture.grab():
            now_s = self._monotonic()
            if now_s < due_s:
                continue  # a grabbed frame is cheap until it is decoded
            ok, bgr = capture.retrieve()
            if not ok:
                return
            # A little early is still in time: a camera at exactly this rate must not lose every other frame.
            due_s = now_s + 0.8 * self._interval_s
            with self._changed:
                self._newest = np.asarray(bgr, dtype=np.uint8), now_s
                self._changed.notify_all()
