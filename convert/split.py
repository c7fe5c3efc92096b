"""Which pictures train, which validate, which test: near-duplicates stay together, classes keep their shares.

Public sets photograph one object several times and copy pictures from each other. A test picture whose twin was trained
on proves nothing, so pictures are grouped first and groups are dealt out whole.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.alike import Twins

MAIN, EXTRA, ROBUST = "main", "extra", "robust"  # roles: dealt out; training only; a check that is never trained on
TRAIN, VALIDATION, TEST, UNUSED = "train", "validation", "test", "unused"
HELD_OUT = (TEST, VALIDATION, ROBUST)


@dataclass(frozen=True, slots=True)
class Item:
    """One picture. path is as given on the command line; group and split are filled in by `deal`.

    bin, day: where and when it lay on a tray, else "".
    """

    path: str
    label: str
    role: str
    sha256: str
    group: int = -1
    split: str = ""
    bin: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """group: of each picture, the smallest index that it is linked to.

    conflicts: pictures of which the very same photo is also filed under another label, each with the first such photo.
    """

    group: list[int]
    conflicts: dict[int, int]


def find_copies(items: Sequence[Item]) -> Twins:
    """Files with the same bytes, each with the first of its kind. (Of plain pictures no hash can tell it.)"""
    first: dict[str, int] = {}
    pairs = ((first.setdefault(item.sha256, i), i) for i, item in enumerate(items))
    return Twins.of(((a, b) for a, b in pairs if a != b), same=True)


def find_bursts(items: Sequence[Item]) -> Twins:
    """Pictures of one bin and day, each with the first of them: a person throws in a box of the same, a lamp is on."""
    first: dict[tuple[str, str], int] = {}
    pairs = ((first.setdefault((item.bin, item.day), i), i) for i, item in enumerate(items) if item.bin)
    return Twins.of(((a, b) for a, b in pairs if a != b), same=False)


def without_regulars(items: Sequence[Item], twins: Iterable[Twins]) -> Iterator[Twins]:
    """The twins without those that lay on one bin's tray on two days and are not the same photo.

    Its tray looks the same every day, and the same kind of bottle comes again and again: linked, all days would be one
    group, of which none could be tested. What comes again is what the bin will be asked, so it may be tested.
    """
    bins, days = np.array([item.bin for item in items], np.str_), np.array([item.day for item in items], np.str_)
    for pairs in twins:
        first, second = pairs.first, pairs.second
        came_again = (bins[first] != "") & (bins[first] == bins[second]) & (days[first] != days[second])
        yield pairs.only(pairs.same | ~came_again)


def link(items: Sequence[Item], twins: Iterable[Twins]) -> Links:
    """What follows from all twins; of each block that comes nothing else is kept."""
    labels = np.array([item.label for item in items], np.str_)
    robust = np.array([item.role == ROBUST for item in items], np.bool_)
    group = np.arange(len(items))
    other = np.full(len(items), len(items))
    for pairs in twins:
        _join(group, pairs)
        filed_twice = pairs.same & (labels[pairs.first] != labels[pairs.second])
        doubtful = pairs.only(filed_twice & ~robust[pairs.first] & ~robust[pairs.second])
        np.minimum.at(other, doubtful.first, doubtful.second)
        np.minimum.at(other, doubtful.second, doubtful.first)
    return Links(group.tolist(), {i: photo for i, photo in enumerate(other.tolist()) if photo < len(items)})


def _join(group: NDArray[np.intp], pairs: Twins) -> None:
    """Make one group of those of each pair, by its smallest number."""
    apart = pairs.only(group[pairs.first] != group[pairs.second])
    for first, second in zip(apart.first, apart.second, strict=True):
        kept, gone = sorted((group[first], group[second]))
        if kept != gone:
            group[group == gone] = kept


def deal(
    items: Sequence[Item],
    links: Links,
    validation: float = 0.1,
    test: float = 0.1,
    *,
    seed: int = 0,
    earlier: Sequence[Item] = (),
) -> list[Item]:
    """Items with group and split. The same pictures and seed give the same split, in whatever order they come.

    validation, test: shares (0..1) of each class's main pictures. An extra picture whose group is tested or validated
    on is left out, as is every picture filed under two labels. Robustness pictures have the split "robust", and their
    twins among the others are left out too. Pictures of a bin fill up shares of that bin, not of their classes, with
    whole days: it takes five like days until one is tested. earlier: items that were dealt before, and stay where they
    were, whatever role they had or have (left out is what was held out and is extra now, and what was trained on and is
    a robustness picture now); of a group that they did not share then, all go where the most was seen of it, for what
    was trained on cannot test any more.
    """
    number = links.group
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(number):
        members[group].append(index)
    splits = _deal_groups(items, list(members.values()), {TEST: test, VALIDATION: validation}, seed, earlier)
    return [
        replace(
            item, group=number[i], split=UNUSED if i in links.conflicts else _role_split(item.role, splits[number[i]])
        )
        for i, item in enumerate(items)
    ]


def leaks(items: Sequence[Item]) -> list[Item]:
    """Training pictures that share a group or a file with a tested, validated or robustness picture."""
    held = [item for item in items if item.split in HELD_OUT]
    held_groups, held_files = {item.group for item in held}, {item.sha256 for item in held}
    return [item for item in items if item.split == TRAIN and (item.group in held_groups or item.sha256 in held_files)]


def _deal_groups(
    items: Sequence[Item],
    grouped: Sequence[list[int]],
    shares: dict[str, float],
    seed: int,
    earlier: Sequence[Item],
) -> dict[int, str]:
    """A split for each group, by its number. Each class is filled up to its share with whole groups in random order."""
    wanted = Counter(_of(item) for item in items if item.role == MAIN)
    before = {item.sha256: item.split for item in earlier if item.split in (TRAIN, VALIDATION, TEST)}
    taken: Counter[tuple[_Whole, str]] = Counter()
    result = {}
    # What has its place comes first, so that the rest fills up to the shares.
    for group in sorted(grouped, key=lambda group: (not _seen(items, group, before), _order(items, group, seed))):
        main = [_of(items[i]) for i in group if items[i].role == MAIN]
        split = seen = _seen(items, group, before)
        if seen != TRAIN and any(items[i].role == ROBUST for i in group):
            split = ROBUST
        elif main:
            whole = Counter(main).most_common(1)[0][0]
            # a day is large: it goes where more of it finds room than not
            size = len(main) / 2 if whole.bin else len(main)
            room = (s for s, share in shares.items() if taken[whole, s] + size <= round(share * wanted[whole]))
            split = seen or next(room, TRAIN)
            taken[whole, split] += len(main)
        result[min(group)] = split or TRAIN
    return result


@dataclass(frozen=True, slots=True)
class _Whole:
    """Of what a share is dealt out: a class, or a bin."""

    label: str
    bin: str


def _of(item: Item) -> _Whole:
    return _Whole("" if item.bin else item.label, item.bin)


def _seen(items: Sequence[Item], group: Sequence[int], before: Mapping[str, str]) -> str:
    """The part in which a group was seen most, "" when it was in none."""
    splits = {before.get(items[i].sha256) for i in group}
    return next((split for split in (TRAIN, VALIDATION, TEST) if split in splits), "")


def _role_split(role: str, split: str) -> str:
    if ROBUST in (role, split):
        return ROBUST if role == split else UNUSED
    return UNUSED if role == EXTRA and split != TRAIN else split


def _order(items: Sequence[Item], group: Sequence[int], seed: int) -> str:
    first = min(items[i].sha256 for i in group)
    return hashlib.sha256(f"{seed}:{first}".encode()).hexdigest()
