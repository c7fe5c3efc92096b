"""Pairs of pictures that show the same, told by their looks; a block of pairs at a time, since there may be millions:
where a tray fills most of every picture, each is like each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
_ROWS, _AT_ONCE = 256, 1024  # pictures that are compared with all others at once; pairs of a block


@dataclass(frozen=True, slots=True, eq=False)
class Twins:
    """A block of pairs of pictures that show the same.

    first, second: intp (n,), their indices. same: bool (n,), the same photo, not only the same object.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    same: NDArray[np.bool_]

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]], *, same: bool) -> Twins:
        """These pairs."""
        first, second = np.array(list(pairs), np.intp).reshape(-1, 2).T
        return cls(first, second, np.full(len(first), same))

    def only(self, keep: NDArray[np.bool_]) -> Twins:
        """The pairs for which `keep`, bool (n,), is true."""
        return Twins(self.first[keep], self.second[keep], self.same[keep])


def thumb(rgb: Pixels) -> Pixels:
    """What near-duplicates are told by: uint8 (32, 32) luma of the whole picture."""
    small = cv2.resize(rgb, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def find_twins(thumbs: Pixels) -> Iterator[Twins]:
    """Near-duplicates among uint8 (n, 32, 32), also when one is mirrored or turned by quarter turns; then twice or more
    where a picture is like its own mirror image."""
    upright = _hashes(thumbs)
    normal = _normalised(thumbs)
    for turn in range(8):
        turned = _turned(thumbs, turn)
        normal_turned = _normalised(turned)
        for first, second, bits in _close(upright, _hashes(turned)):
            agree = np.einsum("ij,ij->i", normal[first], normal_turned[second])
            same = (bits <= SAME_BITS) & (agree >= SAME_CORRELATION)
            yield Twins(first, second, same).only(agree >= MIN_CORRELATION)


def confirm(twins: Iterable[Twins], features: NDArray[np.float32]) -> Iterator[Twins]:
    """The twins without those that, by their float32 (n, m) features, only happen to look alike when small and grey."""
    unit = _unit(features)
    for pairs in twins:
        cosine = np.einsum("ij,ij->i", unit[pairs.first], unit[pairs.second])
        yield pairs.only(pairs.same | (cosine >= CHANCE_COSINE))


def find_alike(features: NDArray[np.float32]) -> Iterator[Twins]:
    """Near-duplicates among float32 (n, m) features of pictures: the same thing cut or shot in another way."""
    unit = _unit(features)
    for start in range(0, len(unit), _ROWS):
        for first, second in _pairs(start, unit[start : start + _ROWS] @ unit.T > MIN_COSINE):
            yield Twins(first, second, np.zeros(len(first), np.bool_))


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
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]]:
    """Pairs first < second whose hashes differ in at most MAX_BITS bits, and in how many."""
    for start in range(0, len(left), _ROWS):
        bits = np.bitwise_count(left[start : start + _ROWS, None] ^ right[None])
        for first, second in _pairs(start, bits <= MAX_BITS):
            yield first, second, bits[first - start, second]


def _pairs(start: int, alike: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Where alike (rows, n) is true: first < second, of which the first row is picture `start`."""
    first, second = np.nonzero(alike)
    keep = first + start < second
    first, second = first[keep] + start, second[keep]
    for part in range(0, len(first), _AT_ONCE):
        yield first[part : part + _AT_ONCE], second[part : part + _AT_ONCE]
