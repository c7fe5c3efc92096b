"""`smartbin-convert publish`: keys made, kept and rotated, packages added and withdrawn, signatures renewed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from modelrepo import head_for
from tinymodel import write_tiny_model

from convert import publish
from convert.cli import main
from convert.repository import Repository
from convert.signing import ROLES, KeyFolder
from edge.errors import UpdateError

Run = Callable[..., str]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def run(keys: Path, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """publish COMMAND ...; what it printed. fails: the exit code, of a command that says why on stderr."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.delenv(publish.PASSPHRASE, raising=False)

    def run(command: str, *words: object, fails: int = 0) -> str:
        said = ["publish", command, *map(str, words), "--repository", str(files), "--keys", str(keys)]
        assert main(said) == fails
        printed = capsys.readouterr()
        return printed.err if fails else printed.out

    return run


def test_keys_are_made_once_and_only_their_owner_reads_them(run: Run, keys: Path, files: Path) -> None:
    said = run("keys")
    assert "two sticks" in said
    assert sorted(path.stem for path in keys.iterdir()) == sorted(ROLES)
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    assert keys.stat().st_mode & 0o777 == 0o700
    assert str(files / "root.json") in said
    assert "there is a repository already" in run("keys", fails=1)


def test_a_package_is_added_listed_and_withdrawn(run: Run, tmp_path: Path) -> None:
    run("keys")
    model = write_tiny_model(tmp_path / "model", version="1.2")
    assert run("add", model).startswith("tiny-colours-1.2: release 1, ")
    assert "raise the version" in run("add", model, fails=1)
    assert run("list").startswith("release 1: tiny-colours-1.2, ")
    assert "it holds tiny-colours-1.2" in run("withdraw", "tiny-colours-9", fails=1)
    run("withdraw", "tiny-colours-1.2")
    assert "tiny-colours" not in run("list")


def test_a_version_that_was_withdrawn_comes_back_as_it_was_or_not_at_all(run: Run, tmp_path: Path) -> None:
    """Bins that have it would keep theirs, and say that they are up to date."""
    run("keys")
    run("add", write_tiny_model(tmp_path / "first", version="1.2"))
    run("withdraw", "tiny-colours-1.2")
    other = write_tiny_model(tmp_path / "other", dtype="float32", version="1.2")
    assert "was there already: raise the version" in run("add", other, fails=1)
    assert run("add", tmp_path / "first").startswith("tiny-colours-1.2: release 2, ")
    run("add", write_tiny_model(tmp_path / "next", dtype="float32", version="1.3"))


def test_after_a_head_that_was_withdrawn_comes_another(run: Run, tmp_path: Path) -> None:
    """A head is called by its release, which is given once."""
    run("keys")
    model = write_tiny_model(tmp_path / "model")
    run("add", model)
    for items, release in ((50, 2), (60, 3)):
        (tmp_path / "head.npz").write_bytes(head_for(model, items=items))
        name, _, said = run("add", tmp_path / "head.npz").partition(":")
        assert said.startswith(f" release {release}, ")
        run("withdraw", name)


def test_a_damaged_model_is_not_published(run: Run, tmp_path: Path) -> None:
    run("keys")
    model = write_tiny_model(tmp_path / "model")
    (model / "model.tflite").write_bytes(b"cut")
    assert "sha256" in run("add", model, fails=4)
    assert "release" not in run("list")


def test_where_there_is_no_repository_it_says_how_to_begin_one(run: Run) -> None:
    assert "`smartbin-convert publish keys` begins one" in run("list", fails=1)


def test_with_other_keys_nothing_is_signed(run: Run, tmp_path: Path, keys: Path, files: Path) -> None:
    run("keys")
    KeyFolder(tmp_path / "other").make("timestamp")
    (tmp_path / "other" / "timestamp-next.pem").replace(keys / "timestamp.pem")
    before = (files / "metadata" / "timestamp.json").read_bytes()
    assert "the key for timestamp is not the one" in run("refresh", fails=1)
    assert (files / "metadata" / "timestamp.json").read_bytes() == before


