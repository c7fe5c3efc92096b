"""Cutting items out of plain photos: where the item is, and an honest None where that cannot be told."""

from __future__ import annotations

import cv2
import numpy as np

from convert.cutout import cut_out, lay


def test_the_item_is_covered_and_the_background_is_not() -> None:
    rgb = np.full((200, 150, 3), (230, 232, 228), np.uint8)
    cv2.circle(rgb, (70, 110), 40, (30, 60, 160), -1)
    alpha = cut_out(rgb)
    assert alpha is not None
    assert alpha.shape == (200, 150)
    assert alpha[110, 70] == 1
    assert alpha[10, 10] == 0
    assert abs((alpha > 0.5).sum() - np.pi * 40**2) < 0.15 * np.pi * 40**2


def test_a_label_of_the_backgrounds_colour_belongs_to_the_item() -> None:
    rgb = np.full((160, 160, 3), 240, np.uint8)
    rgb[30:130, 40:120] = (20, 110, 60)
    rgb[60:100, 60:100] = 240
    alpha = cut_out(rgb)
    assert alpha is not None
    assert alpha[80, 80] == 1


def test_no_item_and_no_plain_background_give_none() -> None:
    assert cut_out(np.full((90, 120, 3), 128, np.uint8)) is None
    busy = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    assert cut_out(np.kron(busy, np.ones((2, 2, 1), np.uint8))) is None


def test_what_is_laid_covers_the_ground_and_darkens_it_beside() -> None:
    rgb = np.full((100, 100, 3), 250, np.uint8)
    rgb[30:70, 30:70] = (250, 0, 0)
    alpha = cut_out(rgb)
    assert alpha is not None
    ground = np.full((80, 80, 3), 200, np.uint8)
    laid = lay(rgb, alpha, ground, np.random.default_rng(0)).astype(int)
    assert ((laid[..., 0] > 200) & (laid[..., 1] < 30)).any()
    grey = np.abs(laid[..., 0] - laid[..., 1]) < 3
    assert laid[grey].min() < 195
    assert np.array_equal(ground, np.full((80, 80, 3), 200)), "the ground that was given is left alone"
