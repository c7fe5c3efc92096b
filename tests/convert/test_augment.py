"""Augmentation: the right shape, repeatable, never the same twice, and still the picture."""

from __future__ import annotations

import numpy as np
import pytest
from madeup import picture

from convert.augment import Augment, augment, empty_tray
from convert.light import UNCHANGED
from edge.preprocess import fit

PLAIN = Augment(min_area=1.0, aspect=1.0, quarter_turns=0, tilt_degrees=0, tray=0, lay=0, light=UNCHANGED)


@pytest.mark.parametrize("shape", [(60, 80), (1, 1), (3, 200), (256, 170), (900, 1200)])
def test_any_shape_becomes_a_square(shape: tuple[int, int]) -> None:
    rgb = picture((90, 120, 60), np.random.default_rng(0), *shape)
    for seed in range(30):
        view = augment(rgb, 64, Augment(), np.random.default_rng(seed))
        assert view.shape == (64, 64, 3)
        assert view.dtype == np.uint8


def test_the_same_randomness_gives_the_same_view_and_leaves_the_picture_alone() -> None:
    rgb = picture((90, 120, 60), np.random.default_rng(0))
    before = rgb.copy()
    first = augment(rgb, 48, Augment(), np.random.default_rng(5))
    assert np.array_equal(first, augment(rgb, 48, Augment(), np.random.default_rng(5)))
    assert not np.array_equal(first, augment(rgb, 48, Augment(), np.random.default_rng(6)))
    assert np.array_equal(rgb, before)


def test_without_any_change_it_is_the_picture_or_its_mirror_image() -> None:
    rgb = picture((90, 120, 60), np.random.default_rng(0), 128, 128)
    view = augment(rgb, 64, PLAIN, np.random.default_rng(1)).astype(int)
    straight = fit(rgb, 64, 64).astype(int)
    difference = min(abs(view - straight).mean(), abs(view - straight[:, ::-1]).mean())
    assert difference < 4


def test_a_tray_shows_around_the_picture() -> None:
    settings = Augment(tray=1.0, lay=0, quarter_turns=0, tilt_degrees=0, light=UNCHANGED)
    rgb = np.tile(np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8), (100, 50, 1))
    for seed in range(20):
        view = augment(rgb, 64, settings, np.random.default_rng(seed))
        edge = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
        # A plain ground: one colour makes up at least the two sides of it that show.
        assert np.unique(edge, axis=0, return_counts=True)[1].max() >= 64


def test_an_item_on_a_plain_ground_is_laid_on_another_tray() -> None:
    rgb = np.full((120, 160, 3), 250, np.uint8)
    rgb[40:80, 50:110] = (200, 20, 20)
    settings = Augment(lay=1.0, light=UNCHANGED)
    for seed in range(20):
        view = augment(rgb, 96, settings, np.random.default_rng(seed)).astype(int)
        red = (view[..., 0] - view[..., 1] > 100) & (view[..., 2] < 80)
        assert 0.04 < red.mean() < 0.9
        assert len(np.unique(view[~red], axis=0)) > 50, "the ground is a texture, no longer plain white"


def test_empty_trays_differ_and_repeat() -> None:
    first, again, other = (empty_tray(64, Augment(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
