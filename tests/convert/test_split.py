"""The split: near-duplicates together, the same from run to run, nothing trained on that is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from convert.alike import Twins
from convert.split import (
    EXTRA,
    MAIN,
    ROBUST,
    TEST,
    TRAIN,
    UNUSED,
    VALIDATION,
    Item,
    Links,
    deal,
    find_bursts,
    find_copies,
    leaks,
    link,
    without_regulars,
)


def items(count: int, label: str = "glass", role: str = MAIN, start: int = 0) -> list[Item]:
    return [Item(f"{role}/{label}/{i}.png", label, role, f"{i:064x}") for i in range(start, start + count)]


def linked(given: Sequence[Item], *pairs: tuple[int, int], same: bool = False) -> Links:
    return link(given, [Twins.of(pairs, same=same)])


def burst(given: Sequence[Item]) -> Links:
    return link(given, [find_bursts(given)])


def test_copies_are_twins_whatever_they_show() -> None:
    given = items(5)
    given[3] = replace(given[3], sha256=given[1].sha256)
    given[4] = replace(given[4], sha256=given[1].sha256)
    found = find_copies(given)
    assert (found.first.tolist(), found.second.tolist(), found.same.tolist()) == ([1, 1], [3, 4], [True, True])


def test_links_chain_into_groups() -> None:
    assert linked(items(6), (3, 4), (1, 3), (4, 5)).group == [0, 1, 2, 1, 1, 1]
    assert link(items(6), [Twins.of([pair], same=False) for pair in ((4, 5), (0, 2), (2, 5))]).group == [
        0,
        1,
        0,
        3,
        0,
        0,
    ]
    assert link([], []) == Links([], {})


def test_a_conflict_is_told_with_the_first_such_photo() -> None:
    given = [*items(3, "glass"), *items(3, "paper", start=100), *items(2, "metal", ROBUST, start=200)]
    links = link(given, [Twins.of([(2, 5), (1, 5), (0, 1), (4, 6)], same=True), Twins.of([(0, 3)], same=False)])
    assert links.conflicts == {1: 5, 2: 5, 5: 1}


def test_groups_stay_whole_and_classes_keep_their_shares() -> None:
    given = items(200, "glass") + items(100, "paper", start=1000)
    dealt = deal(given, linked(given, *((i, i + 1) for i in range(0, 300, 3))), 0.1, 0.2)
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
    there = {item.sha256: item.split for item in deal(given, linked(given, (3, 9)))}
    back = {item.sha256: item.split for item in deal(given[::-1], linked(given[::-1], (70, 76)))}
    assert there == back


def test_another_seed_is_another_split() -> None:
    given = items(80)
    assert [i.split for i in deal(given, linked(given), seed=1)] != [
        i.split for i in deal(given, linked(given), seed=2)
    ]


def test_what_was_dealt_before_stays_where_it_was() -> None:
    given = items(100)
    before = deal(given[:60], linked(given[:60], (2, 3)), 0.1, 0.1, seed=5)
    dealt = deal(given, linked(given, (70, 71)), 0.1, 0.2, seed=6, earlier=before)
    assert [item.split for item in dealt[:60]] == [item.split for item in before]
    counts = Counter(item.split for item in dealt)
    assert (counts[VALIDATION], counts[TEST]) == (10, 20)


def test_what_was_seen_before_is_not_tested_later() -> None:
    before = deal(items(60), linked(items(60)), 0.2, 0.2)
    first = {
        split: next(i for i, item in enumerate(before) if item.split == split) for split in (TRAIN, VALIDATION, TEST)
    }
    pairs = [(first[TRAIN], first[TEST]), (first[TEST], first[VALIDATION])]
    links = linked(items(60), *pairs)
    assert {deal(items(60), links, 0.2, 0.2, earlier=before)[i].split for i in first.values()} == {TRAIN}
    dealt = deal(items(60), linked(items(60), pairs[1]), 0.2, 0.2, earlier=before)
    assert dealt[first[TEST]].split == dealt[first[VALIDATION]].split == VALIDATION


def test_what_was_dealt_before_stays_so_also_in_another_role() -> None:
    both = items(60) + items(60, role=EXTRA, start=100)
    before = deal(both, linked(both), 0.2, 0.2)
    both = items(60) + items(60, start=100)
    as_main = deal(both, linked(both), 0.2, 0.2, earlier=before)
    assert {item.split for item in as_main[60:]} == {TRAIN}, "the earlier model was trained on them"
    more = items(120) + before[60:]
    twins = deal(more, linked(more, *((i, i + 60) for i in range(60, 120))), 0.2, 0.2, earlier=before)
    assert {item.split for item in twins[60:120]} == {TRAIN}, "or on their twins"
    extra = items(60, role=EXTRA)
    as_extra = deal(extra, linked(extra), 0.2, 0.2, earlier=before)
    assert {(old.split, new.split) for old, new in zip(before[:60], as_extra, strict=True)} == {
        (TRAIN, TRAIN),
        (VALIDATION, UNUSED),
        (TEST, UNUSED),
    }
    both = items(60, role=ROBUST) + items(60, start=200)
    as_robust = deal(both, linked(both), 0.2, 0.2, earlier=before)
    assert {(old.split, new.split) for old, new in zip(before[:60], as_robust[:60], strict=True)} == {
        (TRAIN, UNUSED),
        (VALIDATION, ROBUST),
        (TEST, ROBUST),
    }
    both = items(60, role=ROBUST, start=300) + before[60:]
    pairs = deal(both, linked(both, *((i, i + 60) for i in range(60))), earlier=before)
    assert {item.split for item in pairs} == {UNUSED, TRAIN}, "beside what was trained on nothing can be measured"


def test_extra_pictures_only_train_and_not_beside_a_tested_twin() -> None:
    given = items(50) + items(50, role=EXTRA, start=100)
    dealt = deal(given, linked(given, *((i, i + 50) for i in range(50))), 0.2, 0.2)
    for main, extra in zip(dealt[:50], dealt[50:], strict=True):
        assert extra.split == (TRAIN if main.split == TRAIN else UNUSED)


def test_a_picture_under_two_labels_is_left_out() -> None:
    given = [*items(20, "glass"), *items(20, "paper", start=100)]
    dealt = deal(given, linked(given, (4, 30), same=True), 0.2, 0.2)
    assert [i for i, item in enumerate(dealt) if item.split == UNUSED] == [4, 30]


def test_what_only_looks_alike_under_two_labels_is_kept() -> None:
    given = [*items(20, "glass"), *items(20, "paper", start=100)]
    dealt = deal(given, linked(given, (4, 30)), 0.2, 0.2)
    assert UNUSED not in {item.split for item in dealt}
    assert dealt[4].split == dealt[30].split


def test_robustness_pictures_stay_apart_and_push_their_twins_out() -> None:
    given = items(20) + items(5, role=ROBUST, start=100)
    dealt = deal(given, linked(given, (2, 21)), 0.2, 0.2)
    assert {item.split for item in dealt[20:]} == {ROBUST}
    assert dealt[2].split == UNUSED


def test_a_leak_is_seen() -> None:
    dealt = deal(items(20), linked(items(20), (0, 1)), 0.2, 0.2)
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
    dealt = deal(given, burst(given), 0.1, 0.1, seed=seed)
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


def test_what_comes_again_on_another_day_ties_no_days_together_but_the_same_photo_does() -> None:
    given = [*items(100), *site("lobby", 10)]
    again = Twins.of(((100 + 10 * day, 110 + 10 * day) for day in range(9)), same=False)
    dealt = deal(given, link(given, [*without_regulars(given, [again]), find_bursts(given)]), 0.1, 0.1)
    assert Counter(item.split for item in dealt if item.bin) == {TRAIN: 80, VALIDATION: 10, TEST: 10}
    assert left(given, [(100, 110)], same=True) == [(100, 110)]
    assert left(given, [(0, 1), (5, 100), (100, 101), (100, 110)]) == [(0, 1), (5, 100), (100, 101)]
    assert left([*site("a", 1), *site("b", 1)], [(0, 10)]) == [(0, 10)], "two bins are two places"


def left(given: Sequence[Item], pairs: Sequence[tuple[int, int]], same: bool = False) -> list[tuple[int, int]]:
    (kept,) = without_regulars(given, [Twins.of(pairs, same=same)])
    return list(zip(kept.first.tolist(), kept.second.tolist(), strict=True))


def test_a_day_of_a_bin_is_no_conflict_of_labels() -> None:
    given = site("lobby", 6)
    assert UNUSED not in {item.split for item in deal(given, burst(given), 0.1, 0.1)}
