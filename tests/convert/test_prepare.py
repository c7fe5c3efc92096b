"""Preparing a set: what is read, what is left out and said, what is refused."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from madeup import picture, write_classes
from PIL import Image

from convert import data
from convert.cli import main
from convert.errors import DataError
from convert.prepare import prepare
from convert.split import MAIN, ROBUST, TEST, TRAIN, UNUSED, VALIDATION


def test_a_set_is_read_back_as_it_was(class_folders: Path, tmp_path: Path) -> None:
    report = prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    dataset = data.load(tmp_path / "set")
    assert dataset.labels == ("metal", "paper", "plastic")
    assert report.pictures == len(dataset.items) == 60
    assert {name: len(dataset.indices(name)) for name in (TRAIN, VALIDATION, TEST)} == {
        TRAIN: 36,
        VALIDATION: 12,
        TEST: 12,
    }
    for i in (0, 31, 59):
        with Image.open(dataset.items[i].path) as image:
            assert np.array_equal(dataset.pictures[i], np.asarray(image))
        assert dataset.labels[dataset.truth[i]] == Path(dataset.items[i].path).parent.name


def test_large_pictures_are_stored_small(class_folders: Path, tmp_path: Path) -> None:
    Image.fromarray(picture((90, 90, 90), np.random.default_rng(9), 700, 500)).save(class_folders / "metal" / "big.jpg")
    prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    dataset = data.load(tmp_path / "set")
    big = next(i for i, item in enumerate(dataset.items) if item.path.endswith("big.jpg"))
    assert dataset.pictures[big].shape == (256, 183, 3)


def test_unreadable_files_are_left_out_and_named(
    class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (class_folders / "metal" / "cut.png").write_bytes((class_folders / "metal" / "0-000.png").read_bytes()[:200])
    (class_folders / "paper" / "empty.jpg").touch()
    (class_folders / "paper" / "notes.txt").write_text("not a picture, not even by its name")
    shutil.copy(class_folders / "metal" / "0-003.png", class_folders / "metal" / "copy.png")
    shutil.copy(class_folders / "metal" / "0-004.png", class_folders / "paper" / "stray.png")
    assert main(["prepare", str(class_folders), "--out", str(tmp_path / "set"), "--quick", "--test", "0.2"]) == 0
    said = capsys.readouterr().out
    assert "62 pictures, 2 unreadable, 2 files that are there twice" in said
    assert f"left out: {class_folders}/metal/cut.png" in said
    assert f"left out: {class_folders}/paper/empty.jpg" in said
    assert f"left out: {class_folders}/paper/stray.png: same picture under two labels" in said
    assert "notes.txt" not in said
    splits = {item.path: item.split for item in data.load(tmp_path / "set").items}
    assert splits[f"{class_folders}/paper/stray.png"] == UNUSED
    assert splits[f"{class_folders}/metal/copy.png"] == splits[f"{class_folders}/metal/0-003.png"]


def test_features_group_what_the_hash_does_not(class_folders: Path, tmp_path: Path) -> None:
    def features(pictures: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        count = len(pictures)  # type: ignore[arg-type] # a sequence of pictures; only how many matters here
        return np.eye(count, 80, dtype=np.float32) if count < 60 else np.eye(60, 80, dtype=np.float32)[[*range(59), 7]]

    assert prepare([(class_folders, MAIN)], tmp_path / "set", features, (0.2, 0.2)).grouped == 2
    items = data.load(tmp_path / "set").items
    assert items[7].group == items[59].group


def test_robustness_pictures_are_only_measured_on(class_folders: Path, tmp_path: Path) -> None:
    other = write_classes(tmp_path / "bin-camera", count=4, seed=7)
    prepare([(class_folders, MAIN), (other, ROBUST)], tmp_path / "set", shares=(0.2, 0.2))
    dataset = data.load(tmp_path / "set")
    assert len(dataset.indices(ROBUST)) == 12
    assert len(dataset.indices(ROBUST, "bin-camera")) == 12
    assert len(dataset.indices(TRAIN, "bin-camera")) == 0


def only_metal(folder: Path) -> None:
    shutil.rmtree(folder / "paper")
    shutil.rmtree(folder / "plastic")


def nine_of_paper(folder: Path) -> None:
    for path in sorted((folder / "paper").iterdir())[9:]:
        path.unlink()


def an_empty_class(folder: Path) -> None:
    (folder / "glass").mkdir()


def paper_is_damaged(folder: Path) -> None:
    for path in (folder / "paper").iterdir():
        path.write_bytes(b"x")


def no_pictures(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (only_metal, "one class only (metal)"),
        (nine_of_paper, "too few pictures that can be read, at least 10 a class are needed: paper (9)"),
        (an_empty_class, "glass (0)"),
        (paper_is_damaged, "paper (0)"),
        (no_pictures, "no pictures in class folders"),
        (shutil.rmtree, "not a folder"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_a_reason(
    spoil: Callable[[Path], None],
    message: str,
    class_folders: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(class_folders)
    assert main(["prepare", str(class_folders), "--out", str(tmp_path / "set"), "--quick"]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_shares_must_leave_something_to_train_on(class_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(class_folders), "--out", "unused", "--test", "0.95"]) == 2
    assert "--test" in capsys.readouterr().err


@pytest.fixture
def prepared(small_set: Path, tmp_path: Path) -> Path:
    """A set of one's own to damage."""
    return Path(shutil.copytree(small_set, tmp_path / "prepared"))


def rewrite(folder: Path, change: dict[str, str], where: dict[str, str]) -> None:
    """Edit the first row of splits.csv that has these values."""
    with (folder / data.SPLITS).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    next(row for row in rows if where.items() <= row.items()).update(change)
    with (folder / data.SPLITS).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_a_split_in_which_the_test_touches_the_training_is_refused(prepared: Path) -> None:
    tested = next(item for item in data.load(prepared).items if item.split == TEST)
    rewrite(prepared, {"group": str(tested.group)}, {"split": TRAIN})
    with pytest.raises(DataError, match="share a near-duplicate group"):
        data.load(prepared)


def test_the_same_file_on_both_sides_is_refused(prepared: Path) -> None:
    tested = next(item for item in data.load(prepared).items if item.split == TEST)
    rewrite(prepared, {"sha256": tested.sha256}, {"split": TRAIN})
    with pytest.raises(DataError, match="share a near-duplicate group"):
        data.load(prepared)


def test_damage_is_named(prepared: Path) -> None:
    pixels = prepared / data.PIXELS
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut off"):
        data.load(prepared)
    (prepared / data.INDEX).write_bytes(b"PK")
    with pytest.raises(DataError, match="run prepare again"):
        data.load(prepared)
    rewrite(prepared, {"group": "many"}, {})
    with pytest.raises(DataError, match="not the table"):
        data.load(prepared)
    with pytest.raises(DataError, match="smartbin-convert prepare"):
        data.load(prepared / "nowhere")
