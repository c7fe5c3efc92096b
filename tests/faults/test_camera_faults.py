"""Cameras that vanish, freeze or go black: the real reopening camera on a scripted device, and the whole loop on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from fakebin import ITEM, Bin

from edge.adapters.reopening import ReopeningCamera
from edge.errors import CameraError
from edge.model import Fault, Frame, Phase, Problem
from edge.state import BinState
from edge.testing import FakeClock, blank_frame

NOISE = np.random.default_rng(1)


def live_picture(level: int = 90) -> Frame:
    """Every frame of a sensor differs a little."""
    frame = blank_frame(level=level)
    rgb = (frame.rgb + NOISE.integers(0, 3, frame.rgb.shape)).astype(np.uint8)
    return replace(frame, rgb=rgb, luma=rgb[::2, ::2, 0].copy())


FROZEN_PICTURE = live_picture()


def frozen_picture() -> Frame:
    return replace(FROZEN_PICTURE, rgb=FROZEN_PICTURE.rgb.copy(), luma=FROZEN_PICTURE.luma.copy())


def black_picture() -> Frame:
    return blank_frame(level=0)


class ScriptedSource:
    """Shows what `shows` makes, every frame_s; after its `cured_by`-th opening a live picture again."""

    def __init__(self, clock: FakeClock, cured_by: int = 1_000_000) -> None:
        self._clock = clock
        self._cured_by = cured_by
        self.shows: Callable[[], Frame] = live_picture
        self.frame_s = 0.1
        self.opened = 0

    def open(self) -> None:
        self.opened += 1

    def read(self) -> Frame:
        self._clock.sleep(self.frame_s)
        return replace((live_picture if self.opened > self._cured_by else self.shows)(), at_s=self._clock.now_s)

    def close(self) -> None:
        pass


def watching(cured_by: int = 1_000_000) -> tuple[ScriptedSource, FakeClock, Iterator[Frame | Fault]]:
    clock = FakeClock()
    source = ScriptedSource(clock, cured_by)
    camera = ReopeningCamera(source, monotonic=clock, sleep=clock.sleep)
    camera.open()
    return source, clock, camera.frames()


def problems(seen: list[Frame | Fault]) -> set[Problem]:
    return {fault.problem for fault in seen if isinstance(fault, Fault)}


def for_seconds(frames: Iterator[Frame | Fault], clock: FakeClock, seconds: float) -> list[Frame | Fault]:
    until_s = clock.now_s + seconds
    seen = []
    while clock.now_s < until_s:
        seen.append(next(frames))
    return seen


def test_a_frozen_picture_is_a_fault_and_the_camera_is_started_again_until_it_lives() -> None:
    source, clock, frames = watching(cured_by=3)
    source.shows = frozen_picture
    assert problems(for_seconds(frames, clock, 25)) == set(), "it may be the tray's own stillness"
    assert problems(for_seconds(frames, clock, 8)) == {Problem.CAMERA_FROZEN}
    seen = for_seconds(frames, clock, 30)
    assert source.opened == 4
    assert isinstance(seen[-1], Frame), "it lives again"
    frozen = seen[: next(i for i, one in enumerate(seen) if isinstance(one, Frame))]
    assert all(isinstance(one, Fault) for one in frozen), "no frame of the frozen picture is shown in between"


def test_a_still_tray_under_a_living_sensor_is_no_fault() -> None:
    source, clock, frames = watching()
    assert problems(for_seconds(frames, clock, 120)) == set()
    assert source.opened == 1


def test_a_dark_night_is_a_warning_and_no_fault_and_the_camera_is_left_alone_for_long() -> None:
    source, clock, frames = watching()
    source.shows = black_picture
    assert problems(for_seconds(frames, clock, 9)) == set(), "somebody switches the lamp on"
    source.frame_s = 5.0
    night = for_seconds(frames, clock, 8 * 3600)
    assert problems(night) == {Problem.CAMERA_BLACK}, "not frozen, though all its pictures are alike"
    assert 40 <= source.opened <= 50, "every ten minutes, in case the sensor hangs black"
    source.shows = live_picture
    assert isinstance(list(islice(frames, 3))[-1], Frame), "daylight"


@pytest.mark.parametrize("level", [30, 90])
def test_a_dim_or_textured_picture_is_not_black(level: int) -> None:
    source, clock, frames = watching()
    source.shows = lambda: live_picture(level)
    assert problems(for_seconds(frames, clock, 60)) == set()


def test_a_black_sensor_that_a_restart_cures() -> None:
    source, clock, frames = watching(cured_by=1)
    source.shows, source.frame_s = black_picture, 1.0
    for_seconds(frames, clock, 700)
    assert source.opened == 2
    assert isinstance(next(frames), Frame)


def states_of(faults: list[Fault], frames_after: int = 1) -> list[BinState]:
    seen: list[Frame | Fault] = [blank_frame(), *faults, *(blank_frame() for _ in range(frames_after))]
    bin_ = Bin([Phase.EMPTY] * (frames_after + 1), seen=seen)
    snapshots: list[BinState] = []

    def look() -> bool:
        snapshots.append(bin_.reporter.state)
        return False

    bin_.run(should_stop=look)
    return [*snapshots, bin_.reporter.state]


def test_the_state_tells_a_frozen_camera_as_a_fault_and_a_black_one_as_a_warning() -> None:
    frozen = states_of([Fault("camera", "same picture", Problem.CAMERA_FROZEN)])
    assert any(state.state == "fault" and state.faults[0].problem == "camera_frozen" for state in frozen)
    black = states_of([Fault("camera", "black", Problem.CAMERA_BLACK)])
    assert any(state.warnings and state.warnings[0].problem == "camera_black" for state in black)
    assert not any(state.faults for state in black)
    assert not frozen[-1].faults
    assert not black[-1].warnings, "a frame heals both"


def test_votes_from_before_the_camera_was_lost_do_not_count_for_what_lies_there_after() -> None:
    gone = Fault("camera", "unplugged", Problem.CAMERA_LOST)
    clock = FakeClock(step_s=0.001)

    def seen() -> Iterator[Frame | Fault]:
        yield from (blank_frame(i / 10, f"before{i}") for i in range(3))
        clock.sleep(60)
        yield gone
        yield from (blank_frame(60 + i / 10) for i in range(4))

    bin_ = Bin([Phase.EMPTY, Phase.SETTLED, Phase.SETTLED, *ITEM[2:]], seen=seen(), clock=clock)
    (event,) = bin_.run()
    assert event.votes == 3
    assert event.timing_ms.total < 10_000, "of the second item, too"
    assert len(bin_.asked.shapes) == 5, "two of the first item, three of the second"


def test_a_camera_that_disappears_and_returns_goes_on_where_it_was() -> None:
    clock = FakeClock()

    class Unplugged(ScriptedSource):
        def read(self) -> Frame:
            if 5 < clock.now_s < 60:
                raise CameraError("unplugged")
            return super().read()

        def open(self) -> None:
            super().open()
            if 5 < clock.now_s < 60:
                raise CameraError("not there")

    camera = ReopeningCamera(Unplugged(clock), monotonic=clock, sleep=clock.sleep)
    camera.open()
    signals = [*[Phase.EMPTY] * 60, *ITEM]
    bin_ = Bin(signals, camera=camera, clock=clock)
    (event,) = bin_.run(should_stop=lambda: clock.now_s > 70)
    assert event.outcome == "sorted"
    assert not bin_.reporter.state.faults
    assert any(state.faults and state.faults[0].problem == "camera_lost" for state in bin_.states)
