"""The prepared set on disk: splits.csv, readable by anyone, and every picture decoded once.

splits.csv     path,label,role,sha256,group,split,bin,day (the last two of pictures from a bin's tray)
pictures.bin   the pictures, uint8 RGB at most SIDE_PX long, one after the other
pictures.npz   where each begins and its height and width, in the order of splits.csv
left-out.csv   path,label,reason: what was found and is not used
suspects.csv   path,label,suggested,score: labels that are probably wrong, the likeliest first (not with --quick)
report.html    all of that to look at
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from convert.arrays import DAMAGED
from convert.errors import DataError, RecipeError
from convert.split import EXTRA, MAIN, ROBUST, TEST, TRAIN, VALIDATION, Item, leaks
from edge.model import Pixels

SIDE_PX = 256
SPLITS, PIXELS, INDEX = "splits.csv", "pictures.bin", "pictures.npz"
RUN = "run.json"  # what `train` keeps of a run, beside a splits.csv of its own
LEFT_OUT, SUSPECTS, REPORT = "left-out.csv", "suspects.csv", "report.html"
_UNFINISHED = "unfinished"


def shrink(rgb: Pixels, side_px: int = SIDE_PX) -> Pixels:
    """The picture at most `side_px` long, aspect kept."""
    scale = side_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


@contextmanager
def written(folder: Path) -> Iterator[Path]:
    """A folder to write a set into, which becomes the set in `folder` at the end, all of it or nothing.

    Raises RecipeError when the disk is full or the place cannot be written; what `folder` held is then still there.
    """
    unfinished = folder / _UNFINISHED
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            _publish(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise RecipeError(
            f"{error.filename or folder}: {error.strerror}. No set was written. Make room (200 kB a picture, beside an "
            "earlier set) or choose another place with --out."
        ) from error


def _publish(unfinished: Path, folder: Path) -> None:
    # Without splits.csv nothing loads a set: it goes first and comes last. Who has the old pictures open keeps them.
    for name in (SPLITS, SUSPECTS):
        (folder / name).unlink(missing_ok=True)
    for path in sorted(unfinished.iterdir(), key=lambda path: path.name == SPLITS):
        path.replace(folder / path.name)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_splits(folder: Path, items: Sequence[Item]) -> None:
    """Write splits.csv."""
    write_table(folder / SPLITS, [field.name for field in fields(Item)], (astuple(item) for item in items))


def write_index(folder: Path, shapes: Iterable[tuple[int, int]]) -> None:
    """Write pictures.npz for pictures of these (height, width), stored in this order."""
    sizes = np.array(list(shapes), dtype=np.int64).reshape(-1, 2)
    starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1) * 3)[:-1]]) if len(sizes) else np.empty(0, np.int64)
    np.savez(folder / INDEX, start=starts, size=sizes)


class Pictures:
    """The decoded pictures of a set, in the order of splits.csv: pictures[i] is uint8 RGB (height, width, 3)."""

    def __init__(self, folder: Path) -> None:
        """Raises DataError when they are missing or damaged."""
        try:
            with (folder / INDEX).open("rb") as file, np.load(file) as index:
                self._start, self._size = index["start"], index["size"]
            self._pixels = np.memmap(folder / PIXELS, np.uint8, mode="r")
        except DAMAGED as error:
            raise DataError(
                f"{folder}: the decoded pictures are missing or damaged ({error}): run prepare again."
            ) from error
        if int(self._size.prod(axis=1).sum()) * 3 != len(self._pixels):
            raise DataError(f"{folder / PIXELS}: cut off or of another set: run prepare again.")

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, index: int) -> Pixels:
        start, (height, width) = self._start[index], self._size[index]
        return np.asarray(self._pixels[start : start + height * width * 3]).reshape(height, width, 3)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared set. labels are sorted; `truth` is int64 (n,), an index into them for each item."""

    items: tuple[Item, ...]
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    pictures: Pictures

    def indices(self, split: str, folder: str = "") -> NDArray[np.int64]:
        """Which items are in a split, in order; only those below `folder` when it is given."""
        chosen = (i for i, item in enumerate(self.items) if item.split == split)
        return np.array([i for i in chosen if not folder or source(self.items[i]) == folder], dtype=np.int64)

    def of_each(self, split: str, count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """`count` of each label in a split, drawn, or all that there are; label by label."""
        indices = self.indices(split)
        by_label = (indices[self.truth[indices] == label] for label in range(len(self.labels)))
        return np.concatenate([random.permutation(of_label)[:count] for of_label in by_label])


def in_order(dataset: Dataset, labels: tuple[str, ...]) -> Dataset:
    """The same set with its labels in another order. Raises DataError when they are not the same labels."""
    found = places(labels, dataset.labels)
    if found is None:
        raise DataError(f"The model has the labels {', '.join(labels)}; the set has {', '.join(dataset.labels)}.")
    return replace(dataset, labels=labels, truth=np.array(found, dtype=np.int64)[dataset.truth])


def places(known: Sequence[str], labels: Sequence[str]) -> list[int] | None:
    """Where each of the labels is among the known ones; None where they are not the same labels."""
    return [known.index(label) for label in labels] if set(known) == set(labels) else None


def source(item: Item) -> str:
    """The name of the folder that holds the class folders."""
    return Path(item.path).parent.parent.name


def load(folder: Path) -> Dataset:
    """Open what `prepare` wrote. Raises DataError: nothing there, damaged, one class, a split that leaks."""
    if (folder / RUN).exists() and not (folder / PIXELS).exists():
        raise DataError(f"{folder}: a training run, and no set. Give the folder that `prepare` wrote.")
    items = read_splits(folder / SPLITS)
    pictures = Pictures(folder)
    if len(pictures) != len(items):
        raise DataError(f"{folder}: {SPLITS} and {PIXELS} do not belong together: run prepare again.")
    _check(folder, items)
    labels = tuple(sorted({item.label for item in items if item.role != ROBUST}))
    number = {label: i for i, label in enumerate(labels)}
    truth = np.array([number[item.label] for item in items], dtype=np.int64)
    return Dataset(tuple(items), labels, truth, pictures)


def read_splits(path: Path) -> list[Item]:
    """The items of a splits.csv. Raises DataError: not there, or not what `prepare` writes."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [_item(row) for row in csv.DictReader(stream)]
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}. Run `smartbin-convert prepare` first, or check the path."
        ) from error
    except (TypeError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: not the table that prepare writes ({error}).") from error


def _item(row: dict[str, str]) -> Item:
    known = (row["path"], row["label"], row["role"], row["sha256"], int(row["group"]), row["split"])
    return Item(*known, bin=row.get("bin") or "", day=row.get("day") or "")


def _check(folder: Path, items: Sequence[Item]) -> None:
    leaking = leaks(items)
    if leaking:
        raise DataError(
            f"{folder}: {len(leaking)} training pictures share a near-duplicate group or file with held-out ones, "
            f"first {leaking[0].path}. A score on such a split means nothing: run prepare again."
        )
    known = {item.label for item in items if item.role in (MAIN, EXTRA)}
    for split in (TRAIN, VALIDATION, TEST):
        missing = known - {item.label for item in items if item.split == split}
        if missing:
            raise DataError(f"{folder}: no {split} picture of {', '.join(sorted(missing))}: add pictures of it.")
    strange = {item.label for item in items if item.role == ROBUST} - known
    if strange:
        raise DataError(f"{folder}: robustness pictures of classes that are not trained: {', '.join(sorted(strange))}.")
