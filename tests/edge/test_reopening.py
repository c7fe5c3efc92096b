"""Losing a camera and getting it back: what is reported, and how often the device is tried."""

from __future__ import annotations

from itertools import islice

from edge.adapters.reopening import ReopeningCamera
from edge.errors import CameraError
from edge.model import Fault, Frame
from edge.testing import FakeClock, blank_frame


class FlakySource:
    """Works while `works` is True."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.works = True
        self.opens_but_gives_nothing = False
        self.tried_at_s: list[float] = []
        self.closed = 0

    def open(self) -> None:
        self.tried_at_s.append(self._clock.now_s)
        if not self.works and not self.opens_but_gives_nothing:
            raise CameraError("still away")

    def read(self) -> Frame:
        if not self.works:
            raise CameraError("gone")
        return blank_frame(self._clock.now_s)

    def close(self) -> None:
        self.closed += 1


def camera_on(source: FlakySource, clock: FakeClock) -> ReopeningCamera:
    camera = ReopeningCamera(source, monotonic=clock, sleep=clock.sleep)
    camera.open()
    source.tried_at_s.clear()
    return camera


def test_the_device_is_tried_after_1_2_4_8_16_and_then_every_30_seconds() -> None:
    clock = FakeClock()
    source = FlakySource(clock)
    camera = camera_on(source, clock)
    source.works = False
    faults = list(islice(camera.frames(), 130))
    assert [fault.message for fault in faults[:3] if isinstance(fault, Fault)] == ["gone", "still away", "still away"]
    assert source.tried_at_s == [1, 3, 7, 15, 31, 61, 91, 121]
    assert clock.now_s == 129, "a fault a second"


def test_a_frame_makes_it_patient_no_longer_but_opening_alone_does_not() -> None:
    clock = FakeClock()
    source = FlakySource(clock)
    camera = camera_on(source, clock)
    frames = camera.frames()
    source.works, source.opens_but_gives_nothing = False, True
    list(islice(frames, 10))
    assert source.tried_at_s == [1, 3, 7]
    source.works = True
    assert any(isinstance(seen, Frame) for seen in islice(frames, 10))
    source.works = False
    source.tried_at_s.clear()
    lost_s = clock.now_s
    list(islice(frames, 3))
    assert [tried_s - lost_s for tried_s in source.tried_at_s] == [1]


def test_closing_ends_the_frames_even_while_the_device_is_away() -> None:
    clock = FakeClock()
    source = FlakySource(clock)
    camera = camera_on(source, clock)
    frames = camera.frames()
    source.works = False
    assert isinstance(next(frames), Fault)
    camera.close()
    assert list(frames) == []
    assert source.tried_at_s == []
    camera.close()
