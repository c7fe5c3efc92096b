"""The split: near-duplicates together, the same from run to run, nothing trained on that is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from madeup import picture

from convert.split import (
    EXTRA,
    MAIN,
    ROBUST,
    TEST,
    TRAIN,
    UNUSED,
    VALIDATION,
    Item,
    Twins,
    confirm,
    deal,
    find_alike,
    find_bursts,
    find_copies,
    find_twins,
    groups,
    leaks,
    thumb,
)
from edge.model import Pixels


def items(count: int, label: str = "glass", role: str = MAIN, start: int = 0) -> list[Item]:
    return [Item(f"{role}/{label}/{i}.png", label, role, f"{i:064x}") for i in range(start, start + count)]


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
    pairs = [(t.first, t.second) for t in find_twins(np.stack([thumb(p) for p in pictures]))]
    assert pairs == [(2, 6)]


def test_different_pictures_are_no_twins() -> None:
    assert find_twins(np.stack([thumb(scene(i)) for i in range(60)])) == []


def test_plain_pictures_are_no_twins() -> None:
    assert find_twins(np.stack([np.full((32, 32), value, np.uint8) for value in (0, 90, 255)])) == []


def test_like_features_are_twins() -> None:
    features = np.eye(4, 8, dtype=np.float32)
    features[3] = features[1] * 5 + 0.1
    assert find_alike(features) == [Twins(1, 3, False)]


def test_twins_that_features_deny_are_none_but_copies_are() -> None:
    features = np.eye(4, 8, dtype=np.float32)
    features[1] += features[0]
    twins = [Twins(0, 1, False), Twins(1, 2, False), Twins(2, 3, True)]
    assert confirm(twins, features) == [Twins(0, 1, False), Twins(2, 3, True)]
    assert confirm([], features) == []


def test_copies_are_twins_whatever_they_show() -> None:
    given = items(5)
    given[3] = replace(given[3], sha256=given[1].sha256)
    given[4] = replace(given[4], sha256=given[1].sha256)
    assert find_copies(given) == [Twins(1, 3, True), Twins(1, 4, True)]


def test_links_chain_into_groups() -> None:
    assert groups(6, [Twins(3, 4, False), Twins(1, 3, False), Twins(4, 5, False)]) == [0, 1, 2, 1, 1, 1]


def test_groups_stay_whole_and_classes_keep_their_shares() -> None:
    given = items(200, "glass") + items(100, "paper", start=1000)
    twins = [Twins(i, i + 1, False) for i in range(0, 300, 3)]
    dealt = deal(given, twins, 0.1, 0.2)
    for group in {item.group for item in dealt}:
        assert len({item.split for item in dealt if item.group == group}) == 1
    counts = Counter((item.label, item.split) for item in dealt)
    assert counts["glass", TEST] == 40
    assert counts["glass", VALIDATION] == 20
    assert counts["paper", TEST] == 20
    assert counts["paper", VALIDATION] == 10
    assert leaks(dealt) == []


def test_the_order_of_the_files_does_not_matter() -> None:
    given = items(80)
    there = {item.sha256: item.split for item in deal(given, [Twins(3, 9, False)])}
    back = {item.sha256: item.split for item in deal(given[::-1], [Twins(70, 76, False)])}
    assert there == back


def test_another_seed_is_another_split() -> None:
    given = items(80)
    assert [i.split for i in deal(given, [], seed=1)] != [i.split for i in deal(given, [], seed=2)]


def test_what_was_dealt_before_stays_where_it_was() -> None:
    given = items(100)
    before = deal(given[:60], [Twins(2, 3, False)], 0.1, 0.1, seed=5)
    dealt = deal(given, [Twins(70, 71, False)], 0.1, 0.2, seed=6, earlier=before)
    assert [item.split for item in dealt[:60]] == [item.split for item in before]
    counts = Counter(item.split for item in dealt)
    assert (counts[VALIDATION], counts[TEST]) == (10, 20)


def test_what_was_seen_before_is_not_tested_later() -> None:
    before = deal(items(60), [], 0.2, 0.2)
    first = {
        split: next(i for i, item in enumerate(before) if item.split == split) for split in (TRAIN, VALIDATION, TEST)
    }
    links = [Twins(first[TRAIN], first[TEST], False), Twins(first[TEST], first[VALIDATION], False)]
    assert {deal(items(60), links, 0.2, 0.2, earlier=before)[i].split for i in first.values()} == {TRAIN}
    dealt = deal(items(60), links[1:], 0.2, 0.2, earlier=before)
    assert dealt[first[TEST]].split == dealt[first[VALIDATION]].split == VALIDATION


def test_extra_pictures_only_train_and_not_beside_a_tested_twin() -> None:
    given = items(50) + items(50, role=EXTRA, start=100)
    dealt = deal(given, [Twins(i, i + 50, False) for i in range(50)], 0.2, 0.2)
    for main, extra in zip(dealt[:50], dealt[50:], strict=True):
        assert extra.split == (TRAIN if main.split == TRAIN else UNUSED)


def test_a_picture_under_two_labels_is_left_out() -> None:
    given = [*items(20, "glass"), *items(20, "paper", start=100)]
    dealt = deal(given, [Twins(4, 30, True)], 0.2, 0.2)
    assert [i for i, item in enumerate(dealt) if item.split == UNUSED] == [4, 30]


def test_what_only_looks_alike_under_two_labels_is_kept() -> None:
    given = [*items(20, "glass"), *items(20, "paper", start=100)]
    dealt = deal(given, [Twins(4, 30, False)], 0.2, 0.2)
    assert UNUSED not in {item.split for item in dealt}
    assert dealt[4].split == dealt[30].split


def test_robustness_pictures_stay_apart_and_push_their_twins_out() -> None:
    dealt = deal(items(20) + items(5, role=ROBUST, start=100), [Twins(2, 21, False)], 0.2, 0.2)
    assert {item.split for item in dealt[20:]} == {ROBUST}
    assert dealt[2].split == UNUSED


def test_a_leak_is_seen() -> None:
    dealt = deal(items(20), [Twins(0, 1, False)], 0.2, 0.2)
    moved = [replace(dealt[0], split=TEST), replace(dealt[1], split=TRAIN), *dealt[2:]]
    assert leaks(moved) == [moved[1]]


def site(bin_: str, days: int, each: int = 10) -> list[Item]:
    """Of two classes by turns."""
    return [
        Item(f"{bin_}-{day}-{i}.jpg", ("glass", "metal")[i % 2], MAIN, f"{bin_}{day:03}{i:03}", bin=bin_, day=f"d{day}")
        for day in range(days)
        for i in range(each)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_pictures_of_a_bin_and_day_stay_on_one_side(seed: int) -> None:
    given = [*items(100), *items(100, "metal", start=1000), *site("lobby", 10), *site("cafe", 20), *site("new", 3)]
    dealt = deal(given, find_bursts(given), 0.1, 0.1, seed=seed)
    sides: dict[tuple[str, str], set[str]] = {}
    for item in dealt:
        if item.bin:
            sides.setdefault((item.bin, item.day), set()).add(item.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert not leaks(dealt)
    counts = {name: Counter(item.split for item in dealt if item.bin == name) for name in ("lobby", "cafe", "new", "")}
    assert counts["lobby"] == {TRAIN: 80, VALIDATION: 10, TEST: 10}
    assert counts["cafe"] == {TRAIN: 160, VALIDATION: 20, TEST: 20}
    assert counts["new"] == {TRAIN: 30}, "three days are too few to test one"
    assert counts[""] == {TRAIN: 160, VALIDATION: 20, TEST: 20}, "the shares of the classes are as without"


def test_a_day_of_a_bin_is_no_conflict_of_labels() -> None:
    given = site("lobby", 6)
    assert UNUSED not in {item.split for item in deal(given, find_bursts(given), 0.1, 0.1)}
