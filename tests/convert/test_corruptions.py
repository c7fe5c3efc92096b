"""What goes wrong with pictures."""

from __future__ import annotations

import numpy as np
import pytest

from convert.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from edge.model import Pixels


@pytest.fixture(scope="module")
def rgb() -> Pixels:
    """Soft blobs in middle colours: nothing that a stronger corruption could only push against black or white."""
    rows, columns = np.mgrid[0:96, 0:128]
    waves = [np.sin(rows / 9 + phase) * np.cos(columns / 7 - phase) for phase in range(3)]
    return np.asarray(128 + 60 * np.stack(waves, axis=-1), dtype=np.uint8)


def _damage(rgb: Pixels, name: str, strength: int, seed: int = 1) -> float:
    corrupted = corrupt(rgb, name, strength, (seed, 0))
    assert corrupted.shape == rgb.shape
    assert corrupted.dtype == np.uint8
    return float(abs(corrupted.astype(float) - rgb).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_stronger_one_does_more(name: str, rgb: Pixels) -> None:
    before = rgb.copy()
    damage = [_damage(rgb, name, strength) for strength in STRENGTHS]
    assert damage == sorted(damage)
    assert damage[0] > 0.3
    assert damage[-1] > 1.5 * damage[0]
    assert (rgb == before).all(), "the picture itself stays as it was"


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_gives_the_same_picture(name: str, rgb: Pixels) -> None:
    first, second = (corrupt(rgb, name, 3, (7, 4)) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("name", ["noise", "colour cast", "occlusion"])
def test_pictures_are_corrupted_each_in_its_own_way(name: str, rgb: Pixels) -> None:
    assert (corrupt(rgb, name, 3, (7, 0)) != corrupt(rgb, name, 3, (7, 1))).any()


def test_it_gets_darker_as_often_as_brighter(rgb: Pixels) -> None:
    shifts = [corrupt(rgb, "brightness", 2, (0, i)).mean() - rgb.mean() for i in range(200)]
    assert 70 < sum(shift > 0 for shift in shifts) < 130


@pytest.mark.parametrize(("strength", "area"), [(1, 0.05), (5, 0.3)])
def test_the_covered_share(strength: int, area: float, rgb: Pixels) -> None:
    for i in range(20):
        changed = (corrupt(rgb, "occlusion", strength, (0, i)) != rgb).any(axis=2)
        assert changed.mean() == pytest.approx(area, rel=0.12)


def test_a_cast_keeps_the_brightness_of_the_channels_together(rgb: Pixels) -> None:
    grey = np.full_like(rgb, 100)
    gains = corrupt(grey, "colour cast", 3, (0, 0)).reshape(-1, 3).mean(axis=0) / 100
    assert np.log(gains).sum() == pytest.approx(0, abs=0.03)
    assert np.linalg.norm(np.log(gains)) == pytest.approx(0.3, abs=0.03)


def test_blur_is_meant_for_pictures_of_224_px(rgb: Pixels) -> None:
    large = np.zeros((448, 448, 3), np.uint8)
    large[224, 224] = 255
    small = np.zeros((224, 224, 3), np.uint8)
    small[112, 112] = 255
    wide, narrow = ((corrupt(p, "blur", 1, (0,)) > 0).any(axis=2).any(axis=0).sum() for p in (large, small))
    assert wide == pytest.approx(2 * narrow, abs=2)
