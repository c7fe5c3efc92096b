"""OpenCV's cameras: a real video file, and real streams over HTTP and RTSP that break and come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from rtspcamera import RtspCamera

from edge.adapters.opencv import OpenCvCamera, OpenCvSource
from edge.adapters.reopening import ReopeningCamera
from edge.errors import CameraError
from edge.model import Box, Fault, Frame

DEADLINE_S = 30.0
PERIOD_S = 0.02


class MjpegCamera:
    """A network camera: numbers its pictures by their grey, red stripe at the left. `on` is its plug."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.stalled = threading.Event()
        self.sent = 0
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                if camera.on.is_set():
                    self.send_response(200)
                    self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                    self.end_headers()
                    camera.stream(self.wfile.write)
                else:
                    self.send_error(503)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://user:secret@127.0.0.1:{self._server.server_port}/video?token=hush"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stream(self, write: Callable[[bytes], object]) -> None:
        """Pictures until the plug is pulled or the client goes."""
        while self.on.is_set():
            if not self.stalled.is_set():
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                jpeg = self._next_jpeg()
                try:
                    write(head % len(jpeg) + jpeg + b"\r\n")
                except OSError:
                    return
            time.sleep(PERIOD_S)  # the camera's frame rate, not a wait for anything

    def _next_jpeg(self) -> bytes:
        bgr = np.full((120, 160, 3), self.sent % 200, np.uint8)
        bgr[:, :40] = (0, 0, 255)
        self.sent += 1
        return cv2.imencode(".jpg", bgr)[1].tobytes()

    def close(self) -> None:
        self.on.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def network_camera() -> Iterator[MjpegCamera]:
    camera = MjpegCamera()
    camera.on.set()
    yield camera
    camera.close()


@pytest.fixture
def looking(network_camera: MjpegCamera) -> Iterator[Callable[..., ReopeningCamera]]:
    """Opens cameras on the network camera, and closes them."""
    opened: list[ReopeningCamera] = []

    def look(**options: object) -> ReopeningCamera:
        source = OpenCvSource(network_camera.url, **options)  # type: ignore[arg-type] # passed through as written
        opened.append(ReopeningCamera(source))
        opened[-1].open()
        return opened[-1]

    yield look
    for camera in opened:
        camera.close()


def until(frames: Iterator[Frame | Fault], kind: type[Frame] | type[Fault]) -> Frame | Fault:
    """The next of a kind."""
    end_s = time.monotonic() + DEADLINE_S
    for seen in frames:
        if isinstance(seen, kind):
            return seen
        assert time.monotonic() < end_s, f"no {kind.__name__} for {DEADLINE_S} s"
    raise AssertionError("the camera ended")


def number_of(frame: Frame | Fault) -> int:
    assert isinstance(frame, Frame)
    return int(frame.rgb[60, 100, 0])


def test_a_stream_gives_rgb_frames_with_luma(looking: Callable[..., ReopeningCamera]) -> None:
    frame = next(looking().frames())
    assert isinstance(frame, Frame)
    assert frame.rgb.shape == (120, 160, 3)
    assert frame.luma.shape == (120, 160)
    red, _, blue = (int(value) for value in frame.rgb[60, 10])
    assert red > 200
    assert blue < 80


def test_the_roi_is_cut(looking: Callable[..., ReopeningCamera]) -> None:
    frame = next(looking(roi=Box(0.5, 0.5, 0.5, 0.5)).frames())
    assert isinstance(frame, Frame)
    assert frame.rgb.shape == (60, 80, 3)


def test_the_newest_frame_wins_and_what_was_missed_is_gone(
    network_camera: MjpegCamera, looking: Callable[..., ReopeningCamera]
) -> None:
    frames = looking(fps=100.0).frames()
    first = number_of(next(frames))
    end_s = time.monotonic() + DEADLINE_S
    target = network_camera.sent + 60
    while network_camera.sent < target:  # nobody reads meanwhile: the flap moves
        assert time.monotonic() < end_s
        time.sleep(0.01)
    next(frames)  # may have been decoded just before the last ones came
    assert number_of(next(frames)) - first > 40


