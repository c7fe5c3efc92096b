"""Class folders of pictures -> a prepared set: each picture read once, near-duplicates grouped, dealt into parts."""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert import data
from convert.errors import DataError, RecipeError
from convert.progress import progress
from convert.split import EXTRA, MAIN, ROBUST, UNUSED, Item, conflicts, deal, find_alike, find_twins, groups, thumb
from edge.errors import ImageError
from edge.images import SUFFIXES, read_image
from edge.model import Pixels
from edge.preprocess import fit

MIN_PER_CLASS = 10
_FEATURE_PX, _FEATURE_BATCH = 160, 64


@dataclass(frozen=True, slots=True)
class Report:
    """What `prepare` found. unreadable: one message a file."""

    pictures: int
    unreadable: tuple[str, ...]
    same_file: int
    grouped: int
    conflicting: tuple[str, ...]
    splits: dict[str, dict[str, int]]

    def __str__(self) -> str:
        lines = [
            f"{self.pictures} pictures, {len(self.unreadable)} unreadable, {self.same_file} files that are there twice",
            f"{self.grouped} pictures are a near-duplicate of another one; groups stay on one side of the split",
            f"{len(self.conflicting)} pictures are filed under two labels and left out",
        ]
        lines += [
            f"  {name}: " + ", ".join(f"{k} {v}" for k, v in sorted(c.items())) for name, c in self.splits.items()
        ]
        return "\n".join(lines)


Features = Callable[[Sequence[Pixels]], NDArray[np.float32]]


def prepare(
    folders: Sequence[tuple[Path, str]],
    out: Path,
    features: Features | None = None,
    shares: tuple[float, float] = (0.08, 0.1),
    seed: int = 0,
) -> Report:
    """Read (folder of class folders, role) pairs and write a set that `data.load` opens. Raises DataError.

    features: from pictures to float32 (n, m), a second way to tell near-duplicates. shares: of validation and test.
    """
    sources = [(path, role) for folder, role in folders for path in find_pictures(folder)]
    labels = {p.name for folder, role in folders if role == MAIN for p in folder.glob("[!.]*") if p.is_dir()}
    _check_classes(labels, sources)
    out.mkdir(parents=True, exist_ok=True)
    items, shapes, thumbs, unreadable = [], [], [], []
    with (out / data.PIXELS).open("wb") as stream, progress("read", len(sources)) as advance:
        for (path, role), read in zip(sources, _read_all([p for p, _ in sources]), strict=True):
            advance(1, "")
            if isinstance(read, str):
                unreadable.append(read)
                continue
            stream.write(read.rgb.tobytes())
            items.append(Item(str(path), path.parent.name, role, read.sha256))
            shapes.append((read.rgb.shape[0], read.rgb.shape[1]))
            thumbs.append(thumb(read.rgb))
    _check_classes(labels, [(Path(item.path), item.role) for item in items])
    data.write_index(out, shapes)
    twins = find_twins(np.stack(thumbs))
    if features is not None:
        twins += find_alike(_features(out, len(items), features))
    dealt = deal(items, twins, *shares, seed)
    data.write_splits(out, dealt)
    data.load(out)
    return Report(
        pictures=len(items),
        unreadable=tuple(unreadable),
        same_file=len(items) - len({item.sha256 for item in items}),
        grouped=sum(n for n in Counter(groups(len(items), twins)).values() if n > 1),
        conflicting=tuple(items[i].path for i in sorted(conflicts(items, twins))),
        splits={name: dict(Counter(i.label for i in dealt if i.split == name)) for name in _names(dealt)},
    )


