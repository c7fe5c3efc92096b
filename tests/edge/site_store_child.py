"""Run by test_site_store: one piece of work, killed (-9) at each line that it runs through, and looked at after that.

    python site_store_child.py FOLDER add|evict|label|remove

Prints at how many lines it was killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from site_items import JPEG, opened, site_item, taken

from edge.adapters.site_folder import HEADROOM

ROOM = HEADROOM + 250_000
NEW, LABELLED = site_item(50, usefulness=1.0), site_item(0)
AT = "2026-11-26T10:00:00.000Z"


def main(folder: Path, work: str) -> None:
    template = folder / "template"
    fill(template, 40 if work == "evict" else 3)
    line = 1
    while killed_at(line, fresh(template, folder / "store"), work):
        check(folder / "store", work)
        line += 1
    print(line - 1)


def fill(folder: Path, count: int) -> None:
    store = opened(folder, ROOM)
    for number in range(count):
        store.add(site_item(number), JPEG)
        if number == 0:
            store.label(LABELLED.item_id, "glass", "page", AT, 0)
    store.close()


def fresh(template: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    return folder


def killed_at(line: int, folder: Path, work: str) -> bool:
    """False when the work was over before."""
    child = os.fork()
    if child == 0:
        store = opened(folder, ROOM)
        store.counts()  # opened, so that the lines of the work alone are counted
        doing: dict[str, Callable[[], object]] = {
            "add": lambda: store.add(NEW, JPEG),
            "evict": lambda: store.add(NEW, JPEG),
            "label": lambda: store.label(LABELLED.item_id, "metal", "page", AT, 1),
            "remove": lambda: store.remove(LABELLED.item_id),
        }
        kill_at(line)
        doing[work]()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def kill_at(line: int) -> None:
    left = line

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not Path(frame.f_code.co_filename).name.startswith(("site_", "files")):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def check(folder: Path, work: str) -> None:
    """Everything that is there is whole, what was labelled is there, and nothing is left of what is not."""
    store = opened(folder, ROOM)
    items = list(store.items())
    assert all(store.picture(item.item_id) == JPEG for item in items)
    ids = {item.item_id for item in items}
    if work != "remove":
        assert LABELLED.item_id in ids
        assert store.get(LABELLED.item_id).label in (("glass", "metal") if work == "label" else ("glass",))
    assert site_item(2).item_id in ids or work == "evict"
    files = sorted(path.name for path in folder.glob("2*/*"))
    assert files == sorted(f"{name}.{kind}" for name in ids for kind in ("jpg", "json")), files
    assert taken(folder) <= ROOM
    assert store.add(site_item(60, usefulness=1.0), JPEG), "and it goes on"
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