def test_no_more_frames_than_asked_for(looking: Callable[..., ReopeningCamera]) -> None:
    frames = looking(fps=10.0).frames()
    times = [frame.at_s for frame in (next(frames) for _ in range(5)) if isinstance(frame, Frame)]
    assert len(times) == 5
    assert min(np.diff(times)) >= 0.08


def test_a_stream_that_breaks_is_a_fault_and_comes_back(
    network_camera: MjpegCamera, looking: Callable[..., ReopeningCamera]
) -> None:
    frames = looking().frames()
    next(frames)
    network_camera.on.clear()
    fault = until(frames, Fault)
    assert isinstance(fault, Fault)
    assert fault.part == "camera"
    assert "check the address, the password and the network" in fault.message
    network_camera.on.set()
    until(frames, Frame)


def test_a_stream_that_hangs_is_a_fault_and_comes_back(
    network_camera: MjpegCamera, looking: Callable[..., ReopeningCamera]
) -> None:
    frames = looking(timeout_s=0.5).frames()
    next(frames)
    network_camera.stalled.set()
    fault = until(frames, Fault)
    assert isinstance(fault, Fault)
    assert "gave no frame" in fault.message
    network_camera.stalled.clear()
    until(frames, Frame)


@pytest.fixture
def rtsp_camera() -> Iterator[RtspCamera]:
    camera = RtspCamera()
    camera.on.set()
    yield camera
    camera.close()


def test_rtsp_gives_rgb_frames_breaks_and_comes_back(rtsp_camera: RtspCamera) -> None:
    camera = ReopeningCamera(OpenCvSource(rtsp_camera.url))
    camera.open()
    with closing(camera):
        frames = camera.frames()
        frame = next(frames)
        assert isinstance(frame, Frame)
        assert frame.rgb.shape == (120, 160, 3)
        red, _, blue = (int(value) for value in frame.rgb[60, 10])
        assert red > 200
        assert blue < 80
        assert number_of(frame) == pytest.approx(128, abs=8)
        rtsp_camera.unplug()
        fault = until(frames, Fault)
        assert isinstance(fault, Fault)
        assert "check the address, the password and the network" in fault.message
        assert "secret" not in fault.message
        rtsp_camera.on.set()
        until(frames, Frame)


def test_no_message_gives_a_password_away(network_camera: MjpegCamera, looking: Callable[..., ReopeningCamera]) -> None:
    frames = looking().frames()
    next(frames)
    network_camera.on.clear()
    fault = until(frames, Fault)
    assert isinstance(fault, Fault)
    with pytest.raises(CameraError) as error:
        looking()
    for message in (fault.message, str(error.value)):
        assert "/video" in message
        assert not any(secret in message for secret in ("user", "secret", "hush"))


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (77, r"Camera 77 cannot be opened: .*v4l2-ctl --list-devices"),
        ("/dev/video77", r"Camera /dev/video77 cannot be opened: there is nothing of this name"),
        ("http://127.0.0.1:9/", r"Camera http://127.0.0.1:9/ cannot be opened: check the address"),
    ],
)
def test_a_camera_that_is_not_there_says_what_to_check(device: int | str, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        OpenCvCamera(device).open()


def test_reading_before_opening_is_an_error() -> None:
    with pytest.raises(CameraError, match="not open"):
        OpenCvSource(0).read()


def test_of_a_video_file_every_frame_is_shown_and_then_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100.0, (160, 120))
    for k in range(10):
        writer.write(np.full((120, 160, 3), 20 * k, np.uint8))
    writer.release()
    camera = OpenCvCamera(str(path))
    camera.open()
    numbers = [round(number_of(frame) / 20) for frame in camera.frames()]
    camera.close()
    camera.close()
    assert numbers == list(range(10))
