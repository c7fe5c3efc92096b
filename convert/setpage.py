"""One HTML page to look a prepared set through: counts, what was left out, contact sheets. It needs no other file."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2

from convert.data import LEFT_OUT, SUSPECTS, Pictures, shrink
from convert.findings import SPLITS, Findings
from convert.markup import bullets, element, figure, paragraph, section, table, text
from convert.split import ROBUST
from edge.model import Pixels

# At 3 to 5 kB a picture as text, the page stays below 3 MB.
_SIDE_PX, _QUALITY = 104, 70
_SAMPLES, _SAMPLES_EACH, _GROUPS, _GROUP, _CONFLICTS, _SUSPECTS, _STRIPPED = 160, 12, 14, 6, 18, 60, 24
_LEFT_OUT = 200
_BAR_PX, _ROW_PX, _NAME_PX = 520, 22, 150

_STYLE = """
.sheet { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .75rem .5rem; margin: 0 0 1rem; }
.sheet li { width: 6.5rem; font-size: .75rem; line-height: 1.3; overflow-wrap: anywhere; }
.sheet li.pair { width: 13.5rem; } .pair div { display: flex; gap: .5rem; }
.sheet img { width: 6.5rem; height: 6.5rem; object-fit: contain; background: var(--raised); display: block; }
.part0 { fill: var(--first); } .part1 { fill: var(--second); } .part2 { fill: var(--ink); }
.part3 { fill: var(--quiet); } .part4 { fill: var(--rule); }
"""


def page(findings: Findings, pictures: Pictures) -> str:
    """The text of the page."""
    sheets = _Sheets(findings, pictures)
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        element("title", text("The prepared set")),
        element("style", Path(__file__).with_name("page.css").read_text(encoding="utf-8"), _STYLE),
    ]
    summary = paragraph(f"{len(findings.items):,} pictures of {len(findings.labels)} classes.")
    body = element("header", element("h1", "The prepared set"), summary) + element("main", *_sections(findings, sheets))
    document = element("html", element("head", *head), element("body", body), lang="en")
    return f"<!doctype html>\n{document}\n"


def _sections(findings: Findings, sheets: _Sheets) -> Iterator[str]:
    yield section("Counts", _counts(findings))
    if findings.bins:
        yield section("Bins", _bins(findings))
    yield section("Left out", *_left_out(findings))
    if findings.suspects is not None:
        yield section("Labels that are probably wrong", *_suspects(findings, sheets))
    yield section(
        "The same picture under two labels",
        paragraph(
            f"{len(findings.conflicts)} pictures, of which none is used: file each under one label only."
            if findings.conflicts
            else "None."
        ),
        sheets.conflicts(),
    )
    yield section(
        "Letterbox bars",
        paragraph(f"{len(findings.stripped)} pictures had plain bars on two opposite sides, which were cut off."),
        sheets.stripped(),
    )
    yield section(
        "Near-duplicates",
        paragraph(
            f"{findings.grouped:,} pictures have one. A group trains or is tested as a whole. Shown are the groups "
            "under more than one label, then the largest, robustness pictures apart."
        ),
        sheets.groups(),
    )
    yield section("Samples", *sheets.samples())


def _counts(findings: Findings) -> str:
    rows = [[label, *(str(findings.count(label, split)) for split in SPLITS)] for label in findings.labels]
    total = ["all", *(str(sum(item.split == split for item in findings.items)) for split in SPLITS)]
    numbers = table("Pictures by class and part", ("class", *SPLITS), [*rows, total])
    caption = (
        "train is learned from; validation chooses; test is measured once; robust comes from elsewhere and is only "
        "measured; unused is left out."
    )
    return figure(_chart(findings), caption) + numbers


def _bins(findings: Findings) -> str:
    rows = [
        [name, str(findings.days(name)), *(str(findings.count_of_bin(name, split)) for split in SPLITS)]
        for name in findings.bins
    ]
    return table("Pictures by bin and part; the pictures of a day stay together", ("bin", "days", *SPLITS), rows)


def _chart(findings: Findings) -> str:
    counts = [[findings.count(label, split) for split in SPLITS] for label in findings.labels]
    scale = _BAR_PX / max(map(sum, counts))
    parts = list(_legend())
    for row, (label, numbers) in enumerate(zip(findings.labels, counts, strict=True)):
        y, x = (row + 1) * _ROW_PX, float(_NAME_PX)
        parts.append(element("text", text(label[:22]), x=_NAME_PX - 8, y=y + 15, text_anchor="end"))
        for i, number in enumerate(numbers):
            title = element("title", text(f"{label}: {number} {SPLITS[i]}"))
            width = round(number * scale, 1)
            parts.append(element("rect", title, x=round(x, 1), y=y + 3, width=width, height=16, class_=f"part{i}"))
            x += number * scale
    width, height = _NAME_PX + _BAR_PX + 8, (len(counts) + 1) * _ROW_PX + 4
    described = "Pictures by class and part; the table below has the numbers."
    return element("svg", *parts, viewBox=f"0 0 {width} {height}", width=width, role="img", aria_label=described)


def _legend() -> Iterator[str]:
    for i, split in enumerate(SPLITS):
        x = _NAME_PX + i * 100
        yield element("rect", x=x, y=4, width=12, height=12, class_=f"part{i}")
        yield element("text", text(split), x=x + 17, y=15)


def _left_out(findings: Findings) -> Iterator[str]:
    entries = findings.left_out
    shown = f"The first {_LEFT_OUT} are below, all are in `{LEFT_OUT}`." if len(entries) > _LEFT_OUT else ""
    yield paragraph(f"{len(entries)} pictures. {shown}")
    if entries:
        listed = bullets(f"{entry.path}: {entry.reason}" for entry in entries[:_LEFT_OUT])
        yield element("details", element("summary", "Which, and why"), listed)


def _suspects(findings: Findings, sheets: _Sheets) -> Iterator[str]:
    yield paragraph(
        f"{len(findings.suspects or ())} pictures, judged by a model that was trained without them. All are in "
        f"`{SUSPECTS}` and all were kept. The model is wrong about many of them: look before moving a picture. "
        "The number is how probable it finds the label that the picture has."
    )
    yield sheets.suspects()


class _Sheets:
    """Contact sheets of a set: each a list of small pictures."""

    def __init__(self, findings: Findings, pictures: Pictures) -> None:
        self._findings, self._pictures = findings, pictures

    def suspects(self) -> str:
        shown = (self._findings.suspects or ())[:_SUSPECTS]
        return _sheet(
            self._tile(s.index, f"{self._label(s.index)}; rather {s.suggested}? {s.score:.3f}") for s in shown
        )

    def conflicts(self) -> str:
        pairs = dict.fromkeys(tuple(sorted(pair)) for pair in self._findings.conflicts.items())
        return _sheet(
            _pair(
                self._image(a),
                self._image(b),
                f"{self._label(a)} and {self._label(b)}: {self._name(a)}, {self._name(b)}",
            )
            for a, b in list(pairs)[:_CONFLICTS]
        )

    def stripped(self) -> str:
        found = self._findings.stripped
        return _sheet(
            _pair(_image(s.before, "before"), self._image(s.index), f"{self._label(s.index)}: {self._name(s.index)}")
            for s in found[:: max(1, len(found) // _STRIPPED)][:_STRIPPED]
        )

    def groups(self) -> str:
        members: dict[int, list[int]] = defaultdict(list)
        for i, item in enumerate(self._findings.items):
            if item.split != ROBUST:
                members[item.group].append(i)
        several = [group for group in members.values() if len(group) > 1]
        several.sort(key=lambda group: (-len({self._label(i) for i in group}), -len(group), group))
        return "".join(
            element("h3", text(f"{len(group)} pictures: {', '.join(sorted({self._label(i) for i in group}))}"))
            + _sheet(self._tile(i, self._label(i)) for i in group[:: max(1, len(group) // _GROUP)][:_GROUP])
            for group in several[:_GROUPS]
        )

    def samples(self) -> Iterator[str]:
        labels = self._findings.labels
        each = min(_SAMPLES_EACH, max(1, _SAMPLES // len(labels)))
        for label in labels[:_SAMPLES]:
            own = [i for i, item in enumerate(self._findings.items) if item.label == label]
            yield element("h3", text(label))
            yield _sheet(self._tile(i, "") for i in own[:: max(1, len(own) // each)][:each])

    def _label(self, index: int) -> str:
        return self._findings.items[index].label

    def _name(self, index: int) -> str:
        return Path(self._findings.items[index].path).name

    def _image(self, index: int) -> str:
        return _image(self._pictures[index], self._findings.items[index].path)

    def _tile(self, index: int, caption: str) -> str:
        return element("li", self._image(index), text(caption), title=self._findings.items[index].path)


def _sheet(tiles: Iterable[str]) -> str:
    return element("ul", *tiles, class_="sheet")


def _pair(first: str, second: str, caption: str) -> str:
    return element("li", element("div", first, second), text(caption), class_="pair")


def _image(rgb: Pixels, alternative: str) -> str:
    small = cv2.cvtColor(shrink(rgb, _SIDE_PX), cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    source = f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"
    return f'<img src="{source}" alt="{text(alternative)}" title="{text(alternative)}">'
