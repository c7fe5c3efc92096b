"""The store of kept items: its order, its quota, two processes at once, damage, and a full disk. Real files."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from site_items import JPEG, opened, site_item, taken
from small_disk import fill, mounted

from edge.adapters.site_files import SiteFiles
from edge.adapters.site_folder import HEADROOM
from edge.adapters.site_store import SiteStore
from edge.errors import SiteConflictError, SiteError, SiteItemMissingError
from edge.site_item import SiteItem

AT = "2026-11-26T10:00:00.000Z"
ROOM = HEADROOM + 400_000  # for about forty of the tests' items


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """For many writes: in memory where there is such a place, for what is killed here loses nothing of the system's."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_what_was_added_comes_back_also_in_another_process(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    store, item = opened(folder), site_item(1)
    assert store.add(item, JPEG)
    assert store.add(item, b"another"), "twice is fine"
    other = opened(folder)
    assert (other.get(item.item_id), other.picture(item.item_id)) == (item, JPEG)
    assert (other.counts().total, other.counts().labelled) == (1, 0)
    other.remove(item.item_id)
    with pytest.raises(SiteItemMissingError):
        store.get(item.item_id)
    assert store.counts().total == 0
    assert not list(folder.glob("2026*")), "nothing is left behind"
    for each in (store, other, store):
        each.close()


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    store = opened(tmp_path / "captures")
    store.add(site_item(1), JPEG)
    store.label(site_item(1).item_id, "glass", "page", AT, 0)
    for path in [tmp_path / "captures", *(tmp_path / "captures").rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    store.close()


def test_looking_at_nothing_makes_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "captures")
    assert store.counts().total == 0
    assert list(store.page(None, 10).items) == list(store.labelled()) == []
    with pytest.raises(SiteItemMissingError):
        store.label("x", "glass", "page", AT, None)
    store.tend()
    assert not list(tmp_path.iterdir())


def test_labels_count_their_changes_and_the_slower_of_two_people_is_told(tmp_path: Path) -> None:
    ours, theirs = opened(tmp_path), opened(tmp_path)
    ours.add(site_item(1), JPEG)
    item_id = site_item(1).item_id
    labelled = ours.label(item_id, "glass", "page", AT, 0)
    assert (labelled.label, labelled.labelled_by, labelled.labelled_at, labelled.revision) == ("glass", "page", AT, 1)
    with pytest.raises(SiteConflictError, match="glass") as caught:
        theirs.label(item_id, "metal", "page", AT, 0)
    assert (caught.value.revision, caught.value.label) == (1, "glass")
    assert theirs.label(item_id, None, "page", AT, 1).labelled_by is None, "undo"
    assert ours.get(item_id).revision == 2
    with pytest.raises(ValueError, match="label"):
        ours.label(item_id, "a/b", "page", AT, None)
    ours.close()
    theirs.close()


