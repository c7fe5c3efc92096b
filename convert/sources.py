"""Where pictures come from: folders with one folder a class, or a CSV that names each picture and its label."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from convert.errors import DataError
from convert.split import EXTRA, MAIN, ROBUST
from edge.images import SUFFIXES
from edge.review.formats import UNLABELLED
from edge.site_item import NOT_AN_ITEM, parse_picture_name

ROLES = (MAIN, EXTRA, ROBUST)
_PROBLEMS_SHOWN = 10
_OF_PHONES = {".heic", ".heif"}  # cannot be read, which is told of each rather than overlooked


@dataclass(frozen=True, slots=True)
class Source:
    """A picture file, what it is filed as, and what it may be used for (main, extra or robust).

    bin, day: of a picture that `smartbin review export` took from a bin, else "". Its label is "" where there is none.
    """

    path: Path
    label: str
    role: str
    bin: str = ""
    day: str = ""

    @property
    def unusable(self) -> str | None:
        """Why nothing can be learned from a picture of a bin, or None."""
        if self.bin and self.label == "":
            return "nobody has labelled it"
        return "labelled as no item" if self.bin and self.label == NOT_AN_ITEM else None


def find_sources(given: Sequence[tuple[Path, str]]) -> list[Source]:
    """The pictures of (folder or CSV file, role) pairs, in this order. Raises DataError."""
    return [
        source
        for place, role in given
        for source in (read_table(place, role) if place.is_file() else read_folder(place, role))
    ]


def find_pictures(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """The picture files in the class folders of `folder`, sorted. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder or file. Give a folder with one folder a class, or a CSV file.")
    found = sorted(p for p in folder.glob("[!.]*/[!.]*") if p.suffix.lower() in suffixes)
    if not found:
        raise DataError(f"{folder}: no pictures in class folders. Expected {folder}/CLASS/PICTURE.jpg (or .png ...).")
    return found


def read_folder(folder: Path, role: str) -> list[Source]:
    """The pictures of a folder, labelled by the folders that they are in."""
    return [_source(path, path.parent.name, role) for path in find_pictures(folder, SUFFIXES | _OF_PHONES)]


def _source(path: Path, folder: str, role: str) -> Source:
    name = parse_picture_name(path.name)
    if name is None:
        return Source(path, label_of(folder), role)
    return Source(path, "" if folder == UNLABELLED else label_of(folder), role, name.bin_id, name.day)


def folder_labels(given: Sequence[tuple[Path, str]]) -> set[str]:
    """The labels of the class folders that are to be dealt out, also of those in which there is no picture."""
    places = [place for place, role in given if role == MAIN]
    names = {label_of(p.name) for place in places for p in place.glob("[!.]*") if p.is_dir()}
    return names - {UNLABELLED, NOT_AN_ITEM}


def read_table(table: Path, role: str) -> list[Source]:
    """The pictures of a CSV with the columns path, label and perhaps role, which otherwise is the given one.

    With the columns bin and day it is of bins, and a label may be missing.

    Relative paths start at the folder of the CSV. Raises DataError, which names every bad line.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            if not {"path", "label"} <= set(rows.fieldnames or ()):
                raise DataError(
                    f"{table}: the first line must name the columns path and label, and role if wanted, "
                    f"with commas between them; it is: {','.join(rows.fieldnames or ())}"
                )
            # What stands beyond the last column is none of ours.
            lines = [(rows.line_num, {k: (v or "").strip() for k, v in row.items() if k is not None}) for row in rows]
    except OSError as error:
        raise DataError(f"{table}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not a CSV file in UTF-8 ({error}).") from error
    _check(table, lines)
    return [
        Source(
            table.parent / row["path"],
            label_of(row["label"]),
            row.get("role") or role,
            row.get("bin", ""),
            row.get("day", ""),
        )
        for _, row in lines
    ]


def label_of(text: str) -> str:
    """The text in one spelling: a Mac's file names spell an accent as a letter of its own, most CSV files do not."""
    return unicodedata.normalize("NFC", text.strip())


def _check(table: Path, lines: Sequence[tuple[int, dict[str, str]]]) -> None:
    if not lines:
        raise DataError(f"{table}: no pictures below the first line.")
    problems = list(_problems(lines))
    if problems:
        more = [f"and {len(problems) - _PROBLEMS_SHOWN} more"] if len(problems) > _PROBLEMS_SHOWN else []
        raise DataError(f"{table}:\n  " + "\n  ".join(problems[:_PROBLEMS_SHOWN] + more))


def _problems(lines: Sequence[tuple[int, dict[str, str]]]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, row in lines:
        path, role = row["path"], row.get("role")
        if not path:
            yield f"line {number}: no path"
        elif path in seen:
            yield f"line {number}: {path} is on line {seen[path]} already; name every picture once"
        if not row["label"] and not row.get("bin"):
            yield f"line {number}: no label"
        if role and role not in ROLES:
            yield f"line {number}: role {role!r}; it is main, extra, robust, or nothing"
        if bool(row.get("bin")) != bool(row.get("day")):
            yield f"line {number}: bin and day go together; give both or neither"
        seen.setdefault(path, number)
