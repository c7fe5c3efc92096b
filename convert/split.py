"""Which pictures train, which validate, which test: near-duplicates stay together, classes keep their shares.

Public sets photograph one object several times and copy pictures from each other. A test picture whose twin was trained
on proves nothing, so pictures are grouped first and groups are dealt out whole.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model import Pixels

THUMB_PX = 32
# Found by looking at pairs: unrelated pictures of things on white come as close as 12 bits, yet correlate below 0.9.
MAX_BITS = 10
MIN_CORRELATION = 0.9
SAME_BITS = 4
SAME_CORRELATION = 0.985
# Cosine of ImageNet features. Above it are crops and other shots of the same thing, which no hash of the whole finds.
MIN_COSINE = 0.88
# Below it two hashes were alike by chance: a dark vest, a dark battery. Turned copies of a photo keep 0.5 or more.
CHANCE_COSINE = 0.35

MAIN, EXTRA, ROBUST = "main", "extra", "robust"  # roles: dealt out; training only; a check that is never trained on
TRAIN, VALIDATION, TEST, UNUSED = "train", "validation", "test", "unused"


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
class Twins:
    """Two pictures (indices) that show the same. same: the same photo, not only the same object."""

    first: int
    second: int
    same: bool


def thumb(rgb: Pixels) -> Pixels:
    """What near-duplicates are told by: uint8 (32, 32) luma of the whole picture."""
    small = cv2.resize(rgb, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def find_twins(thumbs: Pixels) -> list[Twins]:
    """Near-duplicates among uint8 (n, 32, 32), also when one is mirrored or turned by quarter turns."""
    upright = _hashes(thumbs)
    normal = _normalised(thumbs)
    found: dict[tuple[int, int], bool] = {}
    for turn in range(8):
        turned = _turned(thumbs, turn)
        first, second, bits = _close(upright, _hashes(turned))
        agree = np.einsum("ij,ij->i", normal[first], _normalised(turned)[second])
        same = (bits <= SAME_BITS) & (agree >= SAME_CORRELATION)
        for a, b, alike, equal in zip(first, second, agree >= MIN_CORRELATION, same, strict=True):
            if alike:
                pair = (int(min(a, b)), int(max(a, b)))
                found[pair] = found.get(pair, False) or bool(equal)
    return [Twins(a, b, same) for (a, b), same in sorted(found.items())]


def find_copies(items: Sequence[Item]) -> list[Twins]:
    """Files with the same bytes, each with the first of its kind. (Of plain pictures no hash can tell it.)"""
    first: dict[str, int] = {}
    return [Twins(first[item.sha256], i, True) for i, item in enumerate(items) if first.setdefault(item.sha256, i) != i]


def find_bursts(items: Sequence[Item]) -> list[Twins]:
    """Pictures of one bin and day, each with the first of them: a person throws in a box of the same, a lamp is on."""
    first: dict[tuple[str, str], int] = {}
    return [
        Twins(first[item.bin, item.day], i, False)
        for i, item in enumerate(items)
        if item.bin and first.setdefault((item.bin, item.day), i) != i
    ]


def confirm(twins: Sequence[Twins], features: NDArray[np.float32]) -> list[Twins]:
    """The twins without those that, by their float32 (n, m) features, only happen to look alike when small and grey."""
    first, second = (np.array([getattr(pair, end) for pair in twins], np.intp) for end in ("first", "second"))
    unit = _unit(features)
    cosine = np.einsum("ij,ij->i", unit[first], unit[second])
    return [pair for pair, like in zip(twins, cosine, strict=True) if pair.same or like >= CHANCE_COSINE]


def find_alike(features: NDArray[np.float32]) -> list[Twins]:
    """Near-duplicates among float32 (n, m) features of pictures: the same thing cut or shot in another way."""
    unit = _unit(features)
    found = []
    for start in range(0, len(unit), 1024):
        first, second = np.nonzero(unit[start : start + 1024] @ unit.T > MIN_COSINE)
        found += [Twins(int(a), int(b), False) for a, b in zip(first + start, second, strict=True) if a < b]
    return found


def groups(count: int, twins: Sequence[Twins]) -> list[int]:
    """The group number of each of `count` pictures: the smallest index that it is linked to."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for pair in twins:
        a, b = sorted((root(pair.first), root(pair.second)))
        parent[b] = a
    return [root(index) for index in range(count)]


