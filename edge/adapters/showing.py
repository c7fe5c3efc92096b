"""A folder of pictures, shown one after the other as a camera above the tray would see them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Protocol, TypeAlias

import cv2
import numpy as np

from edge.errors import CameraError, ImageError
from edge.images import SUFFIXES, read_image
from edge.model import Pixels
from edge.preprocess import fit

Shown: TypeAlias = tuple[Pixels, str | None]

_TRAY_LEVEL, _TRAY_NOISE = 128, 2.0
_TRAYS = 3  # different noise from frame to frame, at the price of a copy
_ITEM_SHARE = 0.7  # of the frame's height
_SHADOW = 0.35
_FALL_SHARE = 0.5  # of the frame's height: how far above its place an item is first seen

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeline:
    """How many frames of each kind an item takes.

    lying has to be enough to settle and to vote with a few to spare, and not many more: the item must be gone soon
    after the flap has moved, or it counts as jammed.
    """

    empty: int = 8
    arriving: int = 3
    lying: int = 10


class _Stage(Protocol):
    def empty(self) -> Pixels: ...

    def place(self, picture: Pixels) -> Callable[[float], Pixels]: ...


def pictures_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The items and the pictures of the empty tray (`empty*` at the top), each sorted. Raises CameraError."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    trays = [path for path in found if path.parent == folder and path.name.lower().startswith("empty")]
    items = [path for path in found if path not in set(trays)]
    if not items:
        raise CameraError(f"No pictures of items in {folder}: put images ({', '.join(sorted(SUFFIXES))}) there.")
    return items, trays


class Show:
    """Shows a folder again and again; a picture that cannot be read is reported once and then left out."""

    def __init__(self, folder: Path, size: tuple[int, int], timeline: Timeline) -> None:
        self._folder = folder
        self._timeline = timeline
        self._items, trays = pictures_in(folder)
        self._stage: _Stage = _PhotoStage(_photos(trays), size) if trays else _GreyStage(size)

    def once(self) -> Iterator[Shown]:
        """Every item once, each after some empty frames, and empty ones at the end. Raises CameraError without any."""
        for path in list(self._items):
            picture = self._read(path)
            if picture is not None:
                yield from self._present(picture, path.relative_to(self._folder).as_posix())
        if not self._items:
            raise CameraError(f"None of the pictures in {self._folder} can be read: see the messages above.")
        yield from self._empty()

    def _read(self, path: Path) -> Pixels | None:
        try:
            return read_image(path)
        except ImageError as error:
            log.warning("Left out of the replay: %s", error)
            self._items.remove(path)
            return None

    def _empty(self) -> Iterator[Shown]:
        for _ in range(self._timeline.empty):
            yield self._stage.empty(), None

    def _present(self, picture: Pixels, source: str) -> Iterator[Shown]:
        yield from self._empty()
        seen_from_above = self._stage.place(picture)
        for frame in range(self._timeline.arriving):
            yield seen_from_above(_FALL_SHARE * (1 - frame / self._timeline.arriving)), source
        for _ in range(self._timeline.lying):
            yield seen_from_above(0.0), source


class _GreyStage:
    """A plain grey tray with a little noise; the picture lies on it with a soft shadow."""

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        noise = np.random.default_rng(0)
        grey = noise.normal(_TRAY_LEVEL, _TRAY_NOISE, (_TRAYS, height, width, 1)).clip(0, 255).astype(np.uint8)
        self._trays = [np.repeat(tray, 3, axis=2) for tray in grey]
        self._next = cycle(range(_TRAYS))

    def empty(self) -> Pixels:
        return self._trays[next(self._next)].copy()

    def place(self, picture: Pixels) -> Callable[[float], Pixels]:
        height, width = self._trays[0].shape[:2]
        scale = min(_ITEM_SHARE * height / picture.shape[0], 0.9 * width / picture.shape[1])
        item = fit(picture, max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale)))
        left, top = (width - item.shape[1]) // 2, (height - item.shape[0]) // 2
        shade = _shade(item.shape[:2], (left, top), (height, width))

        def seen(above: float) -> Pixels:
            lift = min(round(above * height), top + item.shape[0] - 1)
            scene = _under(_moved_up(shade, lift), self.empty())
            cut_off = max(0, lift - top)
            scene[top + cut_off - lift : top + item.shape[0] - lift, left : left + item.shape[1]] = item[cut_off:]
            return scene

        return seen


class _PhotoStage:
    """Photos of one real tray, empty and with items: each is shown whole."""

    def __init__(self, trays: list[Pixels], size: tuple[int, int]) -> None:
        self._size = size
        self._trays = [_fill(tray, size) for tray in trays]
        self._next = cycle(self._trays)

    def empty(self) -> Pixels:
        return next(self._next).copy()

    def place(self, picture: Pixels) -> Callable[[float], Pixels]:
        photo = _fill(picture, self._size)

        def seen(above: float) -> Pixels:
            scene, lift = self.empty(), round(above * photo.shape[0])
            scene[: photo.shape[0] - lift] = photo[lift:]
            return scene

        return seen


def _photos(trays: list[Path]) -> list[Pixels]:
    try:
        return [read_image(tray) for tray in trays]
    except ImageError as error:
        raise CameraError(f"A picture of the empty tray cannot be used: {error}") from error


def _shade(item: tuple[int, ...], corner: tuple[int, int], frame: tuple[int, int]) -> Pixels:
    """uint8 (height, width): how much light, of 255, the item leaves on the tray around it."""
    (left, top), offset = corner, max(2, frame[0] // 60)
    light = np.full(frame, 255, np.uint8)
    light[top + offset : top + item[0] + offset, left + offset : left + item[1] + offset] = round(255 * (1 - _SHADOW))
    return np.asarray(cv2.blur(light, (4 * offset + 1, 4 * offset + 1)), dtype=np.uint8)


def _moved_up(shade: Pixels, rows: int) -> Pixels:
    moved = np.full_like(shade, 255)
    moved[: shade.shape[0] - rows] = shade[rows:]
    return moved


def _under(shade: Pixels, tray: Pixels) -> Pixels:
    return np.asarray(cv2.multiply(tray, cv2.merge([shade] * 3), scale=1 / 255), dtype=np.uint8)


def _fill(photo: Pixels, size: tuple[int, int]) -> Pixels:
    """The photo scaled to cover width x height, its middle kept."""
    width, height = size
    scale = max(width / photo.shape[1], height / photo.shape[0])
    rows, columns = min(photo.shape[0], round(height / scale)), min(photo.shape[1], round(width / scale))
    top, left = (photo.shape[0] - rows) // 2, (photo.shape[1] - columns) // 2
    return fit(photo[top : top + rows, left : left + columns], height, width)
