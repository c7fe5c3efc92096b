"""Updates from a signed repository: python-tuf on both sides, a real web server between them, and those who cheat."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from broker_fixtures import wait_until
from modelrepo import Publisher, Server, bin_settings, head_for, serving, store_of, works
from small_disk import fill, mounted
from tinymodel import COLOURS

from convert.signing import KeyFolder
from edge import chosen, fittings, manifest, updater
from edge.adapters.archive import unpack
from edge.adapters.arrivals import Arrivals
from edge.adapters.files import write_atomic
from edge.adapters.head_store import HeadStore
from edge.config import Settings
from edge.errors import UpdateError
from edge.head import from_bytes
from edge.settings.learning import UpdateSettings
from edge.state import Updates


@dataclass
class World:
    """A publisher, a server of its files, and a bin."""

    publisher: Publisher
    server: Server
    settings: Settings

    @property
    def files(self) -> Path:
        return self.publisher.files

    def update(self) -> str:
        return updater.update(self.settings)

    def refused(self, *, noted: bool = True) -> str:
        """The message of an update that is refused; the bin has a working model before and after."""
        before = works(self.settings)
        with pytest.raises(UpdateError) as error:
            self.update()
        assert works(self.settings) == before
        checked = Arrivals(store_of(self.settings)).last_check()
        assert checked is not None
        assert (checked.ok, checked.message == str(error.value)) == (False, noted)
        return str(error.value)

    def target(self) -> Path:
        (path,) = (self.files / "targets").glob("*tiny-colours-2.0*")
        return path


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here is not how long a disk takes; kills are in test_update_kills.py."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    publisher = Publisher(tmp_path / "publisher")
    (tmp_path / "bin").mkdir()
    with serving(publisher.files) as server:
        yield World(publisher, server, bin_settings(tmp_path / "bin", server.url, publisher.root))


def test_a_new_model_is_fetched_verified_and_ready(world: World) -> None:
    package = world.publisher.add("2.0")
    assert world.update() == "tiny-colours-2.0 is ready; take it with `smartbin models use tiny-colours-2.0`"
    assert works(world.settings) == "1.0.0", "it is not taken by itself"
    chosen.use_model(world.settings, package)
    assert works(world.settings) == "2.0"
    assert world.update() == "up to date: tiny-colours-2.0 runs"
    assert not list((world.settings.models_folder / ".incoming").iterdir())


def test_nothing_is_asked_while_it_is_off(world: World, tmp_path: Path) -> None:
    off = bin_settings(tmp_path / "bin", world.server.url, world.publisher.root, mode="off")
    assert updater.update(off) == updater.OFF
    assert world.server.asked == []


def test_an_empty_repository_and_the_model_that_runs_already(world: World) -> None:
    assert "offers no model" in world.update()
    world.publisher.add("1.0.0")
    assert world.update() == "up to date: tiny-colours-1.0.0 runs"


def test_in_shadow_mode_it_becomes_the_candidate(world: World, tmp_path: Path) -> None:
    package = world.publisher.add("2.0")
    settings = bin_settings(tmp_path / "bin", world.server.url, world.publisher.root, mode="shadow")
    assert "answers beside the model that sorts" in updater.update(settings)
    assert store_of(settings).candidate() == package


def test_what_was_put_back_is_not_taken_again_by_itself(world: World) -> None:
    package = world.publisher.add("2.0")
    world.update()
    chosen.use_model(world.settings, package)
    chosen.use_model(world.settings, "shipped")
    assert "was put back here (put back by hand)" in world.update()


def test_a_withdrawn_release_gives_the_one_before_it(world: World) -> None:
    world.publisher.add("2.0")
    world.publisher.add("3.0")
    assert "tiny-colours-3.0 is ready" in world.update()
    world.publisher.repository.withdraw("tiny-colours-3.0")
    assert "tiny-colours-2.0 is ready" in world.update()


def test_packages_that_nobody_goes_back_to_are_removed(world: World) -> None:
    for version in ("2.0", "3.0", "4.0", "5.0"):
        app_package = world.publisher.add(version)
        world.update()
        chosen.use_model(world.settings, app_package)
    assert list(store_of(world.settings).installed()) == [f"tiny-colours-{n}.0" for n in (3, 4, 5)]


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_rotated_key_is_followed(world: World, role: str) -> None:
    world.publisher.add("2.0")
    world.update()
    world.publisher.repository.rotate(role)
    world.publisher.add("3.0")
    assert "tiny-colours-3.0 is ready" in world.update()


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_rotation_that_was_stopped_halfway_is_finished_by_a_refresh(
    world: World, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    world.publisher.add("2.0")
    with monkeypatch.context() as patch:
        patch.setattr(KeyFolder, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            world.publisher.repository.rotate(role)
    assert world.publisher.repository.refresh() == []
    assert "tiny-colours-2.0 is ready" in world.update()


def test_keys_rotated_while_the_bin_was_away_are_followed_one_by_one(world: World) -> None:
    for role in ("root", "timestamp", "root", "targets"):
        world.publisher.repository.rotate(role)
    world.publisher.add("2.0")
    assert "is ready" in world.update()


def test_a_bin_looks_in_a_process_of_its_own_and_tells_what_came_of_it(world: World) -> None:
    package = world.publisher.add("2.0")
    (child,) = fittings.updates_for(world.settings)
    with closing(child):
        assert child.told() == Updates(), "nobody has looked yet"
        assert child.begin() is None
        assert child.begin() == "a look is on its way already"
        wait_until(lambda: not child.told().looking, within_s=60)
        told = child.told()
    assert (told.ok, told.message) == (True, f"{package} is ready; take it with `smartbin models use {package}`")


def test_a_bin_that_ends_ends_the_look(world: World) -> None:
    (child,) = fittings.updates_for(world.settings)
    child.begin()
    child.close()
    assert not child.told().looking
    assert not fittings.updates_for(world.settings.model_copy(update={"update": UpdateSettings()}))


# --- taught heads ---


def heads_of(settings: Settings) -> HeadStore:
    return chosen.heads_of(settings, manifest.load(settings.model.path))


def test_a_head_for_the_model_that_runs_is_fetched_once_and_ready(world: World) -> None:
    shipped = world.settings.model.path
    world.publisher.add("1.0.0")
    assert world.publisher.add_head(head_for(shipped)).endswith("-2")
    world.publisher.add_head(head_for(shipped, model_sha256="b" * 64))
    up_to_date = "up to date: tiny-colours-1.0.0 runs"
    assert world.update() == f"{up_to_date}; head 0001 is ready; take it with `smartbin models use 0001`"
    assert world.update() == up_to_date
    heads = heads_of(world.settings)
    assert (list(heads.numbers()), heads.chosen()) == (["0001"], "base")
    chosen.use_model(world.settings, "0001")
    assert heads.chosen() == "0001"


@pytest.mark.parametrize(("chosen", "answers"), [("base", "0002"), ("0001", "0001")])
def test_where_models_change_by_themselves_it_answers_unless_one_was_taught_here(
    world: World, chosen: str, answers: str, tmp_path: Path
) -> None:
    settings = bin_settings(tmp_path / "bin", world.server.url, world.publisher.root, mode="auto")
    heads = heads_of(settings)
    heads.add(from_bytes(head_for(settings.model.path, made="2026-01-01T00:00:00Z")))
    heads.use(chosen)
    world.publisher.add_head(head_for(settings.model.path))
    updater.update(settings)
    assert heads.chosen() == answers


def test_a_head_that_was_kept_but_not_noted_is_not_kept_twice(world: World) -> None:
    content = head_for(world.settings.model.path)
    heads_of(world.settings).add(from_bytes(content))
    world.publisher.add_head(content)
    assert "head 0001 is ready" in world.update()
    assert list(heads_of(world.settings).numbers()) == ["0001"]


def test_a_damaged_head_keeps_no_new_one_away(world: World) -> None:
    content = head_for(world.settings.model.path)
    heads = heads_of(world.settings)
    heads.add(from_bytes(content))
    (heads.folder / "0001.npz").write_bytes(b"damaged")
    world.publisher.add_head(content)
    assert "head 0002 is ready" in world.update()


def test_a_head_with_a_label_that_goes_nowhere_or_of_others_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = world.settings.model.path
    labels = (*list(COLOURS)[:-1], "cup")
    world.publisher.add_head(head_for(shipped, labels=labels))
    assert "label 'cup' is not routed" in world.refused()
    monkeypatch.setattr("edge.adapters.head_update.from_bytes", lambda content: from_bytes(head_for(shipped)))
    assert "another model or other labels" in world.refused()


def test_a_tampered_head_is_refused_and_one_that_is_none_not_published(world: World) -> None:
    world.publisher.add_head(head_for(world.settings.model.path))
    (path,) = (world.files / "targets").glob("*.npz")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "a file is not the one that was signed" in world.refused()
    with pytest.raises(UpdateError, match="cannot be published"):
        world.publisher.add_head(b"no head")


# --- those who cheat ---


def test_a_tampered_package_is_refused(world: World) -> None:
    world.publisher.add("2.0")
    content = bytearray(world.target().read_bytes())
    content[2000] ^= 1
    world.target().write_bytes(content)
    assert "a file is not the one that was signed" in world.refused()
    assert not list((world.settings.models_folder / ".incoming").iterdir()), "and not gone on with"


def test_a_package_that_never_ends_is_refused(world: World) -> None:
    world.publisher.add("2.0")
    with world.target().open("ab") as file:
        file.write(b"\0" * 1_000_000)
    assert "is longer than" in world.refused()


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_tampered_metadata_is_refused(world: World, name: str) -> None:
    world.publisher.add("2.0")
    path = world.files / "metadata" / name
    document = json.loads(path.read_text())
    document["signed"]["expires"] = "2099-01-01T00:00:00Z"
    path.write_text(json.dumps(document))
    assert "not signed with the keys" in world.refused()


def test_damaged_metadata_is_refused(world: World) -> None:
    (world.files / "metadata" / "timestamp.json").write_text("{")
    assert "is not a repository as" in world.refused()


def test_an_expired_timestamp_says_to_check_the_clock(tmp_path: Path) -> None:
    with old_world(tmp_path, timedelta(days=-40)) as world:
        message = world.refused()
        assert "timestamp.json is expired" in message
        assert "check it with `timedatectl`" in message
        assert "smartbin-convert publish refresh" in message
        world.publisher.at(timedelta(days=39)).refresh()
        assert "is ready" in world.update()


def test_a_clock_that_is_years_ahead_says_so_too(tmp_path: Path) -> None:
    """The same for the bin: what is valid now is long expired by its clock."""
    with old_world(tmp_path, timedelta(days=-5 * 365)) as world:
        assert "is expired" in (message := world.refused())
        assert "timedatectl" in message


def test_a_clock_that_is_years_behind_says_so(tmp_path: Path) -> None:
    """By it nothing ever expires: what is published in its future shows that."""
    with old_world(tmp_path, timedelta(days=2 * 365)) as world:
        message = world.refused()
        assert "with a clock that is behind" in message
        assert "sudo timedatectl set-time" in message


def test_a_frozen_repository_is_noticed_when_it_expires(tmp_path: Path) -> None:
    """Somebody shows a valid old copy for ever: it is refused once it has expired, although nothing in it changed."""
    with old_world(tmp_path, timedelta(days=-29)) as world:
        frozen = shutil.copytree(world.files, tmp_path / "frozen")
        assert "is ready" in world.update(), "still valid"
    publisher = world.publisher
    publisher.now -= timedelta(days=2)
    shutil.rmtree(publisher.files)
    shutil.copytree(frozen, publisher.files)
    publisher.at(timedelta()).refresh()  # as it would look two days later
    with serving(publisher.files) as server:
        late = World(publisher, server, bin_settings(tmp_path / "bin", server.url, publisher.root))
        assert "is expired" in late.refused()


@pytest.mark.parametrize("names", [("timestamp.json",), ("timestamp.json", "snapshot.json", "targets.json")])
def test_an_older_state_is_refused(world: World, tmp_path: Path, names: tuple[str, ...]) -> None:
    world.publisher.add("2.0")
    before = shutil.copytree(world.files / "metadata", tmp_path / "before")
    world.publisher.add("3.0")
    world.update()
    for path in before.iterdir():
        if path.name.endswith(names):
            shutil.copy(path, world.files / "metadata" / path.name)
    assert "shows an older state than this bin has already seen" in world.refused()


def test_a_snapshot_that_brings_back_older_targets_is_refused(world: World) -> None:
    """Signed with the right keys, as by somebody who stole those of snapshot and timestamp."""
    world.publisher.add("2.0")
    world.update()
    repository = world.publisher.repository
    snapshot = repository._read("snapshot")
    snapshot.signed.meta["targets.json"].version -= 1
    repository._write(snapshot)
    timestamp = repository._read("timestamp")
    timestamp.signed.snapshot_meta.version = snapshot.signed.version
    repository._write(timestamp)
    assert "older state" in world.refused()


def test_files_of_two_states_are_not_mixed(world: World) -> None:
    world.publisher.add("2.0")
    metadata = world.files / "metadata"
    shutil.copy(metadata / "1.targets.json", metadata / "2.targets.json")
    assert "2.0" not in world.refused()


def test_files_of_two_repositories_are_not_mixed(world: World, tmp_path: Path) -> None:
    world.publisher.add("2.0")
    other = Publisher(tmp_path / "other")
    other.add("2.0")
    shutil.copy(other.files / "metadata" / "2.targets.json", world.files / "metadata" / "2.targets.json")
    assert "not signed with the keys" in world.refused()


def test_another_maintainers_repository_is_refused(world: World, tmp_path: Path) -> None:
    stranger = Publisher(tmp_path / "stranger")
    stranger.add("2.0")
    shutil.rmtree(world.files)
    shutil.copytree(stranger.files, world.files)
    assert str(world.publisher.root) in (message := world.refused())
    assert "not signed with the keys" in message


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_root_that_is_none_is_said(world: World, content: bytes | None) -> None:
    world.publisher.root.unlink()
    if content is not None:
        world.publisher.root.write_bytes(content)
    assert "update.root" in (message := world.refused())
    assert "get root.json from who publishes the models" in message


def test_a_bin_verifies_without_the_library_that_signs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pi has no `cryptography`: what python-tuf has for that must refuse as well as accept."""
    world.publisher.add("2.0")
    monkeypatch.setattr("securesystemslib.signer._key.CRYPTO_IMPORT_ERROR", "it is not installed")
    monkeypatch.setattr("securesystemslib.signer._key.SSlibKey._verify", None)
    assert "is ready" in world.update()
    path = world.files / "metadata" / "timestamp.json"
    path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
    assert "not signed with the keys" in world.refused()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff{"])
def test_what_a_power_cut_left_of_what_was_seen_does_no_harm(world: World, content: bytes) -> None:
    world.publisher.add("2.0")
    world.update()
    world.publisher.add("3.0")
    for path in (world.settings.models_folder / ".tuf").rglob("*.json"):
        if not path.is_symlink():
            path.write_bytes(content)
    assert "tiny-colours-3.0 is ready" in world.update()


# --- bad lines, sticks and disks ---


def test_a_download_that_breaks_goes_on_where_it_ended(world: World) -> None:
    world.publisher.add("2.0")
    world.server.cut_after = [3000, 2000]
    assert "is ready" in world.update()
    ranges = [wanted for path, wanted in world.server.asked if "/targets/" in path]
    assert ranges == [None, "bytes=3000-", "bytes=5000-"]


def test_the_next_run_goes_on_too(world: World) -> None:
    world.publisher.add("2.0")
    world.server.cut_after = [3000, 0, 0, 0, 0]
    assert "cannot be reached" in world.refused()
    (part,) = (world.settings.models_folder / ".incoming").iterdir()
    assert part.stat().st_size == 3000
    world.server.cut_after = []
    assert "is ready" in world.update()
    assert world.server.asked[-1][1] == "bytes=3000-"


def test_a_server_without_ranges_begins_again(world: World) -> None:
    world.publisher.add("2.0")
    world.server.ranges = False
    world.server.cut_after = [3000]
    assert "is ready" in world.update()


def test_a_half_that_was_tampered_with_is_thrown_away(world: World) -> None:
    world.publisher.add("2.0")
    world.server.cut_after = [3000, 0]
    world.refused()
    (part,) = (world.settings.models_folder / ".incoming").iterdir()
    part.write_bytes(b"x" * 3000)
    world.server.cut_after = []
    assert "a file is not the one that was signed" in world.refused()
    assert "is ready" in world.update(), "from the beginning"


def test_a_server_that_drips_is_given_up_and_gone_on_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publisher.add("2.0")
    world.server.drips_s = 0.01
    monkeypatch.setattr("edge.adapters.repository_files.PATIENCE_S", 0.1)
    monkeypatch.setattr("edge.adapters.tuf_client.TRIES", 1)
    assert "too slow to wait for" in world.refused()
    (part,) = (world.settings.models_folder / ".incoming").iterdir()
    assert part.stat().st_size > 0
    world.server.drips_s = 0.0
    assert "is ready" in world.update()


def test_a_server_that_is_away_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.adapters.repository_files.PAUSE_S", 0.01)
    world.server.close()
    assert "check the network and update.url" in world.refused()


def test_a_server_without_a_repository_is_said(world: World, tmp_path: Path) -> None:
    wrong = bin_settings(tmp_path / "bin", f"{world.server.url}/elsewhere", world.publisher.root)
    world.settings = wrong
    assert "there is no repository" in world.refused()


def test_without_room_nothing_is_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publisher.add("2.0")
    monkeypatch.setattr("edge.adapters.arrivals.Arrivals.free", lambda self: 1_000_000)
    assert "make room, the next run goes on" in world.refused()
    assert not any("/targets/" in path for path, _ in world.server.asked)


def test_a_real_disk_that_is_full_is_said(world: World, tmp_path: Path) -> None:
    world.publisher.add("2.0")
    with mounted(tmp_path / "small", 1) as disk:
        world.settings = bin_settings(disk, world.server.url, world.publisher.root)
        assert "make room, the next run goes on" in world.refused()
        fill(disk)
        assert "No space left on device" in world.refused(noted=False)


def test_a_disk_that_fills_up_while_it_unpacks_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publisher.add("2.0")

    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.adapters.archive.write_synced", full)
    assert "No space left on device" in world.refused()
    assert not list((world.settings.models_folder / ".incoming").iterdir())


def test_two_updates_at_once_do_not_meet(world: World) -> None:
    with Arrivals(store_of(world.settings)).alone(), pytest.raises(UpdateError, match="another update runs"):
        world.update()


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_stick_is_as_good_as_a_server(tmp_path: Path, scheme: str) -> None:
    publisher = Publisher(tmp_path / "publisher")
    publisher.add("2.0")
    (tmp_path / "bin").mkdir()
    settings = bin_settings(tmp_path / "bin", f"{scheme}{publisher.files}", publisher.root)
    assert "is ready" in updater.update(settings)


def test_a_stick_that_is_not_there_is_said(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "publisher")
    (tmp_path / "bin").mkdir()
    settings = bin_settings(tmp_path / "bin", str(tmp_path / "stick"), publisher.root)
    with pytest.raises(UpdateError, match="plug the stick in and mount it"):
        updater.update(settings)


@pytest.mark.parametrize("part", ["metadata/timestamp.json", "metadata/2.root.json", "targets/*.tar"])
def test_a_pipe_on_a_stick_is_refused_and_not_waited_for(tmp_path: Path, part: str) -> None:
    publisher = Publisher(tmp_path / "publisher")
    publisher.add("2.0")
    (tmp_path / "bin").mkdir()
    settings = bin_settings(tmp_path / "bin", str(publisher.files), publisher.root)
    file = next(publisher.files.glob(part), publisher.files / part)
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    with pytest.raises(UpdateError, match="not a file"):
        updater.update(settings)


def test_a_stick_pulled_out_midway_is_said_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Publisher(tmp_path / "publisher")
    publisher.add("2.0")
    (tmp_path / "bin").mkdir()
    stick, pulled = publisher.files, tmp_path / "pulled"
    settings = bin_settings(tmp_path / "bin", str(stick), publisher.root)
    monkeypatch.setattr("edge.adapters.repository_files.CHUNK", 2000)
    with monkeypatch.context() as patch:
        tell = _PullsAt(4000, lambda: stick.rename(pulled))
        patch.setattr("edge.adapters.repository_files.FolderFiles._chunks", tell)
        with pytest.raises(UpdateError, match="plug the stick in"):
            updater.update(settings)
    assert works(settings) == "1.0.0"
    pulled.rename(stick)
    assert "is ready" in updater.update(settings)


class _PullsAt:
    """The file's chunks until so many bytes; then the folder is gone, and reading fails as from a stick that is out."""

    def __init__(self, at: int, pull: Callable[[], object]) -> None:
        self._left = at
        self._pull = pull

    def __get__(self, files: object, kind: type) -> Callable[[str, int], Iterator[bytes]]:
        from edge.adapters.repository_files import CHUNK, _unreadable  # noqa: PLC0415 - CHUNK is patched

        def chunks(url: str, begins: int) -> Iterator[bytes]:
            with Path(url).open("rb") as file:
                file.seek(begins)
                while chunk := file.read(CHUNK):
                    if "targets/" in url and self._left <= 0:
                        self._pull()
                        raise _unreadable(url, OSError(5, "Input/output error"))
                    if "targets/" in url:
                        self._left -= len(chunk)
                    yield chunk

        return chunks


# --- bad archives, signed by a maintainer who was fooled ---


def tar_of(*members: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return packed.getvalue()


def member(name: str, size: int = 1, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


SPARSE = member("huge", 0)
SPARSE.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "1000000000000", "GNU.sparse.numblocks": "0"}

BAD = {
    "up": tar_of(member("../../model.json")),
    "absolute": tar_of(member("/etc/passwd")),
    "folder": tar_of(member("a/b")),
    "hidden": tar_of(member(".current")),
    "link": tar_of(member("model.json", 0, tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": tar_of(member("model.json", 0, tarfile.LNKTYPE, "/etc/passwd")),
    "device": tar_of(member("model.json", 0, tarfile.CHRTYPE)),
    "pipe": tar_of(member("model.json", 0, tarfile.FIFOTYPE)),
    "sparse": tar_of(SPARSE),
    "too much": tar_of(member("a", 900), member("b", 200)),
    "too many": tar_of(*(member(f"f{n}") for n in range(40))),
    "twice": tar_of(member("a"), member("a")),
    "no archive": b"hello" * 300,
    "compressed": __import__("gzip").compress(tar_of(member("a"))),
    "cut": tar_of(member("a", 900))[:1000],
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_archive_writes_nothing_outside_and_not_too_much(tmp_path: Path, name: str) -> None:
    archive, folder = tmp_path / "in" / "p.tar", tmp_path / "in" / "out"
    folder.mkdir(parents=True)
    archive.write_bytes(BAD[name])
    with pytest.raises(UpdateError, match=r"tell who published it|it is not unpacked"):
        unpack(archive, folder, size=1000)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.parent != folder) == ["in", "out", "p.tar"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1000


def test_what_is_signed_but_is_another_model_or_none_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.repository.pack", lambda folder: BAD["up"])
    world.publisher.add("2.0")
    assert "is no plain file" in world.refused()
    monkeypatch.undo()
    other = world.publisher.folder / "models" / "2.0"
    from edge.adapters.archive import pack  # noqa: PLC0415 - the one that was not patched

    content = pack(other)
    monkeypatch.setattr("convert.repository.pack", lambda folder: content)
    world.publisher.add("3.0")
    assert "is not what was signed for it (tiny-colours 2.0)" in world.refused()


def test_a_model_that_does_not_fit_the_bin_is_not_installed(world: World) -> None:
    world.publisher.add("2.0", labels=(*list(COLOURS)[:-1], "cup"))
    assert "label 'cup' is not routed" in world.refused()
    assert not store_of(world.settings).installed()


def test_a_model_that_cannot_run_is_not_installed(world: World) -> None:
    world.publisher.add("2.0", dtype="float32", nan=True)
    assert "the model answers NaN or infinity" in world.refused()
    assert not store_of(world.settings).installed()


def old_world(tmp_path: Path, ago: timedelta) -> _Old:
    return _Old(tmp_path, datetime.now(UTC) + ago)


class _Old:
    """A world whose publisher lives at another time than the bin."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._publisher = Publisher(folder / "publisher", now)
        self._publisher.add("2.0")
        (folder / "bin").mkdir(exist_ok=True)
        self._folder = folder

    def __enter__(self) -> World:
        self._server = Server(self._publisher.files)
        return World(
            self._publisher,
            self._server,
            bin_settings(self._folder / "bin", self._server.url, self._publisher.root),
        )

    def __exit__(self, *_: object) -> None:
        self._server.close()


def test_an_interrupted_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "current"
    write_atomic(path, b"old")
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
