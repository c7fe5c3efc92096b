"""Preparing a set: what is read, what is left out and said, what is refused."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from madeup import picture, write_classes
from numpy.typing import NDArray
from PIL import Image
from small_disk import disk_of

from convert import data, reading
from convert.cli import main
from convert.errors import DataError
from convert.features import Embedder
from convert.findings import to_text
from convert.prepare import prepare
from convert.samples import read_samples
from convert.split import EXTRA, MAIN, ROBUST, TEST, TRAIN, UNUSED, VALIDATION
from edge.model import Pixels


def test_a_set_is_read_back_as_it_was(class_folders: Path, tmp_path: Path) -> None:
    findings = prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    dataset = data.load(tmp_path / "set")
    assert dataset.labels == ("metal", "paper", "plastic")
    assert findings.items == dataset.items
    assert len(dataset.items) == 60
    assert {name: len(dataset.indices(name)) for name in (TRAIN, VALIDATION, TEST)} == {
        TRAIN: 36,
        VALIDATION: 12,
        TEST: 12,
    }
    for i in (0, 31, 59):
        with Image.open(dataset.items[i].path) as image:
            assert np.array_equal(dataset.pictures[i], np.asarray(image))
        assert dataset.labels[dataset.truth[i]] == Path(dataset.items[i].path).parent.name


def test_a_training_run_is_not_written_over(
    class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would lose which pictures it was trained on, and held out pictures that it knows."""
    (tmp_path / data.RUN).touch()
    (tmp_path / data.SPLITS).write_text("of the run")
    assert main(["prepare", str(class_folders), "--out", str(tmp_path), "--quick"]) == 2
    assert "a training run lies there" in capsys.readouterr().err
    assert (tmp_path / data.SPLITS).read_text() == "of the run"


