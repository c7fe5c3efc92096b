"""The page about a set: complete, small, and nothing in it comes from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from convert import data
from convert.bars import Bars
from convert.findings import Findings, LeftOut, Stripped, to_text
from convert.setpage import page
from convert.split import UNUSED
from convert.suspects import Suspect


class Reader(HTMLParser):
    """Fails on tags that do not match, and collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def findings(folder: Path) -> Findings:
    items = list(data.load(folder).items)
    items[4], items[24] = (replace(items[i], split=UNUSED) for i in (4, 24))
    items[6] = replace(items[6], group=items[5].group)
    return Findings(
        items=tuple(items),
        refused=(LeftOut("<cut>.png", "metal", "damaged"),),
        stripped=(Stripped(9, Bars(3, 3), np.zeros((40, 40, 3), np.uint8)),),
        conflicts={4: 24, 24: 4},
        suspects=(Suspect(11, "paper", 0.0123),),
    )


def test_everything_found_is_on_the_page(small_set: Path) -> None:
    text = page(findings(small_set), data.Pictures(small_set))
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    # 60 pictures: 12 of each of three classes; a suspect; a pair; bars before and after; a group of two
    assert len(reader.sources) == 36 + 1 + 2 + 2 + 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in reader.sources)
    assert "url(" not in text
    assert "&lt;cut&gt;.png: damaged" in text
    assert "metal; rather paper? 0.012" in text
    assert "metal and paper: 0-004.png, 0-004.png" in text
    assert "the same picture under two labels" in text
    assert "2 pictures: metal" in text
    shown = [int(n) for n in re.findall(r"<td>(\d+)</td>", text)]
    assert sum(shown) == 2 * 60


def test_no_suspects_were_looked_for(small_set: Path) -> None:
    found = replace(findings(small_set), suspects=None)
    assert "probably wrong" not in page(found, data.Pictures(small_set))
    assert "not looked for (--quick)" in to_text(found, small_set)


def test_a_long_list_is_cut_on_the_screen(small_set: Path) -> None:
    refused = tuple(LeftOut(f"{i}.png", "metal", "damaged") for i in range(40))
    said = to_text(replace(findings(small_set), refused=refused), small_set)
    assert said.count("damaged") == 12
    assert "... and 30 more" in said