def find_pictures(folder: Path) -> list[Path]:
    """The picture files in the class folders of `folder`, sorted. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder. Give a folder that has one folder of pictures for each class.")
    found = sorted(p for p in folder.glob("[!.]*/[!.]*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{folder}: no pictures in class folders. Expected {folder}/CLASS/PICTURE.jpg (or .png ...).")
    return found


def imagenet_features() -> Features:
    """What EfficientNet-Lite2 sees at 160 px."""
    from convert import backbones  # noqa: PLC0415 # Keras takes seconds to import, and `--quick` needs none of it

    model = backbones.build("efficientnet-lite2", size=_FEATURE_PX)

    def features(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        batch = np.stack([fit(picture, _FEATURE_PX, _FEATURE_PX) for picture in pictures]).astype(np.float32)
        return np.asarray(model.predict_on_batch(batch), dtype=np.float32)

    return features


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "prepare",
        description=__doc__,
        epilog="example: smartbin-convert prepare pictures/ --extra more/ --robust bin-camera/ --out build/set",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a folder with one folder a class")
    parser.add_argument(
        "--extra", action="append", default=[], type=Path, metavar="DIR", help="pictures to train on only"
    )
    parser.add_argument(
        "--robust",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="another camera: measured, never trained on",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="SET", help="where the prepared set goes (2 GB for 13,000)"
    )
    parser.add_argument("--validation", type=float, default=0.08, metavar="SHARE", help="share of each class (0.08)")
    parser.add_argument("--test", type=float, default=0.1, metavar="SHARE", help="share of each class (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another split (0)")
    parser.add_argument("--quick", action="store_true", help="find near-duplicates by picture hash alone: misses crops")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if not (0 < options.validation < 1 and 0 < options.test < 1 and options.validation + options.test < 0.9):
        raise RecipeError("--validation and --test: each between 0 and 1, together below 0.9.")
    roles = ((options.folders, MAIN), (options.extra, EXTRA), (options.robust, ROBUST))
    folders = [(folder, role) for given, role in roles for folder in given]
    features = None if options.quick else imagenet_features()
    report = prepare(folders, options.out, features, (options.validation, options.test), options.seed)
    for line in (*report.unreadable, *(f"{path}: same picture under two labels" for path in report.conflicting)):
        print(f"left out: {line}")
    print(report)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    rgb: Pixels
    sha256: str


def _features(out: Path, count: int, features: Features) -> NDArray[np.float32]:
    pictures = data.Pictures(out)
    parts = []
    with progress("compare", count) as advance:
        for start in range(0, count, _FEATURE_BATCH):
            batch = [pictures[i] for i in range(start, min(start + _FEATURE_BATCH, count))]
            parts.append(features(batch))
            advance(len(batch), "")
    return np.concatenate(parts)


def _read_all(paths: Sequence[Path]) -> Iterator[_Read | str]:
    # "spawn": a forked child of a process with TensorFlow's or OpenCV's threads can hang.
    with multiprocessing.get_context("spawn").Pool(min(8, os.cpu_count() or 1)) as pool:
        yield from pool.imap(_read, paths, chunksize=16)


def _read(path: Path) -> _Read | str:
    try:
        content = path.read_bytes()
        return _Read(data.shrink(read_image(content, name=str(path))), hashlib.sha256(content).hexdigest())
    except (ImageError, OSError) as error:
        return str(error)


def _check_classes(labels: Iterable[str], pictures: Iterable[tuple[Path, str]]) -> None:
    counts = dict.fromkeys(sorted(labels), 0) | Counter(path.parent.name for path, role in pictures if role == MAIN)
    if len(counts) < 2:
        raise DataError(
            f"one class only ({', '.join(counts) or 'none'}): a classifier needs two folders of pictures or more."
        )
    few = [f"{label} ({n})" for label, n in counts.items() if n < MIN_PER_CLASS]
    if few:
        raise DataError(
            f"too few pictures that can be read, at least {MIN_PER_CLASS} a class are needed: {', '.join(few)}."
        )


def _names(items: Sequence[Item]) -> list[str]:
    order = ("train", "validation", "test", ROBUST, UNUSED)
    return [name for name in order if any(item.split == name for item in items)]
