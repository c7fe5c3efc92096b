"""The picture that is kept: the cut of the model, and nothing to be recognised outside the box when it is blurred."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.images import read_image
from edge.model import WHOLE_FRAME, Box
from edge.preprocess import cut
from edge.site_picture import SIDE_PX, item_jpeg, outside_blurred

BOX = Box(0.4, 0.4, 0.2, 0.2)
NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def test_it_is_what_the_model_saw() -> None:
    smooth = np.asarray(cv2.GaussianBlur(NOISE, (0, 0), 3), np.uint8)  # as a JPEG keeps it
    picture = read_image(item_jpeg(smooth, BOX, 0.25, blurred=False))
    seen = cut(smooth, BOX, 0.25)
    assert picture.shape == seen.shape
    assert np.abs(picture.astype(int) - seen).mean() < 5


def test_a_large_one_is_made_smaller() -> None:
    large = np.zeros((1500, 2000, 3), np.uint8)
    assert max(read_image(item_jpeg(large, WHOLE_FRAME, 0.0, blurred=False)).shape) == SIDE_PX


@pytest.mark.parametrize("box", [BOX, Box(0.0, 0.0, 0.3, 0.1), Box(0.8, 0.7, 0.2, 0.3), Box(0.2, 0.1, 0.7, 0.8)])
def test_within_the_box_nothing_changes_and_outside_nothing_is_left(box: Box) -> None:
    shown, seen = outside_blurred(NOISE, box, 0.25), cut(NOISE, box, 0.25)
    assert shown.shape == seen.shape
    same = (shown == seen).all(axis=2)
    rows, columns = np.flatnonzero(same.mean(axis=1) > 0.1), np.flatnonzero(same.mean(axis=0) > 0.1)
    assert abs(len(rows) - box.height * 480) <= 2
    assert abs(len(columns) - box.width * 640) <= 2
    outside = np.ones(same.shape, bool)
    outside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = False
    contrast = float(np.abs(np.diff(shown.astype(int), axis=1))[outside[:, 1:]].mean())
    assert contrast < 10 < np.abs(np.diff(seen.astype(int), axis=1)).mean(), "noise of 85 levels is gone"


def test_the_picture_of_the_tray_stays_as_it_is() -> None:
    before = NOISE.copy()
    outside_blurred(NOISE, BOX, 0.25)
    assert (before == NOISE).all()
