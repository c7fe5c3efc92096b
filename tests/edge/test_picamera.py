"""The Pi camera's adapter against a fake picamera2."""

from __future__ import annotations

import sys
from itertools import islice

import numpy as np
import pytest
from fakepicamera2 import FakeHardware

from edge.adapters.picamera import PiCamera, PiCameraSource
from edge.adapters.reopening import ReopeningCamera
from edge.errors import CameraError
from edge.model import Box, Fault, Frame
from edge.testing import FakeClock


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> FakeHardware:
    """A camera that is plugged in."""
    hardware = FakeHardware()
    monkeypatch.setitem(sys.modules, "picamera2", hardware)
    return hardware


def opened(clock: FakeClock | None = None, **options: object) -> ReopeningCamera:
    """A camera, opened, whose clock is not the real one."""
    clock = clock or FakeClock()
    source = PiCameraSource(0, monotonic=clock, **options)  # type: ignore[arg-type] # passed through as written
    camera = ReopeningCamera(source, monotonic=clock, sleep=clock.sleep)
    camera.open()
    return camera


def first(camera: ReopeningCamera) -> Frame:
    frame = next(camera.frames())
    assert isinstance(frame, Frame)
    return frame


def test_a_frame_is_rgb_with_the_luma_of_the_same_instant(hardware: FakeHardware) -> None:
    camera = opened(FakeClock(step_s=0.5))
    frame = first(camera)
    assert frame.rgb.shape == (480, 640, 3)
    assert frame.rgb[0, 0].tolist() == [255, 0, 0]
    assert frame.rgb[0, -1].tolist() == [0, 0, 255]
    assert frame.luma.shape == (120, 160)
    assert frame.luma[0, 0] == frame.luma[-1, 0] == 200
    assert frame.at_s > 0
    assert frame.source is None
    camera.close()
    assert hardware.taken_by is None
    assert hardware.requests_out == 0


def test_padding_and_colour_planes_never_get_into_the_luma(hardware: FakeHardware) -> None:
    frame = first(opened(size=(400, 300), roi=Box(0.1, 0.1, 0.8, 0.8)))
    assert hardware.configuration["lores"]["size"] == (200, 150)
    assert frame.luma.max() <= 200, "255 is what the fake puts into padding and colour planes"
    assert frame.luma.flags.c_contiguous
    assert frame.luma.shape == (120, 160)


def test_the_roi_is_cut_from_both_streams(hardware: FakeHardware) -> None:
    frame = first(opened(roi=Box(0.5, 0.0, 0.5, 0.5)))
    assert frame.rgb.shape == (240, 320, 3)
    assert np.all(frame.rgb == [0, 0, 255])
    assert frame.luma.shape == (120, 160)
    assert frame.luma[0, 0] == pytest.approx(120, abs=2)
    del hardware


def test_the_frame_rate_is_asked_for(hardware: FakeHardware) -> None:
    opened(fps=10.0)
    assert hardware.configuration["controls"] == {"FrameDurationLimits": (100_000, 100_000)}


def test_after_a_hang_the_camera_is_restarted(hardware: FakeHardware) -> None:
    camera = opened()
    frames = camera.frames()
    assert isinstance(next(frames), Frame)
    hardware.hanging = True
    fault = next(frames)
    assert isinstance(fault, Fault)
    assert fault.part == "camera"
    assert "no frame for" in fault.message
    assert "rpicam-hello" in fault.message
    hardware.hanging = False
    assert isinstance(next(frames), Frame)
    assert (hardware.opened, hardware.flushed) == (2, 1)
    assert hardware.requests_out == 0


@pytest.mark.parametrize("call", ["make_array", "release", "cancel_all_and_flush"])
def test_a_frame_that_fails_halfway_is_a_fault_and_the_camera_is_opened_again(
    hardware: FakeHardware, call: str
) -> None:
    frames = opened().frames()
    hardware.breaks, hardware.hanging = call, call == "cancel_all_and_flush"
    fault = next(frames)
    assert isinstance(fault, Fault)
    assert f"{call} failed" in fault.message
    hardware.breaks, hardware.hanging = "", False
    assert isinstance(next(frames), Frame)
    assert (hardware.opened, hardware.requests_out) == (2, 0)


def test_a_camera_that_vanishes_is_a_fault_a_second_until_it_is_back(hardware: FakeHardware) -> None:
    clock = FakeClock()
    camera = opened(clock)
    frames = camera.frames()
    next(frames)
    hardware.present = False
    start_s = clock.now_s
    faults = list(islice(frames, 20))
    assert all(isinstance(fault, Fault) for fault in faults)
    assert clock.now_s - start_s == pytest.approx(19, abs=1)
    hardware.present = True
    assert any(isinstance(seen, Frame) for seen in islice(frames, 40))


def test_a_camera_that_cannot_be_given_back_is_tried_again(hardware: FakeHardware) -> None:
    camera = opened()
    frames = camera.frames()
    hardware.hanging = hardware.broken_close = True
    assert isinstance(next(frames), Fault)
    hardware.hanging = False
    assert isinstance(next(frames), Frame)
    camera.close()
    camera.close()


def test_no_camera_and_a_taken_one_say_what_to_check(hardware: FakeHardware) -> None:
    hardware.present = False
    with pytest.raises(CameraError, match=r"Camera 0 cannot be opened .*ribbon cable"):
        PiCamera().open()
    hardware.present = True
    PiCamera().open()
    with pytest.raises(CameraError, match=r"busy.*no other program"):
        PiCamera().open()


def test_a_refused_configuration_gives_the_camera_back(hardware: FakeHardware) -> None:
    with pytest.raises(CameraError, match="should be even"):
        PiCamera(size=(641, 481)).open()
    assert hardware.taken_by is None


def test_without_picamera2_the_apt_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="sudo apt install python3-picamera2"):
        PiCamera().open()


def test_reading_before_opening_is_an_error() -> None:
    with pytest.raises(CameraError, match="not open"):
        PiCameraSource().read()