def conflicts(items: Sequence[Item], twins: Sequence[Twins]) -> dict[int, int]:
    """Pictures of which the very same photo is also filed under another label, each with such a photo."""
    found: dict[int, int] = {}
    for pair in twins:
        first, second = items[pair.first], items[pair.second]
        if pair.same and first.label != second.label and ROBUST not in (first.role, second.role):
            found.setdefault(pair.first, pair.second)
            found.setdefault(pair.second, pair.first)
    return found


def deal(
    items: Sequence[Item],
    twins: Sequence[Twins],
    validation: float = 0.1,
    test: float = 0.1,
    *,
    seed: int = 0,
    earlier: Sequence[Item] = (),
) -> list[Item]:
    """Items with group and split. The same pictures and seed give the same split, in whatever order they come.

    validation, test: shares (0..1) of each class's main pictures. An extra picture whose group is tested or validated
    on is left out, as is every picture filed under two labels. Robustness pictures keep the split "robust", and their
    twins among the others are left out too. Pictures of a bin fill up shares of that bin, not of their classes, with
    whole days: it takes five like days until one is tested. earlier: items that were dealt before, and stay where they
    were; of a group that they did not share then, all go where the most was seen of it, for what was trained on cannot
    test any more.
    """
    number = groups(len(items), twins)
    doubtful = conflicts(items, twins)
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(number):
        members[group].append(index)
    splits = _deal_groups(items, list(members.values()), {TEST: test, VALIDATION: validation}, seed, earlier)
    return [
        replace(item, group=number[i], split=UNUSED if i in doubtful else _role_split(item.role, splits[number[i]]))
        for i, item in enumerate(items)
    ]


def leaks(items: Sequence[Item]) -> list[Item]:
    """Training pictures that share a group or a file with a tested, validated or robustness picture."""
    held = [item for item in items if item.split in (TEST, VALIDATION, ROBUST)]
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
    before = {item.sha256: item.split for item in earlier if item.role == MAIN}
    taken: Counter[tuple[_Whole, str]] = Counter()
    result = {}
    # What has its place comes first, so that the rest fills up to the shares.
    for group in sorted(grouped, key=lambda group: (not _seen(items, group, before), _order(items, group, seed))):
        main = [_of(items[i]) for i in group if items[i].role == MAIN]
        split = TRAIN
        if any(items[i].role == ROBUST for i in group):
            split = ROBUST
        elif main:
            whole = Counter(main).most_common(1)[0][0]
            # a day is large: it goes where more of it finds room than not
            size = len(main) / 2 if whole.bin else len(main)
            room = (s for s, share in shares.items() if taken[whole, s] + size <= round(share * wanted[whole]))
            split = _seen(items, group, before) or next(room, TRAIN)
            taken[whole, split] += len(main)
        result[min(group)] = split
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
    splits = {before.get(items[i].sha256) for i in group if items[i].role == MAIN}
    return next((split for split in (TRAIN, VALIDATION, TEST) if split in splits), "")


def _role_split(role: str, split: str) -> str:
    if role == ROBUST:
        return ROBUST
    if split == ROBUST:
        return UNUSED
    return UNUSED if role == EXTRA and split != TRAIN else split


def _order(items: Sequence[Item], group: Sequence[int], seed: int) -> str:
    first = min(items[i].sha256 for i in group)
    return hashlib.sha256(f"{seed}:{first}".encode()).hexdigest()


def _turned(thumbs: Pixels, turn: int) -> Pixels:
    rotated = np.rot90(thumbs, turn % 4, axes=(1, 2))
    return np.ascontiguousarray(rotated[:, :, ::-1] if turn >= 4 else rotated)


def _unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9), np.float32)


def _hashes(thumbs: Pixels) -> NDArray[np.uint64]:
    """uint64 (n,): the signs of the 64 lowest frequencies around their median (pHash)."""
    low = np.stack([cv2.dct(t.astype(np.float32))[:8, :8].ravel() for t in thumbs])
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _normalised(thumbs: Pixels) -> NDArray[np.float32]:
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    # A plain picture has no structure to correlate with: left at zero, it is like nothing.
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3), dtype=np.float32)


def _close(
    left: NDArray[np.uint64], right: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Pairs first < second whose hashes differ in at most MAX_BITS bits, and in how many."""
    parts = []
    for start in range(0, len(left), 256):
        bits = np.bitwise_count(left[start : start + 256, None] ^ right[None])
        first, second = np.nonzero(bits <= MAX_BITS)
        keep = first + start < second
        parts.append((first[keep] + start, second[keep], bits[first[keep], second[keep]]))
    first, second, bits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, bits
