"""Light and camera: the shape stays, nothing happens unless asked, and each change does what its name says."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from madeup import picture

from convert.light import UNCHANGED, Light, relight

RGB = picture((90, 120, 60), np.random.default_rng(0), 96, 96)


@pytest.mark.parametrize("name", [field.name for field in fields(Light) if field.name != "grain"])
def test_each_change_alone_keeps_the_shape_and_changes_the_picture(name: str) -> None:
    view = relight(RGB, replace(UNCHANGED, **{name: 1.0}), np.random.default_rng(1))
    assert view.shape == RGB.shape
    assert view.dtype == np.uint8
    assert not np.array_equal(view, RGB)


def test_without_any_the_picture_stays() -> None:
    assert np.array_equal(relight(RGB, UNCHANGED, np.random.default_rng(2)), RGB)


def test_dusk_is_darker_and_glare_brighter() -> None:
    random = np.random.default_rng(3)
    assert relight(RGB, replace(UNCHANGED, dusk=1.0), random).mean() < 0.8 * RGB.mean()
    assert relight(RGB, replace(UNCHANGED, glare=1.0), random).mean() > RGB.mean()


def test_noise_is_as_strong_as_grain_allows() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)

    def deviations(grain: float) -> list[float]:
        settings = replace(UNCHANGED, noise=1.0, grain=grain)
        return [float(relight(grey, settings, np.random.default_rng(seed)).std()) for seed in range(40)]

    assert deviations(6.0) == pytest.approx([6.0] * 40, rel=0.1)
    assert 5 < min(deviations(40.0)) < 12, "noise is faint now and then too"
    assert 30 < max(deviations(40.0)) < 41


def test_the_same_randomness_gives_the_same_picture() -> None:
    first, second = (relight(RGB, Light(), np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, second)
