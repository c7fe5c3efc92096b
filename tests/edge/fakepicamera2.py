"""The part of picamera2 that the adapter calls, with the traits that bite: padded rows, colour planes, hangs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIDE_PX = 64  # rows of the small stream are padded to a multiple of this, as on a Pi


class FakeHardware:
    """What is plugged in; shared by all cameras that are opened. Put it into sys.modules["picamera2"]."""

    def __init__(self) -> None:
        self.present = True
        self.hanging = False
        self.broken_close = False
        self.breaks = ""  # the call that fails: make_array, release, cancel_all_and_flush
        self.taken_by: Picamera2 | None = None
        self.opened = 0
        self.flushed = 0
        self.requests_out = 0
        self.configuration: dict[str, Any] = {}

    def Picamera2(self, camera_num: int) -> Picamera2:  # noqa: N802 - the name of picamera2's class
        """Open a camera as picamera2 does: a missing one is an IndexError, a taken one a RuntimeError."""
        if not self.present:
            raise IndexError("list index out of range")
        if self.taken_by is not None:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.opened += 1
        self.taken_by = Picamera2(self, camera_num)
        return self.taken_by

    def fail_in(self, call: str) -> None:
        if call == self.breaks:
            raise RuntimeError(f"{call} failed")


class Picamera2:
    """One open camera."""

    def __init__(self, hardware: FakeHardware, camera_num: int) -> None:
        self.hardware = hardware
        self.camera_num = camera_num
        self.started = False

    def create_video_configuration(self, main: Any, lores: Any, controls: Any) -> dict[str, Any]:
        return {"main": dict(main), "lores": dict(lores), "controls": dict(controls)}

    def configure(self, configuration: dict[str, Any]) -> None:
        for name in ("main", "lores"):
            if any(side % 2 for side in configuration[name]["size"]):
                raise RuntimeError("width and height should be even")
        self.hardware.configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        return self.hardware.configuration

    def start(self) -> None:
        self.started = True

    def capture_request(self, wait: bool) -> Job:
        assert wait is False, "a capture that waits without a limit can wait for ever"
        assert self.started
        return Job(self.hardware)

    def cancel_all_and_flush(self) -> None:
        self.hardware.flushed += 1
        self.hardware.fail_in("cancel_all_and_flush")

    def close(self) -> None:
        self.hardware.taken_by = None
        self.started = False
        if self.hardware.broken_close:
            raise RuntimeError("Closing failed")


class Job:
    """A capture under way."""

    def __init__(self, hardware: FakeHardware) -> None:
        self._hardware = hardware

    def get_result(self, timeout: float | None = None) -> Request:
        assert timeout, "without a limit this waits for ever"
        if self._hardware.hanging:
            raise TimeoutError
        if not self._hardware.present:
            raise RuntimeError("camera disconnected")
        self._hardware.requests_out += 1
        return Request(self._hardware)


class Request:
    """One picture: red on the left, blue on the right; its brightness falls from the left to the right."""

    def __init__(self, hardware: FakeHardware) -> None:
        self._hardware = hardware

    def make_array(self, name: str) -> NDArray[np.uint8]:
        self._hardware.fail_in("make_array")
        width, height = self._hardware.configuration[name]["size"]
        if name == "main":
            assert self._hardware.configuration["main"]["format"] == "BGR888"
            rgb = np.zeros((height, width, 3), np.uint8)
            rgb[:, : width // 2, 0] = 255
            rgb[:, width // 2 :, 2] = 255
            return rgb
        assert self._hardware.configuration["lores"]["format"] == "YUV420"
        stride = -(-width // STRIDE_PX) * STRIDE_PX
        planes = np.full((height * 3 // 2, stride), 255, np.uint8)
        planes[:height, :width] = np.linspace(200, 40, width).astype(np.uint8)
        return planes

    def release(self) -> None:
        self._hardware.requests_out -= 1
        self._hardware.fail_in("release")
