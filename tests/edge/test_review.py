"""Items out and labels back in: a round trip loses nothing, and what is wrong is listed before anything is changed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from site_items import JPEG, opened, site_item

from edge.adapters.site_store import SiteStore
from edge.cli import main
from edge.errors import ReviewError, SiteError
from edge.review import exporting, formats
from edge.site_item import SiteItem, Why, parse_picture_name, picture_name

KINDS = [formats.FOLDERS, formats.CSV, formats.LABEL_STUDIO]
AT = "2026-11-26T10:00:00.000Z"
LABELS = ["glass", "metal", "coffee cup", "not-an-item", "Glas, weiß"]


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Eight items; the first five have LABELS."""
    folder = tmp_path / "captures"
    store = opened(folder)
    for number in range(8):
        store.add(site_item(number, bin_id="lobby__1", why=(Why.JAM, Why.STRANGE)), JPEG)
    for number, label in enumerate(LABELS):
        store.label(site_item(number).item_id, label, "page", AT, 0)
    store.close()
    return folder


@pytest.fixture
def review(captures: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """smartbin review with these words; exit code and all that was said."""

    def run(*words: object) -> tuple[int, str]:
        code = main(["review", *map(str, words), "--folder", str(captures)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def items(folder: Path) -> Iterator[SiteItem]:
    store = opened(folder)
    yield from store.items()
    store.close()


def labels(folder: Path) -> dict[int, str | None]:
    return {int(item.item_id[-3:]): item.label for item in items(folder)}


def label_all(folder: Path, label: str | None) -> None:
    store = opened(folder)
    for item in list(store.items()):
        store.label(item.item_id, label, "page", AT, None)
    store.close()


def to_import(exported: Path, kind: str) -> Path:
    return exported / {formats.FOLDERS: "", formats.CSV: formats.TABLE, formats.LABEL_STUDIO: formats.TASKS}[kind]


Review = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_trip_loses_nothing(tmp_path: Path, captures: Path, review: Review, kind: str) -> None:
    before = labels(captures)
    unlabelled = shutil.copytree(captures, tmp_path / "copy")
    label_all(unlabelled, None)
    assert review("export", tmp_path / "out", "--format", kind, "--all")[0] == 0
    assert review("import", to_import(tmp_path / "out", kind)) == (0, SAME)
    assert [item.revision for item in items(captures)] == [1] * 5 + [0] * 3, "what is so already is left alone"
    code = main(["review", "import", str(to_import(tmp_path / "out", kind)), "--overrule", "--folder", str(unlabelled)])
    assert code == 0
    assert labels(unlabelled) == before
    assert {item.labelled_by for item in items(unlabelled) if item.label} == {"import"}


SAME = "0 labels set, 5 were so already\n3 items without a label there, 0 that are not kept (any more)\n"


@pytest.mark.parametrize("kind", KINDS)
def test_every_export_has_the_pictures_and_a_table_of_all_that_is_known(
    tmp_path: Path, review: Review, kind: str
) -> None:
    assert review("export", tmp_path / "out", "--format", kind)[0] == 0
    with (tmp_path / "out" / formats.TABLE).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == formats.COLUMNS
    assert [row["label"] for row in rows] == LABELS
    assert [row["why"].endswith(" corrected") for row in rows] == [
        row["label"] not in ("", row["suggested"]) for row in rows
    ]
    assert all(row["why"].startswith("jam strange") for row in rows)
    assert {(row["bin"], row["day"], row["suggested"], row["confidence"]) for row in rows} == {
        ("lobby__1", "2026-11-26", "glass", "0.9700")
    }
    for row in rows:
        path = tmp_path / "out" / row["path"]
        assert path.read_bytes() == JPEG
        name = parse_picture_name(path.name)
        assert name is not None
        assert (name.bin_id, name.day, name.item_id) == ("lobby__1", "2026-11-26", row["item_id"])
        assert path.parent.name == (row["label"] if kind == formats.FOLDERS else formats.PICTURES)
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.jpg")) == sorted(Path(row["path"]).name for row in rows)


def test_label_studio_gets_tasks_with_predictions_and_an_interface(tmp_path: Path, review: Review) -> None:
    (tmp_path / "a stick").mkdir()
    out = tmp_path / "a stick" / "lobby export"
    review("export", out, "--format", "label-studio", "--all")
    tasks = json.loads((out / formats.TASKS).read_text())
    (first, last) = tasks[0], tasks[-1]
    picture = f"pictures/{picture_name(site_item(0, bin_id='lobby__1'))}"
    assert first["data"]["image"] == f"/data/local-files/?d=lobby%20export/{picture}"
    assert (out / picture).is_file()
    choice = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["glass"]}}
    assert first["predictions"] == [{"model_version": "garbage10 1.0.0", "score": 0.97, "result": [choice]}]
    assert first["annotations"] == [{"result": [choice]}]
    assert last["annotations"] == []
    interface = ET.fromstring((out / formats.CONFIG).read_text())
    assert [part.get("name") for part in interface] == [choice["to_name"], choice["from_name"]]
    assert interface[1].get("toName") == interface[0].get("name")
    offered = [part.get("value") for part in interface[1]]
    assert {"glass", "plastic", "coffee cup", "Glas, weiß"} < set(offered)
    assert offered[-1] == "not-an-item"
    told = (out / formats.HELP).read_text()
    exports = "".join(line for line in told.splitlines(keepends=True) if "export LABEL" in line)
    root = 'printf %s "$LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"'
    shell = subprocess.run(["sh", "-c", exports + root], capture_output=True, text=True, check=True)
    assert (shell.stdout, shell.stderr) == (str(out.parent), "")


def test_label_studio_itself_takes_them(tmp_path: Path, review: Review) -> None:
    """Where there is what it judges them with: pip install label-studio-sdk."""
    if find_spec("label_studio_sdk") is None:
        pytest.skip("label-studio-sdk is not installed")
    with warnings.catch_warnings(action="ignore"):  # its own
        interface = import_module("label_studio_sdk.label_interface").LabelInterface
    review("export", tmp_path / "out", "--format", "label-studio", "--all")
    offered = interface((tmp_path / "out" / formats.CONFIG).read_text())
    offered.validate()
    tasks = json.loads((tmp_path / "out" / formats.TASKS).read_text())
    assert len(tasks) == 8
    for task in tasks:
        assert offered.validate_task({"data": task["data"]})
        assert [offered.validate_prediction(it, return_errors=True) for it in task["predictions"]] == [[]]
        assert all(offered.validate_annotation(annotation) for annotation in task["annotations"])
    tasks[0]["annotations"][0]["result"][0]["value"] = {"choices": ["what it does not offer"]}
    assert not offered.validate_annotation(tasks[0]["annotations"][0])


def test_pictures_moved_to_other_folders_are_labels(tmp_path: Path, captures: Path, review: Review) -> None:
    out = tmp_path / "out"
    review("export", out, "--all")
    moved = sorted((out / "_unlabelled").iterdir())
    (out / "battery").mkdir()
    moved[0].rename(out / "battery" / moved[0].name)
    wrong = next((out / "glass").iterdir())
    wrong.rename(out / "metal" / wrong.name)
    (out / "glass" / "Thumbs.db").write_bytes(b"of a file manager")
    code, said = review("import", out, "--dry-run")
    assert (code, said.splitlines()[0]) == (0, "2 labels would be set, 4 were so already")
    assert labels(captures)[0] == "glass"
    assert review("import", out)[0] == 0
    assert (labels(captures)[0], labels(captures)[5]) == ("metal", "battery")


def test_a_pipe_in_the_place_of_the_table_is_not_waited_for(tmp_path: Path, captures: Path, review: Review) -> None:
    review("export", tmp_path / "out")
    label_all(captures, None)
    (tmp_path / "out" / formats.TABLE).unlink()
    os.mkfifo(tmp_path / "out" / formats.TABLE)
    code, said = review("import", tmp_path / "out", "--overrule")
    assert (code, labels(captures)[0]) == (0, "glass"), said


def test_what_label_studio_exports_is_read_as_it_writes_it(tmp_path: Path, captures: Path, review: Review) -> None:
    def result(*chosen: str) -> list[object]:
        area = {"type": "rectanglelabels", "value": {"rectanglelabels": ["ignored"], "x": 1}}
        return [area, {"id": "x", "type": "choices", "origin": "manual", "value": {"choices": list(chosen)}}]

    uploaded = f"/data/upload/1/0a1b2c3d-{picture_name(site_item(6))}"
    tasks = [
        {
            "id": 11,
            "data": {"image": "x.jpg", "item_id": site_item(5).item_id, "revision": 0},
            "annotations": [
                {"id": 1, "completed_by": 1, "was_cancelled": True, "result": result("metal")},
                {"id": 2, "completed_by": 2, "was_cancelled": False, "result": result("battery")},
            ],
            "predictions": [],
        },
        {"id": 12, "data": {"image": uploaded}, "annotations": [{"result": result("shoes")}]},
        {"id": 13, "data": {"item_id": site_item(7).item_id}, "annotations": [{"result": []}]},
    ]
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    code, said = review("import", tmp_path / "project.json")
    assert code == 0, said
    assert [labels(captures)[number] for number in (5, 6, 7)] == ["battery", "shoes", None]
    short = [{"image": uploaded, "label": "paper", "revision": 1}, {"item_id": site_item(7).item_id, "label": "glass"}]
    (tmp_path / "short.json").write_text(json.dumps(short))
    assert review("import", tmp_path / "short.json")[0] == 0
    assert [labels(captures)[number] for number in (6, 7)] == ["paper", "glass"]


def test_a_spreadsheet_may_write_semicolons_and_needs_no_other_columns(
    tmp_path: Path, captures: Path, review: Review
) -> None:
    table = tmp_path / "back.csv"
    table.write_text(f"﻿item_id;label\r\n{site_item(5).item_id};battery\r\n{site_item(6).item_id};\r\n", "utf-8")
    assert review("import", table)[0] == 0
    assert (labels(captures)[5], labels(captures)[6]) == ("battery", None)


def test_a_table_with_mistakes_lists_all_of_them_and_changes_nothing(
    tmp_path: Path, captures: Path, review: Review
) -> None:
    before = labels(captures)
    known, other = site_item(5).item_id, site_item(6).item_id
    table = tmp_path / "back.csv"
    table.write_text(
        "path,label,item_id\n"
        f",battery,{known}\n,shoes,{known}\n"  # contradict each other
        f",glass,{site_item(99).item_id}\n"  # not kept
        f"pictures/holiday.jpg,glass,\n"  # no item
        f",a/b,{other}\n"  # no label
        f"x/{picture_name(site_item(7))},glass,{other}\n"  # two items
        f",metal,{site_item(0).item_id}\n"  # labelled otherwise, and nothing says that this was seen
        f",glass,{other}\n"  # fine
    )
    code, said = review("import", table)
    assert code == 1
    for expected in (
        "3 cannot be read",
        "line 5: names no item",
        "line 6: a label holds none of",
        "line 7: item_id says",
        f"{known}: battery (back.csv line 2), shoes (back.csv line 3)",
        "--known-only",
        "glass now, metal in back.csv line 8",
        "nothing was taken over",
    ):
        assert expected in said
    assert labels(captures) == before


def test_what_is_not_kept_any_more_and_what_was_overtaken_can_be_left_to_the_user(
    tmp_path: Path, captures: Path, review: Review
) -> None:
    out = tmp_path / "out"
    review("export", out, "--format", "csv", "--all")
    store = opened(captures)
    store.remove(site_item(1).item_id)
    store.label(site_item(0).item_id, "plastic", "page", AT, 1)  # meanwhile
    store.close()
    code, said = review("import", out / formats.TABLE)
    assert (code, "1 were labelled since the export" in said, "1 are not kept" in said) == (1, True, True)
    assert review("import", out / formats.TABLE, "--known-only", "--overrule")[0] == 0
    assert labels(captures)[0] == "glass"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "file,class\n1,2\n", "must name the columns"),
        ("a.csv", 'item_id,label\n"x', "neither a table"),
        ("a.json", "{}", "not a list of tasks"),
        ("a.json", "[1]", "not a list of tasks"),
        ("a.json", "[{", "neither a table"),
        ("a.json", '[{"data": 1}]', "names no item"),
        ("a.json", '[{"data": {"item_id": "x"}, "annotations": [{"result": [{"type": "choices", '
                   '"value": {"choices": ["a", "b"]}}]}]}]', "several labels: a, b"),
        ("a.csv", b"\xff\xfe\x00", "neither a table"),
        ("a.csv", "item_id,label,revision\nx,glass," + "9" * 5000, "neither a table"),
        ("a.json", '[{"data": {"revision": ' + "9" * 5000 + "}}]", "neither a table"),
        ("a.json", r'[{"data": {"item_id": "\ud800"}, "annotations": [{"result": [{"type": "choices", '
                   r'"value": {"choices": ["a"]}}]}]}]', "names no item"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_told(
    tmp_path: Path, review: Review, name: str, content: str | bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    code, told = review("import", path)
    assert (code, said in told) == (1, True), told


def test_places_that_cannot_be_used_are_told(tmp_path: Path, review: Review, captures: Path) -> None:
    assert review("import", tmp_path / "nowhere")[0] == 1
    code, said = review("export", tmp_path / "stick" / "out")
    assert (code, "is the stick in?" in said) == (1, True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert "there already" in review("export", tmp_path / "full")[1]
    (tmp_path / "empty").mkdir()
    assert review("export", tmp_path / "empty")[0] == 0, "an empty one will do"
    assert main(["review", "status", "--folder", str(tmp_path / "nowhere")]) == 2
    label_all(captures, None)
    code, said = review("export", tmp_path / "nothing")
    assert (code, "nothing to export" in said, (tmp_path / "nothing").exists()) == (1, True, False)


def test_a_stick_that_is_pulled_out_leaves_nothing_half_done(
    tmp_path: Path, captures: Path, monkeypatch: pytest.MonkeyPatch, review: Review
) -> None:
    stick, written = tmp_path / "stick", 0
    stick.mkdir()
    write_bytes = Path.write_bytes

    def pulled_out(path: Path, content: bytes) -> int:
        nonlocal written
        written += 1
        if written == 3:
            shutil.rmtree(stick)
        return write_bytes(path, content)

    before = labels(captures)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", pulled_out)
        code, said = review("export", stick / "out", "--all")
    assert (code, "nothing at the bin has changed" in said) == (1, True)
    assert labels(captures) == before
    stick.mkdir()
    assert review("export", stick / "out", "--all")[0] == 0


def test_a_stick_without_room_is_told_before_anything_is_written(
    tmp_path: Path, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))  # type: ignore[attr-defined] # of this module alone
    code, said = review("export", tmp_path / "out")
    assert (code, "MB are free" in said, (tmp_path / "out").exists()) == (1, True, False)


def test_a_disk_that_fails_amid_an_import_says_how_to_go_on(
    tmp_path: Path, captures: Path, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    review("export", out, "--all")
    for picture in list((out / "_unlabelled").iterdir()):
        picture.rename(out / "glass" / picture.name)
    label, calls = SiteStore.label, iter(range(9))

    def failing(store: SiteStore, *args: str) -> SiteItem:
        if next(calls) == 1:
            raise SiteError("the disk is full")
        return label(store, *args)  # type: ignore[arg-type] # as they came

    with monkeypatch.context() as patched:
        patched.setattr(SiteStore, "label", failing)
        code, said = review("import", out)
    assert (code, "1 of 3 labels were taken over; the same command does the rest" in said) == (1, True)
    assert review("import", out)[0] == 0
    assert [labels(captures)[number] for number in (5, 6, 7)] == ["glass"] * 3


def test_an_export_killed_at_any_moment_is_no_export_and_the_next_one_is_whole(tmp_path: Path, captures: Path) -> None:
    script = (
        "import os, sys\nfrom edge.cli import main\n"
        "sys.addaudithook(lambda event, args: event == 'os.rename' and os._exit(9))\nmain(sys.argv[1:])"
    )
    words = ["review", "export", str(tmp_path / "out"), "--folder", str(captures)]
    killed = subprocess.run([sys.executable, "-c", script, *words], check=False, env={**os.environ})
    assert killed.returncode == 9
    assert not (tmp_path / "out" / formats.TABLE).exists()
    assert main(words) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*LABELS, formats.TABLE])


def test_status_says_what_there_is_and_how_often_the_bin_was_right(
    tmp_path: Path, review: Review, captures: Path
) -> None:
    store = opened(captures)
    for number, label in ((20, "glass"), (21, "glass"), (22, "metal")):
        store.add(site_item(number, why=(Why.RANDOM,)), JPEG)
        store.label(site_item(number).item_id, label, "page", AT, 0)
    store.close()
    code, said = review("status")
    assert code == 0
    assert "11 items" in said
    assert "labelled: 8" in said
    assert "a random sample): 2 of 3" in said
    assert "went wrong: 1 of 4" in said, "what is no item is neither right nor wrong"
    told = json.loads(review("status", "--json")[1])
    assert (told["counts"]["total"], told["sure"], told["counts"]["by_label"]["glass"]) == (
        11,
        {"labelled": 3, "right": 2},
        3,
    )


def test_the_errors_of_a_review_are_those_of_the_store() -> None:
    assert issubclass(ReviewError, SiteError)
    assert ReviewError(["a", "b"]).exit_code == 1
