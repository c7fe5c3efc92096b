"""Near-duplicates are found however they were changed, and in little memory however many there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest
from madeup import picture

from convert.alike import Twins, confirm, find_alike, find_twins, thumb
from convert.split import MAIN, Item, Links, link, without_regulars
from edge.model import Pixels


def told(twins: Iterable[Twins]) -> list[tuple[int, int, bool]]:
    """Every pair: first, second, same."""
    return [
        pair
        for block in twins
        for pair in zip(block.first.tolist(), block.second.tolist(), block.same.tolist(), strict=True)
    ]


def scene(seed: int) -> Pixels:
    return picture((120, 140, 90), np.random.default_rng(seed), 200, 200)


def brighter(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=0.9, beta=20), dtype=np.uint8)


def recompressed(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1), dtype=np.uint8)


def smaller(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.resize(rgb, (90, 70), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def mirrored(rgb: Pixels) -> Pixels:
    return rgb[:, ::-1]


def turned(rgb: Pixels) -> Pixels:
    return np.rot90(rgb, 3)


def turned_and_mirrored(rgb: Pixels) -> Pixels:
    return np.rot90(rgb)[:, ::-1]


@pytest.mark.parametrize("change", [brighter, recompressed, smaller, mirrored, turned, turned_and_mirrored])
def test_a_changed_copy_is_found(change: Callable[[Pixels], Pixels]) -> None:
    pictures = [scene(i) for i in range(6)] + [np.ascontiguousarray(change(scene(2)))]
    assert {pair[:2] for pair in told(find_twins(np.stack([thumb(p) for p in pictures])))} == {(2, 6)}


def test_different_pictures_are_no_twins() -> None:
    assert told(find_twins(np.stack([thumb(scene(i)) for i in range(60)]))) == []


def test_plain_pictures_are_no_twins() -> None:
    assert told(find_twins(np.stack([np.full((32, 32), value, np.uint8) for value in (0, 90, 255)]))) == []


def peak_bytes(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_many_pictures_of_one_tray_need_little_memory() -> None:
    """Half a million pairs: what they are compared by would be 4 GB, and they themselves 100 MB."""
    thumbs = np.repeat(thumb(scene(0))[None], 1000, axis=0)
    features = np.ones((len(thumbs), 8), np.float32)
    sizes: list[int] = []
    peak = peak_bytes(lambda: sizes.extend(len(pairs.first) for pairs in confirm(find_twins(thumbs), features)))
    assert sum(sizes) == 1000 * 999 / 2
    assert max(sizes) <= 1024
    assert peak < 60e6


def test_of_millions_of_pairs_only_what_follows_from_them_is_kept() -> None:
    given = [Item(f"{i}.png", "glass", MAIN, f"{i:064x}") for i in range(3000)]
    features = np.ones((len(given), 8), np.float32)
    found: list[Links] = []
    peak = peak_bytes(lambda: found.append(link(given, without_regulars(given, find_alike(features)))))
    assert found == [Links([0] * len(given), {})]
    assert peak < 60e6, "held, the 4,498,500 pairs were 800 MB"


def test_like_features_are_twins() -> None:
    features = np.eye(4, 8, dtype=np.float32)
    features[3] = features[1] * 5 + 0.1
    assert told(find_alike(features)) == [(1, 3, False)]


def test_twins_that_features_deny_are_none_but_copies_are() -> None:
    features = np.eye(4, 8, dtype=np.float32)
    features[1] += features[0]
    twins = [Twins.of([(0, 1), (1, 2)], same=False), Twins.of([(2, 3)], same=True)]
    assert told(confirm(twins, features)) == [(0, 1, False), (2, 3, True)]
    assert told(confirm([], features)) == []