def test_a_set_among_the_class_folders_is_refused(class_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was written, and then the same command found a class `set` without pictures."""
    assert main(["prepare", str(class_folders), "--quick", "--out", str(class_folders / "set")]) == 2
    assert "taken for a class" in capsys.readouterr().err
    assert not (class_folders / "set").exists()


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
    Image.new("RGB", (31, 40)).save(class_folders / "paper" / "dot.png")
    Image.new("RGB", (40, 400)).save(class_folders / "paper" / "strip.png")
    (class_folders / "paper" / "notes.txt").write_text("not a picture, not even by its name")
    shutil.copy(class_folders / "metal" / "0-005.png", class_folders / "metal" / os.fsdecode(b"K\xe4se.png"))
    shutil.copy(class_folders / "metal" / "0-003.png", class_folders / "metal" / "copy.png")
    shutil.copy(class_folders / "metal" / "0-004.png", class_folders / "paper" / "stray.png")
    assert main(["prepare", str(class_folders), "--out", str(tmp_path / "set"), "--quick", "--test", "0.2"]) == 0
    said = capsys.readouterr().out
    assert "62 pictures, 5 files that cannot be used, 2 files that are there twice" in said
    assert f"{class_folders}/metal/cut.png: " in said
    assert f"{class_folders}/metal/K\ufffdse.png: its name is no UTF-8" in said, "as of a stick of an old computer"
    assert f"{class_folders}/paper/empty.jpg: empty (0 bytes)" in said
    assert f"{class_folders}/paper/dot.png: too small: 31 x 40 pixels" in said
    assert f"{class_folders}/paper/strip.png: too long: 40 x 400 pixels" in said
    original = f"{class_folders}/metal/0-004.png"
    assert f"{class_folders}/paper/stray.png: the same picture under two labels: {original} is metal" in said
    assert "notes.txt" not in said
    with (tmp_path / "set" / data.LEFT_OUT).open(newline="") as stream:
        left_out = {Path(row["path"]).name: row["label"] for row in csv.DictReader(stream)}
    assert left_out == {
        "cut.png": "metal",
        "K\ufffdse.png": "metal",
        "empty.jpg": "paper",
        "dot.png": "paper",
        "strip.png": "paper",
        "stray.png": "paper",
        "0-004.png": "metal",
    }
    splits = {item.path: item.split for item in data.load(tmp_path / "set").items}
    assert splits[f"{class_folders}/paper/stray.png"] == UNUSED
    assert splits[f"{class_folders}/metal/copy.png"] == splits[f"{class_folders}/metal/0-003.png"]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    for path in sorted(tmp_path.iterdir()):
        assert reading.read(path) == reading.Refused("a folder, a device or a pipe, not an image file")


def embedder(rows: NDArray[np.float32]) -> Embedder:
    """Features made up for the pictures in order."""
    given = iter(rows)
    return Embedder("made-up", rows.shape[1], lambda pictures: np.stack([next(given) for _ in pictures]))


def test_features_group_what_the_hash_does_not(class_folders: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)
    rows[59] = rows[7]
    assert prepare([(class_folders, MAIN)], tmp_path / "set", embedder(rows), (0.2, 0.2)).grouped == 2
    items = data.load(tmp_path / "set").items
    assert items[7].group == items[59].group


def test_a_label_that_does_not_fit_is_listed_and_kept(class_folders: Path, tmp_path: Path) -> None:
    rows = np.repeat(np.eye(3, 30, dtype=np.float32), 20, axis=0) * 2
    rows += np.random.default_rng(0).normal(0, 0.5, rows.shape).astype(np.float32)
    rows[[5, 45]] = rows[[45, 5]]
    # what is told apart by thirty numbers alone is no near-duplicate
    features = np.hstack([rows, np.eye(60, dtype=np.float32) * 6])
    findings = prepare([(class_folders, MAIN)], tmp_path / "set", embedder(features), (0.2, 0.2))
    with (tmp_path / "set" / data.SUSPECTS).open(newline="") as stream:
        suspects = list(csv.DictReader(stream))
    assert {(Path(s["path"]).name, s["label"], s["suggested"]) for s in suspects[:2]} == {
        ("0-005.png", "metal", "plastic"),
        ("0-005.png", "plastic", "metal"),
    }
    assert [s["score"] for s in suspects] == sorted(s["score"] for s in suspects)
    assert findings.items[5].split in (TRAIN, VALIDATION, TEST)
    assert f"look through {tmp_path / 'set' / 'suspects.csv'}" in to_text(findings, tmp_path / "set")
    prepare([(class_folders, MAIN)], tmp_path / "set", None, (0.2, 0.2))
    assert not (tmp_path / "set" / data.SUSPECTS).exists()


def test_bars_are_cut_off_before_anything_else(class_folders: Path, tmp_path: Path) -> None:
    original = class_folders / "metal" / "0-003.png"
    with Image.open(original) as image:
        barred = Image.new("RGB", (image.width, image.height + 60), (114, 114, 114))
        barred.paste(image, (0, 30))
    barred.save(class_folders / "metal" / "barred.png")
    findings = prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    (stripped,) = findings.stripped
    assert findings.items[stripped.index].path.endswith("barred.png")
    group = {Path(i.path).name for i in findings.items if i.group == findings.items[stripped.index].group}
    assert group == {"barred.png", "0-003.png"}
    assert data.load(tmp_path / "set").pictures[stripped.index].shape == (58, 80, 3)
    assert "1 pictures had letterbox bars" in to_text(findings, tmp_path)


def test_labels_in_any_script_from_a_table(class_folders: Path, tmp_path: Path) -> None:
    names = {"metal": "getränk dose", "paper": "紙", "plastic": "a, & b"}
    table = tmp_path / "all.csv"
    with table.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "role"])
        for path in sorted(class_folders.glob("*/*.png")):
            writer.writerow([path.relative_to(tmp_path), names[path.parent.name], ""])
    out = tmp_path / "ein set"
    assert main(["prepare", str(table), "--out", str(out), "--quick"]) == 0
    dataset = data.load(out)
    assert dataset.labels == tuple(sorted(names.values()))
    assert {sample.label for sample in read_samples(out / data.SPLITS, Path(), TEST)} == set(names.values())
    assert "a, &amp; b" in (out / data.REPORT).read_text(encoding="utf-8")


def test_the_same_set_comes_out_again(class_folders: Path, tmp_path: Path) -> None:
    shutil.copy(class_folders / "metal" / "0-004.png", class_folders / "paper" / "stray.png")
    for name in ("one", "two"):
        prepare([(class_folders, MAIN)], tmp_path / name, shares=(0.2, 0.2))
    for name in (data.SPLITS, data.PIXELS, data.LEFT_OUT, data.REPORT):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_set_that_grows_keeps_what_it_held_out(class_folders: Path, tmp_path: Path) -> None:
    first = prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    more = write_classes(tmp_path / "more", seed=8)
    kept = ["--keep", str(tmp_path / "set" / data.SPLITS), "--seed", "3", "--test", "0.2", "--validation", "0.2"]
    out = str(tmp_path / "larger")
    assert main(["prepare", str(class_folders), str(more), "--out", out, "--quick", *kept]) == 0
    items = data.load(tmp_path / "larger").items
    assert [item.split for item in items[:60]] == [item.split for item in first.items]
    assert Counter(item.split for item in items) == {TRAIN: 72, VALIDATION: 24, TEST: 24}


def test_plain_pictures_of_one_file_do_not_end_up_on_both_sides(class_folders: Path, tmp_path: Path) -> None:
    for i in range(8):
        Image.new("RGB", (40, 40), "white").save(class_folders / "metal" / f"white{i}.png")
    findings = prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    assert len({item.split for item in findings.items if "white" in item.path}) == 1


@pytest.mark.parametrize("size", [0, 400_000])
def test_a_full_disk_leaves_no_set_and_says_so(
    size: int, class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk_of(size) if size else nullcontext():
        out = tmp_path / "set" if size else Path("/dev/null/set")
        assert main(["prepare", str(class_folders), "--out", str(out), "--quick"]) == 2
    said = capsys.readouterr().err
    assert "No set was written. Make room" in said
    assert "Traceback" not in said
    assert not size or list(out.iterdir()) == []


def test_a_failed_run_leaves_the_earlier_set(class_folders: Path, tmp_path: Path) -> None:
    before = prepare([(class_folders, MAIN)], tmp_path / "set", shares=(0.2, 0.2))
    shutil.rmtree(class_folders / "paper")
    (class_folders / "paper").mkdir()
    with pytest.raises(DataError):
        prepare([(class_folders, MAIN)], tmp_path / "set")
    assert data.load(tmp_path / "set").items == before.items


def test_ctrl_c_keeps_what_was_compared(class_folders: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(70, 80)).astype(np.float32)
    for i in range(10):
        Image.fromarray(picture((9, 90, 9), np.random.default_rng(i))).save(class_folders / "paper" / f"more{i}.png")
    asked: list[int] = []

    def embed(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        if sum(asked) == 64:
            raise KeyboardInterrupt
        start = sum(asked)
        asked.append(len(pictures))
        return rows[start : start + len(pictures)]

    stopped = Embedder("made-up", 80, embed)
    with pytest.raises(KeyboardInterrupt):
        prepare([(class_folders, MAIN)], tmp_path / "set", stopped, (0.2, 0.2))
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["features-made-up.bin"]
    with (tmp_path / "set" / "features-made-up.bin").open("ab") as stream:
        stream.write(b"half a record")
    prepare([(class_folders, MAIN)], tmp_path / "set", embedder(rows[64:]), (0.2, 0.2))
    # and once more: nothing is left to compute
    prepare([(class_folders, MAIN)], tmp_path / "set", embedder(rows[:0]), (0.2, 0.2))


def test_robustness_pictures_are_only_measured_on(class_folders: Path, tmp_path: Path) -> None:
    other = write_classes(tmp_path / "bin-camera", count=4, seed=7)
    prepare([(class_folders, MAIN), (other, ROBUST)], tmp_path / "set", shares=(0.2, 0.2))
    dataset = data.load(tmp_path / "set")
    assert len(dataset.indices(ROBUST)) == 12
    assert len(dataset.indices(ROBUST, "bin-camera")) == 12
    assert len(dataset.indices(TRAIN, "bin-camera")) == 0


@pytest.mark.parametrize("role", [EXTRA, ROBUST])
def test_other_pictures_of_an_unknown_class_are_refused_before_reading(
    role: str, class_folders: Path, tmp_path: Path
) -> None:
    other = write_classes(tmp_path / "other", count=2)
    (other / "paper").rename(other / "papier")
    with pytest.raises(DataError, match=r"no pictures to split: papier\."):
        prepare([(class_folders, MAIN), (other, role)], tmp_path / "set")


def test_a_class_in_capitals_elsewhere_is_no_class_of_its_own(class_folders: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("path,label\n1.png,Paper\n")
    for role in (MAIN, EXTRA):
        with pytest.raises(DataError, match=r"capitals only: Paper \(.*1\.png\) and paper \("):
            prepare([(class_folders, MAIN), (other, role)], tmp_path / "set")


def only_metal(folder: Path) -> None:
    shutil.rmtree(folder / "paper")
    shutil.rmtree(folder / "plastic")


def nine_of_paper(folder: Path) -> None:
    for path in sorted((folder / "paper").iterdir())[9:]:
        path.unlink()


def three_of_paper(folder: Path) -> None:
    for path in sorted((folder / "paper").iterdir())[3:]:
        path.unlink()


def an_empty_class(folder: Path) -> None:
    (folder / "glass").mkdir()


def a_class_that_no_bin_takes(folder: Path) -> None:
    (folder / "paper").rename(folder / "paper: old")


def paper_in_capitals_too(folder: Path) -> None:
    (folder / "Paper").mkdir(exist_ok=True)
    for path in sorted((folder / "paper").iterdir())[10:]:
        path.rename(folder / "Paper" / path.name)


def an_empty_one_in_capitals(folder: Path) -> None:
    (folder / "METAL").mkdir(exist_ok=True)


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
        (nine_of_paper, "too few pictures that can be used, at least 10 a class are needed: paper (9)"),
        (three_of_paper, "paper (3)"),
        (an_empty_class, "glass (0)"),
        (a_class_that_no_bin_takes, "unlike 'paper: old'. A bin could not be corrected or taught with it"),
        (paper_in_capitals_too, "/Paper/0-010.png) and paper ("),
        (an_empty_one_in_capitals, "differ in capitals only: METAL (no picture) and metal ("),
        (paper_is_damaged, "paper (0). The first that cannot: "),
        (no_pictures, "no pictures in class folders"),
        (shutil.rmtree, "no such folder or file"),
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


def test_train_refuses_such_a_split(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = next(item for item in data.load(prepared).items if item.split == TRAIN)
    rewrite(prepared, {"sha256": trained.sha256}, {"split": TEST})
    assert main(["train", str(prepared), "--out", str(tmp_path / "run")]) == 1
    assert "A score on such a split means nothing" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


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


def test_exports_of_bins_are_split_by_day_and_counted(
    class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, random = tmp_path / "lobby", np.random.default_rng(5)
    for label in ("metal", "paper", "not-an-item", "_unlabelled"):
        (site / label).mkdir(parents=True)
        for number in range(20):
            name = f"lobby-1__2026-11-{number % 10 + 1:02}__{label[:2].strip('_')}-{number}.jpg"
            Image.fromarray(picture((90, 140, 60), random)).save(site / label / name)
    words = ["prepare", str(class_folders), str(site), "--out", str(tmp_path / "set"), "--quick", "--test", "0.2"]
    assert main([*words, "--validation", "0.2"]) == 0
    said = capsys.readouterr().out
    assert "bin lobby-1: 10 days, 24 train, 8 validation, 8 test" in said
    assert "nobody has labelled it" in said
    dataset = data.load(tmp_path / "set")
    assert dataset.labels == ("metal", "paper", "plastic")
    of_bin = [item for item in dataset.items if item.bin == "lobby-1"]
    assert len(of_bin) == 40
    assert all(len({i.split for i in of_bin if i.day == day}) == 1 for day in {i.day for i in of_bin})
    with (tmp_path / "set" / data.LEFT_OUT).open(newline="") as stream:
        assert Counter(row["reason"] for row in csv.DictReader(stream)) == {
            "nobody has labelled it": 20,
            "labelled as no item": 20,
        }
    page = (tmp_path / "set" / data.REPORT).read_text()
    assert "Pictures by bin and part" in page
    assert {s.bin for s in read_samples(tmp_path / "set" / data.SPLITS, tmp_path, TEST)} == {"", "lobby-1"}


def test_a_site_of_three_pictures_is_taken_and_said_to_be_untested(
    class_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "new" / "metal"
    site.mkdir(parents=True)
    for number in range(3):
        path = site / f"new__2026-11-26__{number}.jpg"
        Image.fromarray(picture((90, 140, 60), np.random.default_rng(number))).save(path)
    assert main(["prepare", str(class_folders), str(site.parent), "--out", str(tmp_path / "set"), "--quick"]) == 0
    assert "bin new: 1 day, 3 train; none is tested" in capsys.readouterr().out
