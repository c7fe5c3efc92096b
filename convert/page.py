"""One HTML page with everything that was measured. It needs no other file and no network."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from convert import plots, statements, tables
from convert.data import shrink
from convert.figures import Figures, Mistake, Point
from convert.markup import bullets, element, figure, paragraph, raw_table, row_head, section, table, text
from convert.statements import interval, percent
from convert.tables import Table
from edge.manifest import Manifest
from edge.model import Pixels

_STYLE = Path(__file__).with_name("page.css")
_SIDE_PX = 200

Picture = Callable[[str], Pixels]  # from a mistake's name


def page(manifest: Manifest, figures: Figures, picture: Picture | None) -> str:
    """The text of the page. picture: None leaves the pictures out. Raises what `picture` raises."""
    title = f"{manifest.name} {manifest.version}"
    body = [
        element("header", element("h1", text(title)), paragraph(statements.measured_on(figures))),
        element("main", _headlines(figures), *_sections(manifest, figures, picture)),
    ]
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        element("title", text(f"{title}: how good it is")),
        element("style", _STYLE.read_text(encoding="utf-8")),
    ]
    document = element("html", element("head", *head), element("body", *body), lang="en")
    return f"<!doctype html>\n{document}\n"


def _sections(manifest: Manifest, figures: Figures, picture: Picture | None) -> Iterator[str]:
    yield section("Labels", _table(tables.by_label(figures)), _confusion(figures))
    yield section("How honest its probabilities are", _reliability(figures))
    yield section("What abstaining buys", _coverage(figures))
    yield section("Other sources", _sources(figures))
    if figures.bins:
        yield section("Bins", _table(tables.by_bin(figures)))
    yield section("Corrupted pictures", _corruptions(figures))
    yield section("Unknown things", _unknown(figures))
    yield section("Against the float model and other runtimes", _comparisons(figures))
    yield section("Worst mistakes", _mistakes(figures, picture))
    yield section("The model", _facts(manifest, figures))
    yield section("Intended use", bullets(statements.intended_use()))
    yield section("Limits", bullets(statements.limits(figures)))
    yield section("Where it comes from", _origin(manifest))
    commands = "\n".join(statements.reproduce(manifest, figures))
    yield section("How to reproduce", element("pre", element("code", text(commands)), tabindex=0))


def _headlines(figures: Figures) -> str:
    tiles = (
        element("div", element("dt", text(h.name)), element("dd", text(h.value)), element("dd", text(_note(h))))
        for h in statements.headlines(figures)
    )
    return element("dl", *tiles, class_="tiles")


def _note(headline: statements.Headline) -> str:
    return f"{headline.note}; float: {headline.floating}" if headline.floating else headline.note


def _table(shown: Table) -> str:
    return table(shown.caption, shown.head, shown.rows)


def _confusion(figures: Figures) -> str:
    labels = [score.label for score in figures.labels]

    def cell(count: int, of: int, right: bool) -> str:
        # Mixed with the page's colour in the style sheet; at most 60 %, so that the number stays readable.
        shade = f"--part: {round(60 * count / of) if of else 0}%"
        return element("td", text(count or "·"), class_="right" if right else "wrong", style=shade)

    rows = (
        element("tr", row_head(label), *(cell(count, sum(row), i == j) for j, count in enumerate(row)))
        for i, (label, row) in enumerate(zip(labels, figures.confusion, strict=True))
    )
    return raw_table("Confusion: rows are the truth, columns the answers", ("truth", *labels), rows)


def _reliability(figures: Figures) -> str:
    caption = (
        f"Calibrated with temperature {figures.temperature:.2f} (filled) and raw (hollow); on the dashed line a "
        f"probability means what it says. ECE {percent(figures.main.ece, 2)} calibrated, "
        f"{percent(figures.main.ece_raw, 2)} raw. The larger a point, the more pictures."
    )
    rows = [
        (name, str(b.pictures), percent(b.confidence), percent(b.right))
        for name, bins in (("raw", figures.reliability_raw), ("calibrated", figures.reliability))
        for b in bins
        if b.pictures
    ]
    numbers = table("Bins of the reliability diagram", ("answers", "pictures", "said", "right"), rows)
    return figure(plots.reliability(figures), caption, numbers)


def _coverage(figures: Figures) -> str:
    wrong = figures.main.wrong
    caption = (
        f"With abstain_below at {figures.threshold:.2f} the bin answers {wrong.total} of {figures.main.label.total} "
        f"and drops {percent(wrong.value, 2)} of them wrong ({interval(wrong)}); it abstains from the unsurest first."
    )
    rows = ((f"{p.threshold:.3f}", percent(p.answered), percent(p.wrong, 2)) for p in _every_tenth(figures.coverage))
    numbers = table("Risk and coverage", ("threshold", "answered", "wrong compartment"), rows)
    return figure(plots.coverage(figures), caption, numbers)


def _every_tenth(points: tuple[Point, ...]) -> list[Point]:
    return [min(points, key=lambda point: abs(point.answered - tenth / 20)) for tenth in range(10, 21)]


def _sources(figures: Figures) -> str:
    if not figures.sources:
        return paragraph("None were measured: splits.csv has no pictures of the part robust.")
    return _table(tables.by_source(figures))


def _corruptions(figures: Figures) -> str:
    robustness = figures.robustness
    if robustness is None:
        return paragraph("Not measured (`--corrupted 0`).")
    caption = (
        f"Labels (filled) and compartments (hollow) right on {robustness.clean.total} of the pictures, drawn from "
        f"every label; dashed: labels, clean ({percent(robustness.clean.value)}). Strengths after Hendrycks and "
        f"Dietterich 2019 (arXiv 1903.12261); colour cast and occlusion were added. Seed {robustness.seed}."
    )
    numbers = _table(tables.by_corruption(robustness))
    return figure(element("div", plots.corruptions(robustness), class_="panels"), caption, numbers)


def _unknown(figures: Figures) -> str:
    unknown = figures.unknown
    if unknown is None:
        return paragraph("Not measured: give `verify --unknown DIR` pictures of none of the labels.")
    return paragraph(
        f"By the {unknown.score}, with the threshold {unknown.threshold:.3g} that answers "
        f"{percent(unknown.known.value)} of the known pictures, {percent(unknown.abstained.value)} of the unknown are "
        f"abstained from ({interval(unknown.abstained)}). Area under the ROC {unknown.separation:.3f}; 0.5 is chance."
    )


def _comparisons(figures: Figures) -> str:
    return _table(tables.side_by_side(figures))


def _mistakes(figures: Figures, picture: Picture | None) -> str:
    if not figures.mistakes:
        return paragraph("None.")
    said = paragraph("Wrong compartments first, the surest of each kind first.")
    if picture is None:
        head = ("picture", "is", "called", "probability", "compartment")
        rows = (
            (m.picture, m.truth, m.answer, percent(m.confidence), "wrong" if m.wrong_compartment else "right")
            for m in figures.mistakes
        )
        return said + table("Worst mistakes", head, rows)
    return said + element(
        "ul", *(_shown(mistake, picture(mistake.picture)) for mistake in figures.mistakes), class_="wall"
    )


def _shown(mistake: Mistake, rgb: Pixels) -> str:
    caption = f"{mistake.truth}, called {mistake.answer} with {percent(mistake.confidence, 0)}"
    where = "wrong compartment" if mistake.wrong_compartment else "right compartment"
    image = f'<img alt="{text(caption)}" src="{_data_uri(rgb)}" loading="lazy">'
    return element("li", image, element("span", text(caption)), element("small", text(f"{where}; {mistake.picture}")))


def _data_uri(rgb: Pixels) -> str:
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(shrink(rgb, _SIDE_PX), cv2.COLOR_RGB2BGR))
    return f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode()}"


def _facts(manifest: Manifest, figures: Figures) -> str:
    runtime = figures.runtime
    latency = f"{runtime.latency_median_ms:.1f} ms median, {runtime.latency_p95_ms:.1f} ms 95th percentile"
    rows = {
        "backbone": manifest.backbone,
        "input": f"{manifest.input.height} x {manifest.input.width} RGB, 0..255, {manifest.input.dtype}",
        "sha256": manifest.sha256,
        "made": manifest.created,
        "licence": manifest.licence,
        "inference": f"{latency}; {runtime.name} on {runtime.machine}, which may have been busy: see smartbin bench",
    }
    pairs = (element("dt", text(name)) + element("dd", text(value)) for name, value in rows.items())
    return element("dl", *pairs, class_="facts")


def _origin(manifest: Manifest) -> str:
    trained, licences = manifest.provenance.data, manifest.provenance.licences
    return (
        element("h3", "Trained on")
        + (bullets(trained) if trained else paragraph("Not stated."))
        + element("h3", "Licences of the data and of the initial weights")
        + (bullets(licences) if licences else paragraph("Not stated."))
    )
