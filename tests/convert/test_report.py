"""The page and the card that are made from figures."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from madefigures import figures
from PIL import Image

from convert import plots
from convert.card import card
from convert.cli import main
from convert.figures import FILE, Figures, to_json
from convert.markup import text
from convert.page import page
from edge.manifest import Manifest, load
from edge.model import Pixels


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    return load(tiny_model)


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Path) -> Path:
    """A model folder of its own, measured."""
    copy = tmp_path / "model"
    copy.mkdir()
    for name in ("model.json", "model.tflite"):
        (copy / name).write_bytes((tiny_model / name).read_bytes())
    (copy / FILE).write_text(to_json(figures(model=load(copy).id)))
    return copy


class _Outline(HTMLParser):
    """What a browser would load, what a screen reader would go by, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.headings: list[str] = []
        self.unnamed: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "data")]
        if (tag == "img" and not found.get("alt")) or (tag == "svg" and not found.get("aria-label")):
            self.unnamed.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _grey(name: str) -> Pixels:
    return np.full((400, 300, 3), 90, np.uint8)


def test_the_page_stands_alone_and_names_its_pictures(manifest: Manifest) -> None:
    html = page(manifest, figures(), _grey)

    outline = _Outline(html)
    assert outline.open == []
    assert all(link.startswith("data:image/jpeg;base64,") for link in outline.links)
    assert len(outline.links) == 1
    assert not re.search(r"url\(|@import|<script|http-equiv", html)
    assert outline.unnamed == []
    assert outline.headings[0] == "h1"
    assert outline.headings.count("h1") == 1
    assert html.count("<svg") == 2 + 6, "reliability, coverage, six corruptions"


def test_text_is_escaped(manifest: Manifest) -> None:
    html = page(manifest, figures(), None)

    assert "a &lt;b&gt; | c" in html
    assert "a <b>" not in html


def test_a_page_without_pictures_names_them(manifest: Manifest) -> None:
    html = page(manifest, figures(), None)

    assert "data:" not in html
    assert "set/metal/1.png" in html


def test_what_was_not_measured_is_said(manifest: Manifest) -> None:
    html = page(manifest, figures(robustness=None, unknown=None, sources=(), mistakes=()), _grey)

    for words in ("--corrupted 0", "--unknown DIR", "splits.csv has no pictures", "<p>None.</p>"):
        assert words in html
    assert _Outline(html).open == []


def test_page_and_card_say_the_same_numbers(manifest: Manifest) -> None:
    html, markdown = page(manifest, figures(), None), card(manifest, 5_600_000, figures())

    for number in ("90.0 %", "95.0 %", "1.10 %", "1.50 %", "97.0 %", "60.0 %", "80.0 %"):
        assert number in markdown
        assert text(number) in html
    for said in ("bin-camera", "Hendrycks and Dietterich 2019", "91.0 %", "F1 84.0 %"):
        assert said in markdown


def test_the_card_escapes_what_would_end_a_cell(manifest: Manifest) -> None:
    markdown = card(manifest, 1, figures())

    assert "| a <b> \\| c | 40 | 82.0 % | 87.0 % | 84.0 % |" in markdown
    columns = {line.replace("\\|", "").count("|") for line in markdown.splitlines() if line.startswith("| a <b>")}
    assert columns == {6}


def test_the_card_tells_how_to_reproduce(manifest: Manifest) -> None:
    markdown = card(manifest, 1, figures())

    assert (
        "    smartbin-convert verify models/tiny-colours --splits build/set/splits.csv --keras build/run/model.keras "
        "--unknown unknown/ --corrupted 10\n" in markdown
    )
    bare = card(manifest, 1, figures(part="validation", crop="item", robustness=None, unknown=None))
    assert "--part validation --keras build/run/model.keras --locate --corrupted 0\n" in bare
    assert "a little too kind" in bare
    assert "how often a bin would notice that was not measured" in bare.lower()


def test_a_card_before_anything_was_measured(manifest: Manifest) -> None:
    markdown = card(manifest, 1)

    assert "Nothing yet: `smartbin-convert verify` measures it." in markdown
    assert "## Intended use" in markdown


@pytest.mark.parametrize("plot", [plots.reliability, plots.coverage])
def test_a_plot_stays_in_its_frame(plot: object) -> None:
    assert callable(plot)
    tree = ElementTree.fromstring(plot(figures()).replace("&nbsp;", " "))
    width, height = map(float, tree.attrib["viewBox"].split()[2:])
    for circle in tree.iter("circle"):
        assert 0 < float(circle.attrib["cx"]) < width
        assert 0 < float(circle.attrib["cy"]) < height
    for line in tree.iter("polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_a_perfect_model_can_be_shown(manifest: Manifest) -> None:
    perfect = figures(coverage=figures().coverage[-1:], confusion=((60, 0), (0, 40)), mistakes=())

    assert "Most frequent mistakes" not in page(manifest, perfect, None)


def test_the_step_writes_page_and_card(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "data" / "set" / "metal" / "1.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (40, 30), (9, 9, 9)).save(picture)
    out = tmp_path / "new" / "report.html"

    assert main(["report", str(folder), "--pictures", str(tmp_path / "data"), "--out", str(out)]) == 0

    assert "data:image/jpeg" in out.read_text()
    assert (folder / "README.md").read_text().startswith("# tiny-colours 1.0.0\n")
    assert "not to be published" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]

    assert main(["report", str(folder), "--no-pictures", "--out", str(out)]) == 0
    assert "data:" not in out.read_text()


def _other_model(found: Figures) -> Figures:
    return figures(model=found.model.__class__("tiny-colours", "1.0.0", "f" * 64))


def test_the_step_says_what_is_wrong(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(folder), "--out", str(tmp_path / "report.html")]
    (tmp_path / "old.json").write_text(to_json(_other_model(figures())))
    for arguments, complaint in (
        (["--pictures", str(tmp_path)], "set/metal/1.png: No such file or directory. Give --pictures the folder"),
        (["--verify", str(tmp_path / "gone.json")], "gone.json: No such file"),
        (["--verify", str(tmp_path / "old.json")], "old.json: measured tiny-colours 1.0.0, sha256 ffffffffffff…;"),
        (["--no-pictures", "--out", str(folder)], "Is a directory. Choose another place"),
    ):
        assert main([*words, *arguments]) == 2
        assert complaint in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
    assert not (folder / "README.md").exists()
