"""Class folders or CSV files -> a prepared set: each picture read once, cleaned, grouped, dealt into parts."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert import data, features
from convert.alike import confirm, find_alike, find_twins, thumb
from convert.errors import DataError, RecipeError
from convert.findings import Findings, LeftOut, Stripped, to_text
from convert.reading import Read, read_all
from convert.recipe import read_seed
from convert.setpage import page
from convert.sources import Source, find_sources, folder_labels
from convert.split import (
    EXTRA,
    MAIN,
    ROBUST,
    UNUSED,
    Item,
    deal,
    find_bursts,
    find_copies,
    link,
    without_regulars,
)
from convert.suspects import Suspect, find_suspects
from edge.model import Pixels
from edge.progress import progress
from edge.site_item import checked_label

MIN_PER_CLASS = 10


@dataclass
class _Gathered:
    """What reading the files gave; a list each, because there may be very many."""

    items: list[Item] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    thumbs: list[Pixels] = field(default_factory=list)
    stripped: list[Stripped] = field(default_factory=list)
    refused: list[LeftOut] = field(default_factory=list)


def prepare(
    given: Sequence[tuple[Path, str]],
    out: Path,
    embedder: features.Embedder | None = None,
    shares: tuple[float, float] = (0.08, 0.1),
    *,
    seed: int = 0,
    earlier: Sequence[Item] = (),
) -> Findings:
    """Read (folder of class folders or CSV, role) pairs and write a set that `data.load` opens.

    embedder: checks near-duplicates and finds those that no hash does, and finds suspicious labels. shares: of
    validation and test. earlier: the items of a set whose pictures stay in the parts that they were in. Raises
    DataError: the pictures do not allow it; RecipeError: the set cannot be written.
    """
    found = find_sources(given)
    sources = [source for source in found if source.unusable is None]
    _check_classes(sources, folder_labels(given))
    with data.written(out) as unfinished:
        gathered = _gather(sources, unfinished)
        gathered.refused += [LeftOut(_told(s.path), s.label, s.unusable) for s in found if s.unusable is not None]
        _check_classes([Source(Path(i.path), i.label, i.role) for i in gathered.items], _labels(sources), gathered)
        pictures = data.Pictures(unfinished)
        seen = None if embedder is None else features.features(pictures, embedder, out)
        findings = _judge(gathered, seen, shares, seed, earlier)
        _write(findings, pictures, unfinished)
        data.load(unfinished)
    return findings


def _gather(sources: Sequence[Source], folder: Path) -> _Gathered:
    found = _Gathered()
    with (folder / data.PIXELS).open("wb") as stream, progress("read", len(sources)) as advance:
        for source, read in zip(sources, read_all([source.path for source in sources]), strict=True):
            advance(1, "")
            if not isinstance(read, Read):
                found.refused.append(LeftOut(_told(source.path), source.label, read.reason))
                continue
            if read.before is not None:
                found.stripped.append(Stripped(len(found.items), read.bars, read.before))
            stream.write(read.rgb.tobytes())
            item = Item(str(source.path), source.label, source.role, read.sha256, bin=source.bin, day=source.day)
            found.items.append(item)
            found.shapes.append((read.rgb.shape[0], read.rgb.shape[1]))
            found.thumbs.append(thumb(read.rgb))
    data.write_index(folder, found.shapes)
    return found


def _told(path: Path) -> str:
    """For tables and pages, which take no letters that are none."""
    return os.fsencode(path).decode(errors="replace")


def _judge(
    gathered: _Gathered,
    seen: NDArray[np.float32] | None,
    shares: tuple[float, float],
    seed: int,
    earlier: Sequence[Item],
) -> Findings:
    print("looking for near-duplicates", file=sys.stderr, flush=True)
    twins = find_twins(np.stack(gathered.thumbs))
    if seen is not None:
        twins = chain(confirm(twins, seen), find_alike(seen))
    found = gathered.items
    links = link(found, chain(without_regulars(found, twins), [find_copies(found), find_bursts(found)]))
    items = tuple(deal(found, links, *shares, seed=seed, earlier=earlier))
    return Findings(
        items=items,
        refused=tuple(gathered.refused),
        stripped=tuple(gathered.stripped),
        conflicts=links.conflicts,
        suspects=None if seen is None else _suspects(items, seen, seed),
    )


def _suspects(items: Sequence[Item], seen: NDArray[np.float32], seed: int) -> tuple[Suspect, ...]:
    """Among the pictures that are used; robustness pictures come from elsewhere and look wrong for that alone."""
    used = [i for i, item in enumerate(items) if item.split not in (ROBUST, UNUSED)]
    found = find_suspects(seen[used], [items[i].label for i in used], [items[i].group for i in used], seed)
    return tuple(Suspect(used[s.index], s.suggested, s.score) for s in found)


def _write(findings: Findings, pictures: data.Pictures, folder: Path) -> None:
    items = findings.items
    rows = [(entry.path, entry.label, entry.reason) for entry in findings.left_out]
    data.write_table(folder / data.LEFT_OUT, ("path", "label", "reason"), rows)
    if findings.suspects is not None:
        named = [(items[s.index].path, items[s.index].label, s.suggested, f"{s.score:.4f}") for s in findings.suspects]
        data.write_table(folder / data.SUSPECTS, ("path", "label", "suggested", "score"), named)
    (folder / data.REPORT).write_text(page(findings, pictures), encoding="utf-8")
    data.write_splits(folder, items)


def _labels(sources: Iterable[Source]) -> set[str]:
    return {source.label for source in sources if source.role == MAIN}


def _check_classes(sources: Sequence[Source], labels: set[str], gathered: _Gathered | None = None) -> None:
    """Raises DataError when these pictures, of these classes and perhaps more, are not enough to train on."""
    _check_spelling(sources, labels)
    counts = dict.fromkeys(sorted(labels | _labels(sources)), 0) | Counter(s.label for s in sources if s.role == MAIN)
    if len(counts) < 2:
        raise DataError(
            f"one class only ({', '.join(counts) or 'none'}): a classifier needs two folders of pictures or more."
        )
    for label in counts:
        try:
            checked_label(label)
        except ValueError as error:
            raise DataError(
                f"{error}. A bin could not be corrected or taught with it: name the class otherwise."
            ) from error
    few = [f"{label} ({n})" for label, n in counts.items() if n < MIN_PER_CLASS]
    if few:
        first = f" The first that cannot: {_first(gathered)}." if gathered and gathered.refused else ""
        raise DataError(
            f"too few pictures that can be used, at least {MIN_PER_CLASS} a class are needed: {', '.join(few)}.{first}"
        )
    strange = {s.label for s in sources if s.role in (EXTRA, ROBUST)} - set(counts)
    if strange:
        raise DataError(
            f"extra or robustness pictures of classes that have no pictures to split: {', '.join(sorted(strange))}. "
            "Check how the folders are named."
        )


def _check_spelling(sources: Sequence[Source], labels: set[str]) -> None:
    """Raises DataError where two labels differ in nothing but capitals: one class, which would be learned as two."""
    first = dict.fromkeys(labels, "no picture") | {source.label: str(source.path) for source in reversed(sources)}
    spelt: dict[str, list[str]] = defaultdict(list)
    for label in sorted(first):
        spelt[label.casefold()].append(f"{label} ({first[label]})")
    twice = [" and ".join(labels) for labels in spelt.values() if len(labels) > 1]
    if twice:
        raise DataError(f"classes whose names differ in capitals only: {'; '.join(twice)}. Name them alike.")


def _first(gathered: _Gathered) -> str:
    return f"{gathered.refused[0].path}: {gathered.refused[0].reason}"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "prepare",
        description=__doc__,
        epilog="examples:\n"
        "  smartbin-convert prepare pictures/ --extra more/ --robust bin-camera/ --out build/set\n"
        "  smartbin-convert prepare pictures.csv --out build/set     (columns: path,label and, if wanted, role)\n"
        "  smartbin-convert prepare pictures/ lobby/ --out build/set   (lobby/: an export of `smartbin review`)\n\n"
        "Stopped with Ctrl-C, the same command reads the pictures again (minutes) and keeps what it has compared.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "places", nargs="+", type=Path, metavar="PLACE", help="a folder with one folder a class, or a CSV file"
    )
    parser.add_argument(
        "--extra", action="append", default=[], type=Path, metavar="PLACE", help="pictures to train on only"
    )
    parser.add_argument(
        "--robust",
        action="append",
        default=[],
        type=Path,
        metavar="PLACE",
        help="another camera: measured, never trained on",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="SET", help="the prepared set (2 GB for 13,000)")
    parser.add_argument("--validation", type=float, default=0.08, metavar="SHARE", help="share of each class (0.08)")
    parser.add_argument("--test", type=float, default=0.1, metavar="SHARE", help="share of each class (0.1)")
    parser.add_argument("--seed", type=read_seed, default=0, help="another seed, another split (0)")
    parser.add_argument(
        "--keep", type=Path, metavar="CSV", help="an earlier splits.csv: what trained or was held out there stays so"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tell near-duplicates by picture hash alone, look for no wrong labels"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if not (0 < options.validation < 1 and 0 < options.test < 1 and options.validation + options.test < 0.9):
        raise RecipeError("--validation and --test: each between 0 and 1, together below 0.9.")
    if (options.out / data.RUN).exists() and not (options.out / data.PIXELS).exists():
        raise RecipeError(
            f"{options.out}: a training run lies there, with a splits.csv of its own; give another --out."
        )
    if options.out.resolve().parent in [place.resolve() for place in options.places]:
        raise RecipeError(f"{options.out}: would be taken for a class by the next `prepare`; give another --out.")
    roles = ((options.places, MAIN), (options.extra, EXTRA), (options.robust, ROBUST))
    given = [(place, role) for places, role in roles for place in places]
    embedder = None if options.quick else features.imagenet()
    earlier = data.read_splits(options.keep) if options.keep else []
    shares = (options.validation, options.test)
    findings = prepare(given, options.out, embedder, shares, seed=options.seed, earlier=earlier)
    print(to_text(findings, options.out))
