"""Pictures from folders and from tables; every bad line of a table is named."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from convert.errors import DataError
from convert.sources import Source, find_pictures, find_sources, folder_labels
from convert.split import EXTRA, MAIN, ROBUST


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "pictures.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_folders_give_labels_and_order(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.png", "a c/3.avif", "b/.hidden.png", ".git/x.png", "b/notes.txt"):
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).touch()
    (tmp_path / "all" / "empty").mkdir()
    given = [(tmp_path / "all", MAIN)]
    assert [(s.path.name, s.label, s.role) for s in find_sources(given)] == [
        ("3.avif", "a c", MAIN),
        ("1.png", "b", MAIN),
        ("2.JPG", "b", MAIN),
    ]
    assert folder_labels(given) == {"a c", "b", "empty"}
    assert folder_labels([(tmp_path / "all", EXTRA)]) == set()


def test_what_phones_and_browsers_write_is_not_overlooked(tmp_path: Path) -> None:
    """HEIC cannot be read here, which `prepare` says of each file when it tries; .jfif is a JPEG from the web."""
    for name in ("IMG_1.HEIC", "2.heif", "download.jfif", "notes.txt"):
        (tmp_path / "glass" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "glass" / name).touch()
    found = [source.path.name for source in find_sources([(tmp_path, MAIN)])]
    assert found == ["2.heif", "IMG_1.HEIC", "download.jfif"]
    assert [path.name for path in find_pictures(tmp_path)] == ["download.jfif"], "to calibrate on"


def test_a_table_names_path_label_and_perhaps_role(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufefflabel,path,role,note\n glass ,x/1.png,,mine\nglass,/abs/2.png,robust,\nglass,3.png\n")
    assert find_sources([(path, EXTRA)]) == [
        Source(tmp_path / "x/1.png", "glass", EXTRA),
        Source(Path("/abs/2.png"), "glass", ROBUST),
        Source(tmp_path / "3.png", "glass", EXTRA),
    ]


def test_one_label_in_two_spellings_is_one(tmp_path: Path) -> None:
    spelt = unicodedata.normalize("NFD", "café")
    (tmp_path / "all" / spelt).mkdir(parents=True)
    (tmp_path / "all" / spelt / "1.png").touch()
    path = table(tmp_path, "path,label\n2.png,café\n")
    assert {s.label for s in find_sources([(tmp_path / "all", MAIN), (path, MAIN)])} == {"café"}
    assert folder_labels([(tmp_path / "all", MAIN)]) == {"café"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the first line must name the columns path and label"),
        ("path;label\n1.png;glass\n", "it is: path;label"),
        ("path,label\n", "no pictures below the first line"),
        (b"path,label\n1.png,gl\xe4s\n", "not a CSV file in UTF-8"),
        ('path,label\n1.png,"glass\n', "not a CSV file in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a CSV file in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        find_sources([(table(tmp_path, content), MAIN)])
    assert message in str(raised.value)


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label,role\n1.png,glass,\n,glass,\n2.png,,\n1.png,paper,\n3.png,glass,test\n")
    with pytest.raises(DataError) as raised:
        find_sources([(path, MAIN)])
    assert str(raised.value).splitlines() == [
        f"{path}:",
        "  line 3: no path",
        "  line 4: no label",
        "  line 5: 1.png is on line 2 already; name every picture once",
        "  line 6: role 'test'; it is main, extra, robust, or nothing",
    ]


def test_a_long_list_of_bad_lines_is_cut(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="and 15 more"):
        find_sources([(table(tmp_path, "path,label\n" + ",glass\n" * 25), MAIN)])


NAME = "lobby__1__2026-11-26__0198c1d2-0000-7000-8000-00000000000"


def test_exports_of_bins_say_where_and_when(tmp_path: Path) -> None:
    for number, folder in enumerate(["glass", "not-an-item", "_unlabelled"]):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{NAME}{number}.jpg").touch()
    (tmp_path / "glass" / "holiday.jpg").touch()
    given = [(tmp_path, MAIN)]
    found = {s.path.name[-6:]: (s.label, s.bin, s.day, s.unusable) for s in find_sources(given)}
    assert found == {
        "00.jpg": ("glass", "lobby__1", "2026-11-26", None),
        "01.jpg": ("not-an-item", "lobby__1", "2026-11-26", "labelled as no item"),
        "02.jpg": ("", "lobby__1", "2026-11-26", "nobody has labelled it"),
        "ay.jpg": ("glass", "", "", None),
    }
    assert folder_labels(given) == {"glass"}


def test_the_table_of_an_export_may_have_items_without_a_label(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label,bin,day,item_id\n1.jpg,glass,lobby,2026-11-26,a\n2.jpg,,lobby,2026-11-26,b\n")
    assert [(s.label, s.bin, s.day, s.unusable is None) for s in find_sources([(path, MAIN)])] == [
        ("glass", "lobby", "2026-11-26", True),
        ("", "lobby", "2026-11-26", False),
    ]
    half = table(tmp_path, "path,label,bin,day\n1.jpg,glass,lobby,\n2.jpg,,,\n")
    with pytest.raises(DataError, match=r"line 2: bin and day go together(.|\n)*line 3: no label"):
        find_sources([(half, MAIN)])
