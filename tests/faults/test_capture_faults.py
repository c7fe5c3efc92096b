"""A bin whose kept items cannot be kept: it sorts on, and says so. A real process, a real folder that takes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from site_items import opened
from small_disk import fill, mounted

from edge.site_item import Why

pytestmark = pytest.mark.slow

CAPTURE = """
[capture]
mode = "on"
random_share = 1.0
path = "{path}"
[mqtt]
enabled = false"""


def bin_with(tmp_path: Path, tiny_model: Path, path: Path) -> BinProcess:
    text = config_text(tiny_model, coloured_pictures(tmp_path / "pictures", each=1), 1, tmp_path)
    return BinProcess(tmp_path, text.replace("[mqtt]", CAPTURE.format(path=path)))


def test_items_are_kept_by_a_running_bin(tmp_path: Path, tiny_model: Path) -> None:
    bin_ = bin_with(tmp_path, tiny_model, tmp_path / "captures")
    bin_.start()
    assert bin_.wait() == 0, bin_.log
    store = opened(tmp_path / "captures")
    items = list(store.items())
    assert len(items) == bin_.items == 8
    assert {item.why for item in items} == {(Why.RANDOM,)}
    assert {item.suggested for item in items} == {str(item.event.image).split("/")[0] for item in items if item.event}
    assert all(item.embedding is not None and len(item.embedding.vector) == 12 for item in items)
    assert all(store.picture(item.item_id).startswith(b"\xff\xd8") for item in items)
    store.close()


@pytest.mark.root
def test_a_full_disk_is_a_warning_and_the_bin_sorts(tmp_path: Path, tiny_model: Path) -> None:
    with mounted(tmp_path / "disk", 1) as disk:
        fill(disk)
        bin_ = bin_with(tmp_path, tiny_model, disk / "captures")
        bin_.start()
        assert bin_.wait() == 0, bin_.log
        assert bin_.items == 8
        assert "problem=capture_failed" in bin_.log
        assert "the disk is full" in bin_.log


def test_a_folder_that_takes_nothing_is_a_warning_and_the_bin_sorts(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    bin_ = bin_with(tmp_path, tiny_model, tmp_path / "file" / "captures")
    bin_.start()
    assert bin_.wait() == 0, bin_.log
    assert bin_.items == 8
    assert "problem=capture_failed" in bin_.log
