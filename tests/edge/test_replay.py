"""The replay of folders and videos."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.adapters.replay import ReplayCamera
from edge.adapters.showing import Timeline
from edge.errors import CameraError
from edge.model import Box, Frame, Phase, Pixels
from edge.presence import Settings, VisionTrigger
from edge.testing import FakeClock


def save(path: Path, colour: tuple[int, int, int] = (40, 90, 200), size: tuple[int, int] = (90, 60)) -> Path:
    """A plain picture, RGB; size is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = np.full((size[1], size[0], 3), colour[::-1], np.uint8)
    assert cv2.imwrite(str(path), bgr)
    return path


def save_video(path: Path, frames: int = 12, fps: float = 20.0) -> Path:
    """Frame k is evenly grey 10 + 20 k, but for a red stripe at the left."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (160, 120))
    for k in range(frames):
        bgr = np.full((120, 160, 3), 10 + 20 * k, np.uint8)
        bgr[:, :40] = (0, 0, 255)
        writer.write(bgr)
    writer.release()
    return path


def shown(path: Path, **options: object) -> list[Frame]:
    """Everything a fast replay shows."""
    camera = ReplayCamera(path, pace="fast", **options)  # type: ignore[arg-type] # passed through as written
    camera.open()
    frames = [frame for frame in camera.frames() if isinstance(frame, Frame)]
    camera.close()
    return frames


def test_each_item_comes_lies_and_goes(tmp_path: Path) -> None:
    save(tmp_path / "b.png")
    save(tmp_path / "a.png")
    frames = shown(tmp_path, timeline=Timeline(empty=4, arriving=2, lying=5))
    runs = [(source, len(list(run))) for source, run in groupby(frame.source for frame in frames)]
    assert runs == [(None, 4), ("a.png", 7), (None, 4), ("b.png", 7), (None, 4)]
    assert all(frame.rgb.shape == (480, 640, 3) and frame.luma.shape == (120, 160) for frame in frames)


def test_class_folders_are_walked_in_order_and_named_relative_to_the_folder(tmp_path: Path) -> None:
    for name in ("paper/2.png", "glass/1.png", "glass/deep/0.png", "top.png"):
        save(tmp_path / name)
    sources = dict.fromkeys(frame.source for frame in shown(tmp_path, size=(160, 120)) if frame.source)
    assert list(sources) == ["glass/1.png", "glass/deep/0.png", "paper/2.png", "top.png"]


def test_the_picture_lies_in_the_middle_in_its_own_colours(tmp_path: Path) -> None:
    save(tmp_path / "blue.png", (40, 90, 200), (60, 90))
    lying = shown(tmp_path)[-9]
    assert lying.source == "blue.png"
    assert lying.rgb[240, 320].tolist() == [40, 90, 200]
    columns = np.flatnonzero((lying.rgb[240] == [40, 90, 200]).all(axis=1))
    rows = np.flatnonzero((lying.rgb[:, 320] == [40, 90, 200]).all(axis=1))
    assert rows.size == pytest.approx(0.7 * 480, abs=2)
    assert columns.size == pytest.approx(rows.size * 60 / 90, abs=2)
    assert abs(int(lying.rgb[20, 20, 0]) - 128) < 10


def test_the_shadow_falls_beside_the_item(tmp_path: Path) -> None:
    save(tmp_path / "item.png", size=(60, 60))
    lying = shown(tmp_path)[-9]
    beside = lying.rgb[240, 320 + 168 + 4 : 320 + 168 + 10].mean()
    assert beside < 115


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1280, 720), (240, 320)], ids=str)
def test_any_shape_of_picture_fits_any_frame(tmp_path: Path, size: tuple[int, int]) -> None:
    save(tmp_path / "long.png", size=(900, 10))
    save(tmp_path / "tall.png", size=(3, 700))
    save(tmp_path / "tiny.png", size=(1, 1))
    assert {frame.rgb.shape for frame in shown(tmp_path, size=size)} == {(size[1], size[0], 3)}


def test_photos_of_one_tray_are_shown_whole(tmp_path: Path) -> None:
    save(tmp_path / "empty_1.jpg", (100, 100, 100), (320, 240))
    save(tmp_path / "Empty-2.png", (110, 110, 110), (320, 240))
    save(tmp_path / "can.png", (200, 30, 30), (320, 240))
    frames = shown(tmp_path)
    empty = [frame for frame in frames if frame.source is None]
    lying = [frame for frame in frames if frame.source][-5:]
    assert {int(frame.rgb[0, 0, 0]) for frame in empty} == {100, 110}
    assert all((frame.rgb == [200, 30, 30]).all() for frame in lying)
    arriving = next(frame for frame in frames if frame.source)
    assert arriving.rgb[0, 0].tolist() == [200, 30, 30]
    assert arriving.rgb[-1, 0, 0] in (100, 110)


def test_time_is_counted_in_frames_when_fast(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    frames = shown(tmp_path, fps=5.0)
    assert [frame.at_s for frame in frames[:4]] == [0.0, 0.2, 0.4, 0.6]


def test_two_fast_replays_are_equal(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    for one, other in zip(shown(tmp_path), shown(tmp_path), strict=True):
        assert np.array_equal(one.rgb, other.rgb)
        assert (one.at_s, one.source) == (other.at_s, other.source)


def test_real_pace_keeps_to_the_clock_and_leaves_nothing_out_after_a_pause(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    clock = FakeClock()
    camera = ReplayCamera(tmp_path, fps=10.0, monotonic=clock, sleep=clock.sleep)
    camera.open()
    times = []
    for number, frame in enumerate(camera.frames()):
        assert isinstance(frame, Frame)
        times.append(frame.at_s)
        clock.sleep(0.02 if number != 9 else 1.0)  # the flap moves
    assert len(times) == 8 + 3 + 10 + 8
    steps = np.diff(times)
    assert steps[9] == pytest.approx(1.0)
    assert np.delete(steps, 9) == pytest.approx(0.1)


def test_the_roi_is_cut(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    frame = shown(tmp_path, roi=Box(0.25, 0.5, 0.5, 0.5))[0]
    assert frame.rgb.shape == (240, 320, 3)
    assert frame.luma.shape == (120, 160)


def test_it_loops_until_closed(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    camera = ReplayCamera(tmp_path, pace="fast", loop=True, size=(64, 48))
    camera.open()
    sources = Counter(frame.source for frame in islice(camera.frames(), 29 * 3) if isinstance(frame, Frame))
    assert sources["a.png"] == 3 * 13
    frames = camera.frames()
    next(frames)
    camera.close()
    assert len(list(frames)) < 29


def test_an_unreadable_picture_is_reported_once_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path / "good.png")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    (tmp_path / "nothing.png").touch()
    camera = ReplayCamera(tmp_path, pace="fast", loop=True, size=(64, 48))
    camera.open()
    with caplog.at_level(logging.WARNING):
        sources = {frame.source for frame in islice(camera.frames(), 100) if isinstance(frame, Frame)}
    assert sources == {None, "good.png"}
    assert len(caplog.records) == 2
    assert all("Left out of the replay" in record.message for record in caplog.records)
    assert "cut.jpg" in caplog.text


def test_when_no_picture_can_be_read_the_replay_fails(tmp_path: Path) -> None:
    (tmp_path / "nothing.png").touch()
    camera = ReplayCamera(tmp_path, pace="fast", loop=True)
    camera.open()
    with pytest.raises(CameraError, match="None of the pictures"):
        list(camera.frames())


def no_such_path(folder: Path) -> Path:
    return folder / "missing"


def no_pictures(folder: Path) -> Path:
    (folder / "notes.txt").write_text("nothing to see")
    return folder


def only_an_empty_tray(folder: Path) -> Path:
    save(folder / "empty.png")
    return folder


def a_broken_tray(folder: Path) -> Path:
    save(folder / "item.png")
    (folder / "empty.png").touch()
    return folder


def no_video(folder: Path) -> Path:
    (folder / "film.mp4").write_text("not a film")
    return folder / "film.mp4"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_such_path, r"does not exist: check \[camera\] path"),
        (no_pictures, "No pictures of items in"),
        (only_an_empty_tray, "No pictures of items in"),
        (a_broken_tray, "empty tray cannot be used: .*empty.png: empty"),
        (no_video, "film.mp4 is not a video"),
    ],
)
def test_what_cannot_be_shown_is_said_at_open(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(CameraError, match=message):
        ReplayCamera(make(tmp_path)).open()


def test_frames_of_a_closed_replay_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="not opened"):
        next(ReplayCamera(tmp_path).frames())


def test_a_video_is_shown_frame_by_frame_in_its_own_time(tmp_path: Path) -> None:
    frames = shown(save_video(tmp_path / "film.avi"))
    assert [frame.source for frame in frames] == ["film.avi"] * 12
    assert [frame.at_s for frame in frames] == pytest.approx([k / 20 for k in range(12)])
    assert [int(frame.rgb[60, 100, 0]) for frame in frames] == pytest.approx([10 + 20 * k for k in range(12)], abs=3)
    red, _, blue = (int(value) for value in frames[0].rgb[60, 10])
    assert red > 200
    assert blue < 50


def test_a_video_can_loop(tmp_path: Path) -> None:
    camera = ReplayCamera(save_video(tmp_path / "film.avi"), pace="fast", loop=True)
    camera.open()
    frames = [frame for frame in islice(camera.frames(), 30) if isinstance(frame, Frame)]
    assert len(frames) == 30
    assert abs(int(frames[0].rgb[60, 100, 0]) - int(frames[12].rgb[60, 100, 0])) < 3
    assert frames[-1].at_s == pytest.approx(29 / 20)


def fires_of(folder: Path) -> Counter[str]:
    """How often the trigger fires on each item."""
    trigger, armed, fires = VisionTrigger(Settings()), False, Counter[str]()
    for frame in shown(folder):
        phase = trigger.observe(frame).phase
        if phase is Phase.SETTLED and armed:
            fires[str(frame.source)] += 1
        armed = (armed or phase is Phase.EMPTY) and phase is not Phase.SETTLED
    return fires


def test_the_trigger_fires_once_an_item(tmp_path: Path) -> None:
    colours: Iterator[tuple[int, int, int]] = iter([(30, 30, 30), (250, 250, 250), (128, 128, 150), (200, 60, 60)])
    for number, colour in enumerate(colours):
        save(tmp_path / f"{number}.png", colour, (60 + 20 * number, 70))
    assert fires_of(tmp_path) == {f"{number}.png": 1 for number in range(4)}


@pytest.mark.data
def test_the_trigger_fires_once_for_each_real_picture(tmp_path: Path, data_dir: Path) -> None:
    files = sorted((data_dir / "garbage10").rglob("*.avif"))
    for path in random.Random(5).sample(files, 40):
        (tmp_path / path.name).symlink_to(path)
    fires = fires_of(tmp_path)
    assert len(fires) == 40
    assert set(fires.values()) == {1}


def test_luma_is_that_of_the_frame(tmp_path: Path) -> None:
    save(tmp_path / "dark.png", (10, 10, 10), (60, 60))
    lying = shown(tmp_path)[-9]
    middle: Pixels = lying.luma[50:70, 70:90]
    assert middle.max() <= 12
