"""A tray under a camera, made up: what the presence tests look at. Values are luma 0..255 at 160 x 120."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model import Box, Phase, Pixels, Signal
from edge.presence import PresenceState, Settings, start, step

Scene = NDArray[np.float32]

HEIGHT, WIDTH = 120, 160


def tray(level: float = 130.0, seed: int = 7) -> Scene:
    """Grey sheet metal: a rim, a seam, screws, scratches, and darker towards the corners."""
    random = np.random.default_rng(seed)
    scene = np.full((HEIGHT, WIDTH), level, np.float32)
    cv2.rectangle(scene, (0, 0), (WIDTH - 1, HEIGHT - 1), level * 0.55, 5)
    cv2.line(scene, (80, 0), (80, HEIGHT), level * 0.8, 1)
    for x, y in ((12, 12), (147, 12), (12, 107), (147, 107)):
        cv2.circle(scene, (x, y), 3, level * 0.3, -1)
    for _ in range(12):
        x, y = (int(v) for v in random.integers(0, (WIDTH, HEIGHT)))
        dx, dy = (int(v) for v in random.integers(-25, 25, 2))
        cv2.line(scene, (x, y), (x + dx, y + dy), level * 1.06, 1)
    soft = cv2.GaussianBlur(scene, (3, 3), 0)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    return np.asarray(soft * (1 - 0.12 * (x**2 + y**2)), dtype=np.float32)


def with_item(scene: Scene, box: tuple[int, int, int, int], tone: float = 0.45, angle: float = 20.0) -> Scene:
    """A card of `tone` times the tray's brightness with print on it and a soft shadow; box left, top, width, height."""
    left, top, width, height = box
    mask = np.zeros_like(scene)
    mask[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = 1
    shadow = cv2.GaussianBlur(np.roll(mask, (2, 2), (0, 1)), (9, 9), 0) * (1 - mask)
    shaded = scene * (1 - 0.15 * shadow)
    print_ = 1 + 0.25 * np.sin(np.arange(WIDTH, dtype=np.float32) * angle / 20)
    item = float(np.median(scene)) * tone * print_[None, :]
    cover = cv2.GaussianBlur(mask, (3, 3), 0)
    return np.asarray(shaded * (1 - cover) + item * cover, dtype=np.float32)


def with_glass(scene: Scene, centre: tuple[int, int] = (90, 60), radius: int = 22) -> Scene:
    """A clear tumbler from above: rim and foot as thin rings, a highlight, hardly any tone of its own."""
    glass = np.ones_like(scene)
    cv2.circle(glass, centre, radius, 0.82, 1)
    cv2.circle(glass, centre, radius - 6, 1.12, 1)
    cv2.ellipse(glass, centre, (radius - 3, radius - 3), 0, 200, 240, 1.7, 2)
    return np.asarray(scene * cv2.GaussianBlur(glass, (3, 3), 0), dtype=np.float32)


def with_hand(scene: Scene, reach: int) -> Scene:
    """An arm from above, `reach` pixels into the picture, with its shadow."""
    arm = np.zeros_like(scene)
    cv2.rectangle(arm, (60, 0), (95, max(0, reach - 15)), 1, -1)
    if reach > 0:
        cv2.circle(arm, (78, reach - 15), 22, 1, -1)
    shadow = cv2.GaussianBlur(np.roll(arm, 6, 1), (21, 21), 0)
    cover = cv2.GaussianBlur(arm, (5, 5), 0)
    return np.asarray(scene * (1 - 0.3 * shadow) * (1 - cover) + 165 * cover, dtype=np.float32)


def lit(scene: Scene, gain: float = 1.0, slope: float = 0.0, glow: float = 0.0, black: float = 0.0) -> Scene:
    """The light times `gain`, more of it on the right by `slope`, a soft patch by `glow`, and `black` everywhere."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    patch = np.exp(-((x - 0.3) ** 2 + (y + 0.2) ** 2) / 0.5)
    return np.asarray(scene * gain * (1 + slope * x) * (1 + glow * patch) + black, dtype=np.float32)


class Sensor:
    """Adds noise and makes bytes. noise: standard deviation at mid-grey; half of it comes with the light."""

    def __init__(self, noise: float = 2.0, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._noise = noise

    def __call__(self, scene: Scene) -> Pixels:
        deviation = self._noise * (0.5 + 0.5 * np.sqrt(np.clip(scene, 0, 255) / 128))
        return np.clip(scene + self._random.normal(0, 1, scene.shape) * deviation, 0, 255).astype(np.uint8)


class Watcher:
    """Runs step() and remembers what it said."""

    def __init__(self, settings: Settings | None = None, noise: float = 2.0) -> None:
        self.settings = settings or Settings()
        self.state: PresenceState = start(self.settings)
        self.signals: list[Signal] = []
        self.sensor = Sensor(noise)

    def see(self, scenes: Iterable[Scene]) -> list[Phase]:
        """Show some scenes; what was said of each."""
        said = []
        for scene in scenes:
            self.state, signal = step(self.state, self.sensor(scene), self.settings)
            self.signals.append(signal)
            said.append(signal.phase)
        return said

    @property
    def last(self) -> Signal:
        return self.signals[-1]


def put(empty: Scene, occupied: Scene) -> list[Scene]:
    """A hand comes with the item, lets it lie and goes."""
    coming = [with_hand(empty, reach) for reach in (20, 45, 75)]
    return [*coming, *(with_hand(occupied, reach) for reach in (70, 45, 20))]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (one.width * one.height + other.width * other.height - shared)