def test_pages_show_the_most_useful_first_and_labelled_ones_by_their_time(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number, usefulness in enumerate([0.1, 0.9, 0.5, 0.5, 0.3]):
        store.add(site_item(number, usefulness=usefulness), JPEG)
    seen, after = [], None
    while True:
        page = store.page(after, 2, labelled=False)
        seen += [int(item.item_id[-3:]) for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [1, 3, 2, 4, 0], "of equals the newest"
    for number, label, minute in [(2, "glass", 3), (0, "metal", 1), (4, "glass", 2)]:
        store.label(site_item(number).item_id, label, "page", f"2026-11-26T10:0{minute}:00.000Z", 0)
    first = store.page(None, 2, labelled=True)
    rest = store.page(first.next, 2, labelled=True)
    assert [int(i.item_id[-3:]) for i in (*first.items, *rest.items)] == [2, 4, 0]
    assert [int(i.item_id[-3:]) for i in store.page(None, 9, label="glass").items] == [2, 4]
    assert [int(i.item_id[-3:]) for i in store.labelled()] == [0, 2, 4]
    assert [int(i.item_id[-3:]) for i in store.items(labelled=False)] == [1, 3]
    counts = store.counts()
    assert (counts.total, counts.labelled, counts.by_label) == (5, 3, {"glass": 2, "metal": 1})
    with pytest.raises(ValueError, match="page"):
        store.page("nonsense", 2)
    store.close()


def test_the_quota_is_never_passed_and_the_least_useful_and_oldest_go_first(memory_path: Path) -> None:
    store = opened(memory_path, ROOM)
    for number in range(2000):
        added = store.add(site_item(number, usefulness=(0.2, 0.9)[number % 2]), JPEG)
        assert added or number % 2 == 0
        if number % 50 == 0:
            assert taken(memory_path) <= ROOM
    kept = [(item.usefulness, int(item.item_id[-4:])) for item in store.items()]
    assert 10 < len(kept) < 60
    assert all(usefulness == 0.9 for usefulness, _ in kept), "the useful ones have pushed the others out"
    numbers = [number for _, number in kept]
    assert numbers == list(range(numbers[0], 2000, 2)), "of equals the oldest went"
    assert not store.add(site_item(9000, usefulness=0.1), JPEG), (
        "what is less useful than all that is there is not kept"
    )
    assert store.counts().bytes + HEADROOM <= ROOM
    store.close()


def test_labelled_items_stay_until_the_quota_itself_is_made_smaller(
    memory_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(memory_path, ROOM)
    numbers = range(200)
    for number in numbers:
        if store.add(site_item(number), JPEG):
            store.label(site_item(number).item_id, "glass", "page", AT, 0)
    kept = store.counts()
    assert 10 < kept.labelled == kept.total < 200
    assert not store.add(site_item(300, usefulness=1.0), JPEG)
    assert taken(memory_path) <= ROOM
    store.close()
    with caplog.at_level(logging.WARNING):
        smaller = opened(memory_path, ROOM - 100_000)
        assert smaller.counts() == kept, "looking at it changes nothing"
        smaller.tend()
        assert kept.total - 20 < smaller.counts().labelled < kept.total
    assert "capture.max_mb" in caplog.text
    assert taken(memory_path) <= ROOM - 100_000
    smaller.close()


def test_it_takes_no_more_than_its_share_of_what_others_leave(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(memory_path, max_disk_share=0.5)
    for number in range(60):
        store.add(site_item(number), JPEG)
    size = store.counts().bytes
    free = [2 * HEADROOM]

    def usage(_: object) -> object:
        return type("Usage", (), {"free": free[0]})

    monkeypatch.setattr(shutil, "disk_usage", usage)
    free[0] = 2 * HEADROOM + 200_000  # others have filled the rest
    store.tend()
    assert 0 < store.counts().bytes < size
    free[0] = 0
    store.tend()
    assert store.counts().total == 0, "a full disk: everything without a label gives way"
    store.close()


def test_an_index_that_is_gone_damaged_or_wrong_is_made_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(20):
        store.add(site_item(number), JPEG)
    store.label(site_item(3).item_id, "glass", "page", AT, 0)
    store.close()
    index = tmp_path / "index.db"

    def gone() -> None:
        index.unlink()

    def nonsense() -> None:
        index.write_bytes(b"this is no database" * 1000)

    def overwritten() -> None:
        content = bytearray(index.read_bytes())
        content[4096:] = bytes(range(256)) * ((len(content) - 4096) // 256)
        index.write_bytes(bytes(content))

    def of_tomorrow() -> None:
        with sqlite3.connect(index) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()

    def forgetful() -> None:
        with sqlite3.connect(index) as db:
            db.execute("DELETE FROM items WHERE item_id LIKE '%5'")
            db.execute("UPDATE items SET stamp = '', label = NULL WHERE label = 'glass'")
            db.execute("INSERT INTO items VALUES ('ghost', '2026-11-20', NULL, '', 1, 0, 1, '', 1)")
        db.close()

    for harm in (gone, nonsense, overwritten, of_tomorrow, forgetful):
        harm()
        again = opened(tmp_path)
        counts = again.counts()
        assert (counts.total, counts.by_label) == (20, {"glass": 1}), harm.__name__
        again.close()


def test_an_index_deleted_while_it_is_open_is_noticed(tmp_path: Path) -> None:
    store, other = opened(tmp_path / "captures"), opened(tmp_path / "captures")
    for number in range(3):
        store.add(site_item(number), JPEG)
    assert other.counts().total == 3
    for path in sorted((tmp_path / "captures").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert store.counts().total == 0, "an owner who deletes everything by hand is obeyed"
    assert store.add(site_item(9), JPEG)
    assert other.get(site_item(9).item_id)
    store.close()
    other.close()


def test_a_label_that_the_index_does_not_know_of_protects_all_the_same(memory_path: Path) -> None:
    store = opened(memory_path, ROOM)
    store.add(site_item(0, usefulness=0.0), JPEG)
    stale = memory_path / "index.db"
    with sqlite3.connect(stale) as db:
        db.execute("UPDATE items SET label = NULL")
    db.close()
    killed = opened(memory_path)
    killed.label(site_item(0).item_id, "glass", "page", AT, 0)
    with sqlite3.connect(stale) as db:  # as if it had been killed before it told the index
        db.execute("UPDATE items SET label = NULL")
    db.close()
    for number in range(1, 100):
        store.add(site_item(number), JPEG)
    assert store.get(site_item(0).item_id).label == "glass"
    store.close()
    killed.close()


def test_a_sidecar_that_cannot_be_read_takes_room_and_is_left_alone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(3):
        store.add(site_item(number), JPEG)
    damaged = tmp_path / "2026-11-26" / f"{site_item(1).item_id}.json"
    damaged.write_bytes(b'{"schema":2}')
    assert len(store.page(None, 9).items) == 2
    assert [item.item_id[-1] for item in store.items()] == ["0", "2"]
    store.close()
    again = opened(tmp_path)
    assert again.counts().total == 2
    assert again.counts().bytes == 3 * 2 * 4096
    with pytest.raises(SiteItemMissingError):
        again.get(site_item(1).item_id)
    assert damaged.exists(), "a newer version may have written it"
    again.close()


def test_one_of_which_nothing_is_left_but_a_damaged_sidecar_is_in_nobodys_way(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(4):
        store.add(site_item(number), JPEG)
    for number in (0, 1):
        (tmp_path / "2026-11-26" / f"{site_item(number).item_id}.json").write_bytes(b"{")
        (tmp_path / "2026-11-26" / f"{site_item(number).item_id}.jpg").unlink()
    with pytest.raises(SiteItemMissingError):
        store.get(site_item(1).item_id)
    store.close()
    small = opened(tmp_path, max_bytes=1)
    small.tend()  # the oldest goes first
    assert [item.item_id for item in small.items()] == []
    small.close()


def test_what_is_deleted_while_the_folder_is_read_keeps_nothing_else_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(tmp_path)) as store:
        for number in range(3):
            store.add(site_item(number), JPEG)
    (tmp_path / "index.db").unlink()
    gone = site_item(0)
    (tmp_path / gone.day / f"{gone.item_id}.jpg").unlink()
    read = SiteFiles.read

    def deleted(files: SiteFiles, day: str, item_id: str) -> SiteItem:
        if item_id == gone.item_id:
            (tmp_path / day / f"{item_id}.json").unlink()
        return read(files, day, item_id)

    monkeypatch.setattr(SiteFiles, "read", deleted)
    with closing(opened(tmp_path)) as store:
        assert store.counts().total == 2


def test_files_of_other_people_are_left_alone(tmp_path: Path) -> None:
    not_text = [os.fsdecode(b"caf\xe9" + suffix) for suffix in (b".json", b".jpg")]
    names = ("holiday.jpg", "list.json", ".hidden", "my list.json", "my list.jpg", *not_text)
    theirs = [tmp_path / "2026-11-26" / name for name in names]
    theirs[0].parent.mkdir()
    for path in theirs:
        path.write_bytes(b"{}")
    store = opened(tmp_path)
    assert (store.counts().total, store.counts().bytes) == (0, 0)
    store.add(site_item(1), JPEG)
    store.remove(site_item(1).item_id)
    store.close()
    assert all(path.exists() for path in theirs)


def test_a_full_disk_is_an_error_that_heals_and_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.add(site_item(0), JPEG)
    before = sorted(tmp_path.rglob("*"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SiteError, match="disk is full"):
            store.add(site_item(1), JPEG)
        with pytest.raises(SiteError, match="disk is full"):
            store.label(site_item(0).item_id, "glass", "page", AT, 0)
        assert sorted(tmp_path.rglob("*")) == before
    assert store.get(site_item(0).item_id).label is None
    assert store.add(site_item(1), JPEG)
    store.close()


def test_one_adds_while_others_label(memory_path: Path) -> None:
    """Two people who label the same items, and a bin that pushes them out: each label is taken once or refused."""
    bin_, results = opened(memory_path, ROOM), list[str]()

    def person(label: str) -> None:
        store = opened(memory_path, ROOM)
        for _ in range(15):
            for item in store.page(None, 10, labelled=False).items:
                try:
                    store.label(item.item_id, label, "page", AT, item.revision)
                    results.append(item.item_id)
                except (SiteConflictError, SiteItemMissingError):
                    pass
        store.close()

    people = [threading.Thread(target=person, args=(label,)) for label in ("glass", "metal")]
    for one in people:
        one.start()
    for number in range(150):
        bin_.add(site_item(number), JPEG)
    for one in people:
        one.join()
    labelled = [item.item_id for item in bin_.labelled()]
    assert sorted(results) == sorted(labelled), "one label each, and none is lost"
    assert taken(memory_path) <= ROOM
    bin_.close()


@pytest.mark.root
def test_a_real_disk_that_is_full_loses_nothing_and_others_come_first(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 4) as disk:
        store = opened(disk / "captures")
        for number in range(100):
            store.add(site_item(number), JPEG)
        kept = store.counts()
        store.label(site_item(99).item_id, "glass", "page", AT, 0)
        filler = fill(disk)
        with pytest.raises(SiteError, match="disk is full"):
            store.label(site_item(98).item_id, "glass", "page", AT, 0)
        assert store.get(site_item(98).item_id).label is None
        store.tend()
        assert shutil.disk_usage(disk).free > 0, "they give way to what others put there"
        assert [item.item_id for item in store.labelled()] == [site_item(99).item_id]
        filler.unlink()
        assert store.add(site_item(200), JPEG)
        store.close()
        again = opened(disk / "captures")
        assert {item.item_id for item in again.items()} >= {site_item(99).item_id, site_item(200).item_id}
        assert again.counts().total < kept.total
        again.close()


@pytest.mark.root
def test_what_an_administrator_writes_stays_the_bins_own(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can write for another")
    home = tmp_path / "smart-bin"
    home.mkdir()
    os.chown(home, 12345, 12346)
    store = opened(home / "captures")
    store.add(site_item(1), JPEG)
    store.label(site_item(1).item_id, "glass", "import", AT, 0)
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in home.rglob("*")}
    store.close()
    assert owners == {(12345, 12346)}, "SQLite's own files, too"


ITEM = site_item(1).item_id


@pytest.mark.parametrize("name", [".lock", "index.db", f"2026-11-26/.{ITEM}.json.part"])
def test_no_link_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder, secret = tmp_path / "captures", tmp_path / "secret"
    store = opened(folder)
    store.add(site_item(1), JPEG)
    secret.write_text("not the bin's")
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12346)
    before = secret.stat()
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    with pytest.raises(SiteError, match="symbolic link"):
        (opened(folder) if name == "index.db" else store).label(site_item(1).item_id, "glass", "import", AT, 0)
    store.close()
    assert secret.read_text() == "not the bin's"
    assert (secret.stat().st_uid, secret.stat().st_gid) == (before.st_uid, before.st_gid)


def all_pictures(store: SiteStore) -> list[bytes]:
    return [store.picture(item.item_id) for item in store.items()]


@pytest.mark.parametrize("name", ["2026-11-26", f"2026-11-26/{ITEM}.jpg", f"2026-11-26/{ITEM}.json"])
def test_nothing_is_read_through_a_link(tmp_path: Path, name: str) -> None:
    """Else whoever had taken over the service had root copy any file onto the next stick."""
    store, place = opened(tmp_path / "captures"), tmp_path / "captures" / name
    store.add(site_item(1), JPEG)
    place.symlink_to(place.rename(tmp_path / "elsewhere"))
    with pytest.raises(SiteError, match="symbolic link"):
        all_pictures(store)
    store.close()


@pytest.mark.parametrize("name", [f"2026-11-26/{ITEM}.jpg", f"2026-11-26/{ITEM}.json"])
def test_no_pipe_is_waited_for(tmp_path: Path, name: str) -> None:
    store, place = opened(tmp_path / "captures"), tmp_path / "captures" / name
    store.add(site_item(1), JPEG)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(SiteError, match="not a file"):
        all_pictures(store)
    store.close()


@pytest.mark.parametrize("work", ["add", "evict", "label", "remove"])
def test_killed_at_every_line_it_stays_consistent(memory_path: Path, work: str) -> None:
    child = Path(__file__).with_name("site_store_child.py")
    tests = str(child.parents[1])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, str(child.parents[2])])}
    run = subprocess.run(
        [sys.executable, str(child), str(memory_path), work], env=environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert int(run.stdout) > 20, "that many lines were killed at"