def test_a_key_that_lies_in_a_drawer_is_asked_for(run: Run, keys: Path, tmp_path: Path) -> None:
    run("keys")
    (keys / "targets.pem").rename(tmp_path / "targets.pem")
    assert "name the folder that holds it with --keys" in run("add", write_tiny_model(tmp_path / "m"), fails=1)
    assert run("refresh").startswith("valid until "), "the keys of snapshot and timestamp do"


def test_keys_with_a_passphrase_want_it(run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(publish.PASSPHRASE, "horse")
    run("keys")
    assert b"ENCRYPTED" in (keys / "root.pem").read_bytes()
    run("refresh")
    monkeypatch.setenv(publish.PASSPHRASE, "cow")
    assert "is it the right passphrase?" in run("refresh", fails=1)
    monkeypatch.delenv(publish.PASSPHRASE)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "horse")
    run("refresh", "--passphrase")


def test_a_refresh_puts_the_end_off(files: Path, keys: Path) -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    Repository(files, KeyFolder(keys), now).begin()
    later = Repository(files, KeyFolder(keys), now + timedelta(days=20))
    assert later.refresh() == []
    assert later.expiries()["timestamp"] == now + timedelta(days=50)
    assert later.expiries()["root"] == now + timedelta(days=730), "its key can stay in the drawer for long"


def test_what_ends_soon_and_has_no_key_here_is_said(files: Path, keys: Path) -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    Repository(files, KeyFolder(keys), now).begin()
    (keys / "targets.pem").rename(keys / "elsewhere")
    late = Repository(files, KeyFolder(keys), now + timedelta(days=300))
    assert late.refresh() == ["targets ends on 2028-01-01: refresh with its key before"]
    (keys / "elsewhere").rename(keys / "targets.pem")
    late.refresh()
    assert late.expiries()["targets"] == now + timedelta(days=665)


@pytest.mark.parametrize("role", ROLES)
def test_a_key_is_rotated_and_the_old_one_signs_no_more(run: Run, keys: Path, tmp_path: Path, role: str) -> None:
    run("keys")
    old = (keys / f"{role}.pem").read_bytes()
    assert "a new key since root version 2" in run("rotate", role)
    assert (keys / f"{role}-old.pem").read_bytes() == old
    assert (keys / f"{role}.pem").read_bytes() != old
    run("refresh")
    (keys / f"{role}.pem").write_bytes(old)
    model = write_tiny_model(tmp_path / "model")
    command = {"root": ("rotate", "targets"), "targets": ("add", model)}.get(role, ("refresh",))
    assert "is not the one" in run(*command, fails=1)


@pytest.mark.parametrize("role", ROLES)
def test_a_rotation_that_was_stopped_halfway_is_finished(
    run: Run, keys: Path, files: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Killed after the new root was written, before the key files changed places."""
    run("keys")
    with monkeypatch.context() as patch:
        patch.setattr(KeyFolder, "replace", _stop)
        with pytest.raises(KeyboardInterrupt):
            Repository(files, KeyFolder(keys), datetime.now(UTC)).rotate(role)
    run("refresh")
    run("rotate", role)
    root = json.loads((files / "root.json").read_text())["signed"]
    assert root["version"] == 3
    assert len(root["roles"][role]["keyids"]) == 1


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_disk_that_takes_nothing_is_said(run: Run, files: Path) -> None:
    files.write_text("in the way")
    assert "cannot be written (Not a directory)" in run("keys", fails=1)


def test_no_file_name_leads_out_of_the_repository(tmp_path: Path, keys: Path, files: Path) -> None:
    repository = Repository(files, KeyFolder(keys), datetime.now(UTC))
    repository.begin()
    with pytest.raises(UpdateError, match="cannot be published"):
        repository.add(write_tiny_model(tmp_path / "model", version="../1"))
