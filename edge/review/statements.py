"""What an import says of items: a class folder, a table, or an export of Label Studio, read into one form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from edge.errors import ReviewError
from edge.images import SUFFIXES
from edge.review.formats import TABLE, UNLABELLED
from edge.site_item import checked_label, parse_picture_name


@dataclass(frozen=True, slots=True)
class Statement:
    """Somebody says what an item is.

    revision: of the item when it was exported, where that is known. where: it says so, for people.
    """

    item_id: str
    label: str
    revision: int | None
    where: str


@dataclass(frozen=True, slots=True)
class Said:
    """All that was read. silent: how many items it says nothing of. problems: what could not be read."""

    statements: Sequence[Statement]
    silent: int
    problems: Sequence[str]


def read(path: Path) -> Said:
    """A folder of class folders, a .csv or a .json. Raises ReviewError: it is none, or cannot be read at all."""
    try:
        if path.is_dir():
            lines = _of_folder(path)
        elif path.suffix.lower() == ".json":
            lines = _of_label_studio(path)
        else:
            lines = _of_table(path)
        return _gathered(lines)
    except OSError as error:
        raise ReviewError(
            [f"{error.filename or path}: {error.strerror}: check the path, and that the stick is in"]
        ) from error
    except (ValueError, csv.Error, RecursionError) as error:  # the first also of a number with thousands of digits
        raise ReviewError(
            [f"{path}: neither a table (CSV, UTF-8) nor an export of Label Studio (JSON): {error}"]
        ) from error


@dataclass(frozen=True, slots=True)
class _Line:
    """One picture as it was found. label: None where nothing is said. problem: why it cannot be used."""

    where: str
    item_id: str = ""
    label: str | None = None
    revision: int | None = None
    problem: str | None = None


def _gathered(lines: Iterator[_Line]) -> Said:
    statements, problems, silent = list[Statement](), list[str](), 0
    for line in lines:
        if line.problem is not None:
            problems.append(f"{line.where}: {line.problem}")
        elif line.label is None:
            silent += 1
        else:
            try:
                label = checked_label(line.label)
            except ValueError as error:
                problems.append(f"{line.where}: {error}")
            else:
                statements.append(Statement(line.item_id, label, line.revision, line.where))
    return Said(statements, silent, problems)


def _of_folder(folder: Path) -> Iterator[_Line]:
    """The labels are the folders; the revisions are in the table that the export put beside them."""
    revisions = _revisions(folder / TABLE)
    pictures = sorted(p for p in folder.glob("[!.]*/[!.]*") if p.suffix.lower() in SUFFIXES)
    if not pictures:
        raise ReviewError([f"{folder}: no pictures in class folders; for another export name its .csv or .json"])
    for path in pictures:
        where = f"{path.parent.name}/{path.name}"
        name = parse_picture_name(path.name)
        if name is None:
            yield _Line(
                where, problem="not a picture of an export: its name must be <bin>__<day>__<item>.jpg, as it was"
            )
        else:
            label = None if path.parent.name == UNLABELLED else path.parent.name
            yield _Line(where, name.item_id, label, revisions.get(name.item_id))


def _revisions(table: Path) -> Mapping[str, int]:
    if not table.is_file():  # nor is a pipe waited for
        return {}
    return {line.item_id: line.revision for line in _of_table(table) if line.revision is not None}


def _of_table(path: Path) -> Iterator[_Line]:
    text = path.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    # a spreadsheet may have put its country's sign for the comma
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns = set(rows.fieldnames or ())
    if "label" not in columns or not columns & {"item_id", "path"}:
        raise ReviewError([f"{path}: the first line must name the columns label and item_id (or path); it is: {first}"])
    for row in rows:
        yield _of_row(f"{path.name} line {rows.line_num}", {k: (v or "").strip() for k, v in row.items() if k})


def _of_row(where: str, row: Mapping[str, str]) -> _Line:
    name = parse_picture_name(row.get("path", "").replace("\\", "/").rpartition("/")[2])
    item_id = row.get("item_id") or (name.item_id if name else "")
    if not item_id:
        return _Line(where, problem="names no item: item_id is empty, and path is none of an export")
    if name is not None and name.item_id != item_id:
        return _Line(where, problem=f"item_id says {item_id}, path says {name.item_id}")
    revision = row.get("revision", "")
    return _Line(where, item_id, row["label"] or None, int(revision) if revision.isdecimal() else None)


def _of_label_studio(path: Path) -> Iterator[_Line]:
    tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ReviewError([f"{path}: not a list of tasks; in Label Studio choose Export, JSON"])
    for number, task in enumerate(tasks, 1):
        yield from _of_task(f"{path.name} task {task.get('id', number)}", task)


def _of_task(where: str, task: Mapping[str, Any]) -> Iterator[_Line]:
    """Each annotation that was not skipped. In its short form (JSON_MIN) a task is its data and the label."""
    data = task.get("data", task)
    image = data.get("image") if isinstance(data, dict) else None
    name = parse_picture_name(unquote(image)) if isinstance(image, str) else None
    item_id = data.get("item_id") if isinstance(data, dict) else None
    if not (isinstance(item_id, str) and item_id.isprintable()):  # half a letter is no text for the store
        if name is None:
            yield _Line(where, problem="names no item: neither item_id nor image is one of an export")
            return
        item_id = name.item_id
    revision = data.get("revision")
    known = revision if type(revision) is int else None
    for labels in _choices(task) or [[]]:
        if len(labels) > 1:
            yield _Line(where, problem=f"has several labels: {', '.join(labels)}")
        else:
            yield _Line(where, item_id, labels[0] if labels else None, known)


def _choices(task: Mapping[str, Any]) -> list[list[str]]:
    """The labels of each annotation."""
    if "data" not in task:
        label = task.get("label")
        labels = label.get("choices") if isinstance(label, dict) else label
        return [[str(one) for one in (labels if isinstance(labels, list) else [labels])]] if labels else []
    annotations = task.get("annotations")
    found = []
    for annotation in annotations if isinstance(annotations, list) else ():
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            found.append([label for result in _list(annotation.get("result")) for label in _of_result(result)])
    return found


def _of_result(result: Any) -> list[str]:
    value = result.get("value") if isinstance(result, dict) and result.get("type") == "choices" else None
    return [str(label) for label in _list(value.get("choices"))] if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
