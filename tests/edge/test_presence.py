"""The trigger on made-up trays, and on real pictures laid on them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pytest
from trayscene import HEIGHT, WIDTH, Scene, Watcher, lit, overlap, put, tray, with_glass, with_hand, with_item

from edge.images import read_image
from edge.model import Box, Frame, Phase, Pixels
from edge.presence import Settings, VisionTrigger, start, step

L, E, M, S = Phase.LEARNING, Phase.EMPTY, Phase.MOVING, Phase.SETTLED

TRAY = tray()
BOX = (60, 40, 40, 30)
ITEM = with_item(TRAY, BOX)


def fraction(left: int, top: int, width: int, height: int) -> Box:
    """Pixels of the scene as a Box."""
    return Box(left / WIDTH, top / HEIGHT, width / WIDTH, height / HEIGHT)


def episodes(phases: Sequence[Phase]) -> list[Phase]:
    """The phases without their repetitions."""
    return [phase for phase, _ in groupby(phases)]


def watching(scene: Scene = TRAY, settings: Settings | None = None, noise: float = 2.0) -> Watcher:
    """A watcher that knows the empty tray."""
    watcher = Watcher(settings, noise)
    assert watcher.see([scene] * 10)[-1] is E
    return watcher


def test_an_item_goes_from_learning_to_settled_and_back_to_empty() -> None:
    watcher = Watcher()
    said = watcher.see([*[TRAY] * 10, *put(TRAY, ITEM), *[ITEM] * 8, *[TRAY] * 4])
    assert episodes(said) == [L, E, M, S, E]
    settled = [signal for signal in watcher.signals if signal.phase is S]
    assert all(signal.box is not None and overlap(signal.box, fraction(*BOX)) > 0.85 for signal in settled)
    assert settled[0].change == pytest.approx(40 * 30 / (WIDTH * HEIGHT), rel=0.3)
    assert all((signal.box is None) == (signal.phase is not S) for signal in watcher.signals)


@pytest.mark.parametrize("settle_frames", [1, 3, 6])
def test_it_fires_from_the_frame_in_which_the_item_has_lain_still_long_enough(settle_frames: int) -> None:
    watcher = watching(settings=Settings(settle_frames=settle_frames))
    assert watcher.see([ITEM] * 8) == [M] * (settle_frames - 1) + [S] * (9 - settle_frames)


def test_a_creeping_item_is_not_still() -> None:
    watcher = watching()
    assert set(watcher.see([with_item(TRAY, (40 + k, 40, 40, 30)) for k in range(12)])) == {M}
    assert watcher.see([with_item(TRAY, (51, 40, 40, 30))] * 4)[-1] is S


def test_a_hand_beside_a_lying_item_is_movement() -> None:
    watcher = watching()
    watcher.see([ITEM] * 5)
    assert set(watcher.see([with_hand(ITEM, reach) for reach in (15, 30, 40, 25, 10)])) == {M}
    assert watcher.see([ITEM] * 4)[-1] is S


@pytest.mark.parametrize(("level", "noise"), [(200, 2), (130, 5), (60, 3), (25, 2), (15, 1.5)])
def test_sensor_noise_and_low_light(level: float, noise: float) -> None:
    dim = tray(level)
    watcher = Watcher(noise=noise)
    assert episodes(watcher.see([dim] * 60)) == [L, E]
    lying = with_item(dim, BOX)
    assert episodes(watcher.see([*put(dim, lying), *[lying] * 6, *[dim] * 4])) == [M, S, E]


@pytest.mark.parametrize(("level", "noise"), [(130, 12), (60, 6), (40, 5), (25, 4)])
def test_a_very_noisy_camera_still_learns_the_tray_and_sees_items(level: float, noise: float) -> None:
    dim = tray(level)
    watcher = Watcher(noise=noise)
    assert episodes(watcher.see([dim] * 60)) == [L, E]
    assert watcher.see([with_item(dim, BOX)] * 12)[-1] is S
    assert watcher.see([dim] * 3)[-1] is E


@pytest.mark.parametrize(
    ("box", "tone"),
    [((70, 50, 20, 6), 0.5), ((70, 50, 8, 8), 0.6), ((40, 30, 60, 50), 1.15), ((20, 15, 120, 90), 0.5)],
    ids=["battery", "button cell", "white paper", "half the tray"],
)
def test_small_pale_and_large_items(box: tuple[int, int, int, int], tone: float) -> None:
    watcher = watching()
    assert watcher.see([with_item(TRAY, box, tone)] * 5)[-1] is S
    assert watcher.last.box is not None
    assert overlap(watcher.last.box, fraction(*box)) > 0.6
    assert watcher.see([TRAY] * 2) == [E, E]


def test_an_item_at_the_border() -> None:
    watcher = watching()
    assert watcher.see([with_item(TRAY, (-10, 40, 40, 30))] * 5)[-1] is S
    assert watcher.last.box is not None
    assert watcher.last.box.x == 0
    assert overlap(watcher.last.box, fraction(0, 40, 30, 30)) > 0.8


def test_of_two_items_the_box_holds_both() -> None:
    watcher = watching()
    both = with_item(with_item(TRAY, (20, 30, 30, 20)), (110, 70, 25, 30), 1.4)
    assert watcher.see([both] * 5)[-1] is S
    assert watcher.last.box is not None
    assert overlap(watcher.last.box, fraction(20, 30, 115, 70)) > 0.85


def test_clear_glass() -> None:
    watcher = watching()
    glass = with_glass(TRAY)
    assert episodes(watcher.see([*put(TRAY, glass), *[glass] * 6, *[TRAY] * 3])) == [M, S, E]


@pytest.mark.parametrize("gain", [0.5, 0.7, 0.85, 1.2, 1.5, 1.9])
def test_a_brighter_lamp_is_no_item(gain: float) -> None:
    watcher = watching()
    assert set(watcher.see([lit(TRAY, gain)] * 15)) == {E}
    assert watcher.see([lit(ITEM, gain)] * 4)[-1] is S
    assert watcher.see([lit(TRAY, gain)] * 2) == [E, E]


@pytest.mark.parametrize("light", [{"slope": 0.5}, {"glow": 0.3}, {"glow": 1.0}, {"black": 20.0}], ids=str)
def test_a_lamp_from_the_side_is_learned_and_then_the_tray_is_empty(light: dict[str, float]) -> None:
    watcher = watching()
    said = watcher.see([lit(TRAY, **light)] * 20)
    assert episodes(said) in ([L, E], [E])
    assert said[-1] is E
    assert watcher.see([lit(ITEM, **light)] * 4)[-1] is S
    assert watcher.see([lit(TRAY, **light)] * 2) == [E, E]


def test_dusk_is_no_item_and_hides_none() -> None:
    watcher = watching()
    assert set(watcher.see([lit(TRAY, 1 + 0.6 * math.sin(k / 150)) for k in range(450)])) == {E}
    light = 1 + 0.6 * math.sin(3)
    assert watcher.see([lit(ITEM, light)] * 4)[-1] is S


@pytest.mark.parametrize("gain", [0.7, 0.85, 1.15, 1.3])
def test_the_exposure_follows_the_item(gain: float) -> None:
    watcher = watching()
    ramp = [lit(ITEM, 1 + (gain - 1) * k / 4) for k in range(5)]
    assert episodes(watcher.see([*ramp, *[lit(ITEM, gain)] * 5]))[-1] is S
    assert watcher.last.box is not None
    assert overlap(watcher.last.box, fraction(*BOX)) > 0.85
    assert set(watcher.see([lit(TRAY, gain + (1 - gain) * k / 4) for k in range(5)])) == {E}


@pytest.mark.parametrize("tone", [0.45, 1.4], ids=["dark", "bright"])
def test_an_item_learned_as_background_is_not_sorted_when_it_is_taken_away(tone: float) -> None:
    there = with_item(TRAY, BOX, tone)
    watcher = watching(there)
    said = watcher.see([TRAY] * 20)
    assert episodes(said) == [L, E]
    other = with_item(TRAY, (100, 60, 30, 30))
    assert watcher.see([other] * 4)[-1] is S
    assert watcher.see([TRAY] * 2) == [E, E]


def test_an_item_beside_one_learned_as_background_is_sorted_alone() -> None:
    watcher = watching(ITEM)
    assert watcher.see([with_item(ITEM, (110, 70, 25, 30), 1.4)] * 5)[-1] is S
    assert watcher.last.box is not None
    assert overlap(watcher.last.box, fraction(110, 70, 25, 30)) > 0.7
    assert episodes(watcher.see([TRAY] * 20)) == [L, E]  # both fell


@pytest.mark.parametrize("dark", [0.0, 4.0], ids=["black", "nearly black"])
def test_a_covered_camera_says_nothing_and_remembers_the_tray(dark: float) -> None:
    watcher = watching()
    assert set(watcher.see([np.full_like(TRAY, dark)] * 50)) == {L}
    assert watcher.see([TRAY]) == [E]


def test_a_dazzled_camera_says_nothing() -> None:
    watcher = watching()
    assert set(watcher.see([np.full_like(TRAY, 255.0)] * 5)) == {L}


@pytest.mark.parametrize("cover", [np.full_like(TRAY, 60.0), lit(np.full_like(TRAY, 30.0), slope=0.6)])
def test_a_bag_over_the_camera_is_no_item_coming_or_going(cover: Scene) -> None:
    watcher = watching()
    assert S not in watcher.see([cover] * 30)
    assert set(watcher.see([TRAY] * 5)) == {E}


def test_an_item_that_lies_there_is_never_learned_until_patience_ends() -> None:
    watcher = watching(settings=Settings(patience_frames=200))
    said = watcher.see([ITEM] * 230)
    assert set(said[2:199]) == {S}
    assert said[-1] is E
    assert episodes(watcher.see([TRAY] * 20))[-1] is E


def test_a_tray_of_another_size_is_learned_anew() -> None:
    settings = Settings()
    state = start(settings)
    small = np.full((90, 160), 120, np.uint8)
    for luma in (small, small, small, small, small, np.full((120, 160), 120, np.uint8)):
        state, signal = step(state, luma, settings)
    assert signal.phase is L


def test_step_changes_nothing_that_was_passed_in() -> None:
    watcher = watching()
    before, luma = watcher.state, watcher.sensor(ITEM)
    maps = [before.background, before.reference]
    kept = [tones.copy() for tones in maps]
    seen = luma.copy()
    first = step(before, luma, watcher.settings)
    second = step(before, luma, watcher.settings)
    assert first[1] == second[1]
    assert np.array_equal(luma, seen)
    assert all(np.array_equal(tones, copy) for tones, copy in zip(maps, kept, strict=True))


def test_less_contrast_than_asked_for_is_no_item() -> None:
    faint = with_item(TRAY, BOX, 0.9, angle=0)
    assert watching(settings=Settings(change=0.3)).see([faint] * 5)[-1] is E
    assert watching(settings=Settings(change=0.06)).see([faint] * 5)[-1] is S


def test_the_trigger_steps_with_each_frames_luma() -> None:
    trigger = VisionTrigger(Settings())
    rgb = np.zeros((480, 640, 3), np.uint8)
    watcher = Watcher()
    frames = [Frame(rgb, watcher.sensor(scene), k / 10) for k, scene in enumerate([*[TRAY] * 6, *[ITEM] * 4])]
    assert episodes([trigger.observe(frame).phase for frame in frames]) == [L, E, M, S]
    trigger.close()
    trigger.close()


@pytest.mark.data
def test_real_pictures_laid_on_noisy_trays_fire_once_each(data_dir: Path) -> None:
    """59 of 60 at least must fire exactly once, in a box that overlaps the true one by more than 0.7."""
    files = sorted((data_dir / "garbage10").rglob("*.avif"))
    right = [_fires_once_in_place(path, seed) for seed, path in enumerate(random.Random(3).sample(files, 60))]
    assert sum(right) >= 59


def _fires_once_in_place(path: Path, seed: int) -> bool:
    chance = random.Random(seed)
    empty = tray(chance.uniform(80, 190), seed)
    occupied, truth = _laid_down(read_image(path), empty, chance)
    watcher = Watcher(noise=chance.uniform(1, 3))
    gain = chance.uniform(0.85, 1.15)
    hand = put(empty, occupied)
    said = watcher.see([*[empty] * 8, *hand, *[lit(occupied, gain)] * 10, *[lit(empty, gain)] * 5])
    box = next((signal.box for signal in reversed(watcher.signals) if signal.box), None)
    once = [phase for phase in episodes(said) if phase in (S, E)] == [E, S, E]
    return once and box is not None and overlap(box, truth) > 0.7


def _laid_down(picture: Pixels, empty: Scene, chance: random.Random) -> tuple[Scene, Box]:
    scale = chance.uniform(25, 75) / max(picture.shape[:2])
    height, width = (max(4, round(side * scale)) for side in picture.shape[:2])
    luma = cv2.cvtColor(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    left, top = chance.randint(6, WIDTH - width - 6), chance.randint(6, HEIGHT - height - 6)
    occupied = empty.copy()
    occupied[top : top + height, left : left + width] = luma
    return occupied, fraction(left, top, width, height)
