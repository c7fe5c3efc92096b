"""Kept items as a folder of pictures that people and other tools can use: all of it, or nothing.

The table comes last: a folder that has it is whole, also when a stick was pulled out.
"""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.adapters.site_store import SiteStore
from edge.errors import ReviewError, SiteItemMissingError
from edge.review import formats
from edge.site_item import NOT_AN_ITEM, SiteItem, picture_name

SPARE = 10_000_000  # bytes that an export leaves free at least
UNFINISHED = ".unfinished"
AGAIN = "check that the stick is in and has room, and export again"
Advance = Callable[[int, str], None]


@dataclass
class _Written:
    """An export on its way. name: of the folder that it will be in."""

    root: Path
    name: str
    kind: str
    rows: list[Sequence[object]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)

    def add(self, item: SiteItem, jpeg: bytes) -> None:
        below = (item.label or formats.UNLABELLED) if self.kind == formats.FOLDERS else formats.PICTURES
        path = f"{below}/{picture_name(item)}"
        (self.root / below).mkdir(exist_ok=True)
        (self.root / path).write_bytes(jpeg)
        self.rows.append(formats.row(item, path))
        if self.kind == formats.LABEL_STUDIO:
            self.tasks.append(formats.task(item, formats.image_url(self.name, path)))
            self.labels |= {item.label} if item.label else set()
            self.labels |= {choice.label for choice in item.event.top} if item.event else set()


def export(store: SiteStore, folder: Path, kind: str, labelled: bool | None, advance: Advance) -> int:
    """Write the items with a label, or (None) all, and return how many.

    kind: formats.FOLDERS, CSV or LABEL_STUDIO. Raises ReviewError: the place cannot be used; SiteError: the store.
    """
    folder = folder.resolve()
    with _place(folder, store) as unfinished:
        written = _Written(unfinished, folder.name, kind)
        for item, jpeg in _items(store, labelled):
            written.add(item, jpeg)
            advance(1, "")
        if not written.rows:
            raise ReviewError(["there is nothing to export: label items first, or export them with --all"])
        _write_tables(written, folder)
        os.sync()  # a stick may be pulled out once this has returned
        for path in sorted(unfinished.iterdir(), key=lambda path: path.name == formats.TABLE):
            path.rename(folder / path.name)
        os.sync()
    return len(written.rows)


@contextmanager
def _place(folder: Path, store: SiteStore) -> Iterator[Path]:
    """A folder to write into, within the one to be made; neither stays when it fails."""
    _check(folder, store)
    unfinished, is_new = folder / UNFINISHED, not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)  # of an export that was killed
        unfinished.mkdir()
        yield unfinished
    except OSError as error:
        where = error.filename or folder
        raise ReviewError(
            [f"{where}: {error.strerror}: nothing was exported, nothing at the bin has changed; {AGAIN}"]
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new:
            with suppress(OSError):
                folder.rmdir()  # unless there is something in it


def _check(folder: Path, store: SiteStore) -> None:
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {UNFINISHED}):
        raise ReviewError([f"{folder} is there already: name a new folder, or one that is empty"])
    if not folder.parent.is_dir():
        raise ReviewError([f"{folder.parent} is not there: is the stick in? Otherwise make that folder first"])
    needed, free = store.counts().bytes + SPARE, shutil.disk_usage(folder.parent).free
    if needed > free:
        raise ReviewError([f"{folder}: {free / 1e6:.0f} MB are free there, an export may need {needed / 1e6:.0f} MB"])


def _items(store: SiteStore, labelled: bool | None) -> Iterator[tuple[SiteItem, bytes]]:
    for item in store.items(labelled):
        with suppress(SiteItemMissingError):  # given up meanwhile
            yield item, store.picture(item.item_id)


def _write_tables(written: _Written, folder: Path) -> None:
    with (written.root / formats.TABLE).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(formats.COLUMNS)
        table.writerows(written.rows)
    if written.kind == formats.LABEL_STUDIO:
        labels = [*sorted(written.labels - {NOT_AN_ITEM}), NOT_AN_ITEM]
        texts = {
            formats.TASKS: json.dumps(written.tasks, ensure_ascii=False, indent=1),
            formats.CONFIG: formats.label_config(labels),
            formats.HELP: formats.LABEL_STUDIO_HELP.format(quoted_root=shlex.quote(str(folder.parent)), folder=folder),
        }
        for name, text in texts.items():
            (written.root / name).write_text(text, encoding="utf-8")
