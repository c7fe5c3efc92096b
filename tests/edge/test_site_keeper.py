"""What is shown in teach mode lies on the disk with its label, or it is said why not."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from site_items import opened

from edge.adapters.site_folder import LOCK
from edge.adapters.site_keeper import KeeperSettings, SiteKeeper
from edge.adapters.site_store import SiteStore
from edge.errors import SiteError
from edge.model import Box, Prediction
from edge.site_item import Why
from edge.testing import blank_frame

BOX = Box(0.25, 0.25, 0.5, 0.5)
SEEN = Prediction(np.zeros(2, np.float32), np.linspace(0, 1, 12, dtype=np.float32), 1.0)


def keeper(store: SiteStore, within_s: float = 30.0, new_id: Callable[[], str] = lambda: "0198") -> SiteKeeper:
    settings = KeeperSettings("lobby-1", "ab" * 32, 0.25, blurred=False)
    return SiteKeeper(store, settings, wall=lambda: "2026-11-26T08:00:00.000Z", new_id=new_id, within_s=within_s)


def test_an_item_is_kept_with_its_label_and_what_the_model_saw(tmp_path: Path) -> None:
    store = opened(tmp_path / "captures")
    kept = keeper(store)
    assert kept.keep(blank_frame(), BOX, SEEN, "cup") == "0198"
    item = store.get("0198")
    assert (item.label, item.labelled_by, item.why, item.revision) == ("cup", "teach-mode", (Why.TAUGHT,), 1)
    assert item.event is None
    assert item.embedding is not None
    np.testing.assert_allclose(item.embedding.vector, SEEN.embedding, atol=1e-3)  # type: ignore[arg-type] # is one
    assert store.picture("0198")[:2] == b"\xff\xd8"
    kept.close()
    kept.close()


def test_a_folder_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("no folder")
    with pytest.raises(SiteError):
        keeper(opened(tmp_path / "captures")).keep(blank_frame(), BOX, SEEN, "cup")


def test_no_room_is_said(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="no room"):
        keeper(opened(tmp_path / "captures", max_bytes=1)).keep(blank_frame(), BOX, SEEN, "cup")


def test_the_loop_does_not_wait_long_for_a_slow_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, go_on = opened(tmp_path / "captures"), Event()
    monkeypatch.setattr(store, "add", lambda *_: go_on.wait(30))
    kept = keeper(store, within_s=0.01)
    with pytest.raises(SiteError, match="too long"):
        kept.keep(blank_frame(), BOX, SEEN, "cup")
    go_on.set()
    kept.close()


STOPPED = """
import sys
from pathlib import Path
from test_site_keeper import *

store = opened(Path(sys.argv[1]))
kept = keeper(store, within_s=0.05)
try:
    kept.keep(blank_frame(), BOX, SEEN, "cup")
except SiteError as error:
    print(error)
kept.close()
"""


def test_a_folder_that_does_not_answer_keeps_no_bin_from_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    paths = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    with (folder / LOCK).open("w") as other_program:
        fcntl.flock(other_program, fcntl.LOCK_EX)
        command = [sys.executable, "-c", STOPPED, str(folder)]
        environ = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "took too long" in done.stdout
