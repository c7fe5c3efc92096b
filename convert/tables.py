"""The tables that the page and the model card share, as text."""

from __future__ import annotations

from dataclasses import dataclass

from convert.corruptions import STRENGTHS
from convert.figures import AtBin, Compared, Figures, LabelScore, Robustness, Scores
from convert.statements import percent

_NONE = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row is its heading."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def by_label(figures: Figures) -> Table:
    """Precision, recall and F1."""

    def row(score: LabelScore) -> tuple[str, ...]:
        shares = (score.precision, score.recall, score.f1)
        return (score.label, str(score.pictures), *(_NONE if s is None else percent(s) for s in shares))

    return Table("By label", ("label", "pictures", "precision", "recall", "F1"), tuple(map(row, figures.labels)))


def by_source(figures: Figures) -> Table:
    """How good it is on pictures of other sources."""

    def row(scores: Scores) -> tuple[str, ...]:
        compared = scores.float_model
        floating = (compared.label, compared.agreement) if compared else (None, None)
        return (
            scores.name,
            str(scores.label.total),
            percent(scores.label.value),
            percent(scores.compartment.value),
            *(_NONE if share is None else percent(share.value) for share in floating),
            percent(scores.ece),
            percent(scores.wrong.value),
        )

    head = ("source", "pictures", "labels", "compartments", "float labels", "same as float", "ECE", "wrong at 90 %")
    return Table("Other sources, never trained on", head, tuple(map(row, figures.sources)))


def by_bin(figures: Figures) -> Table:
    """How good it is where it stands, on days that were not trained on, and how good another model was there."""

    def row(at: AtBin) -> tuple[str, ...]:
        scores, before = at.scores, at.before
        shares = (before.label, before.compartment) if before else (None, None)
        return (
            scores.name,
            str(scores.label.total),
            percent(scores.label.value),
            percent(scores.compartment.value),
            *(_NONE if share is None else percent(share.value) for share in shares),
            percent(scores.wrong.value),
        )

    head = ("bin", "pictures", "labels", "compartments", "labels before", "compartments before", "wrong at 90 %")
    return Table(f"By bin, of the {figures.part} part", head, tuple(map(row, figures.bins)))


def by_corruption(robustness: Robustness) -> Table:
    """Labels right at each strength."""
    names = dict.fromkeys(cell.corruption for cell in robustness.cells)
    caption = (
        f"Labels right under corruption (after Hendrycks and Dietterich 2019) on {robustness.clean.total} of the "
        f"pictures, drawn from every label; clean {percent(robustness.clean.value)}"
    )
    rows = tuple(
        (name, *(percent(cell.label.value) for cell in robustness.cells if cell.corruption == name)) for name in names
    )
    return Table(caption, ("corruption", *(f"strength {strength}" for strength in STRENGTHS)), rows)


def side_by_side(figures: Figures) -> Table:
    """The packaged file, the float model, the other runtime; only the first row when nothing was compared."""

    def row(name: str, compared: Compared) -> tuple[str, ...]:
        shares = (compared.label, compared.compartment, compared.agreement)
        return (name, str(compared.label.total), *(percent(share.value, 2) for share in shares))

    main = figures.main
    packaged = (
        f"packaged, {figures.runtime.name}",
        str(main.label.total),
        percent(main.label.value, 2),
        percent(main.compartment.value, 2),
        _NONE,
    )
    pairs = (("float model", main.float_model), ("packaged, tflite-runtime", figures.other_runtime))
    rows = (row(name, compared) for name, compared in pairs if compared is not None)
    return Table("Side by side", ("what", "pictures", "labels", "compartments", "same label"), (packaged, *rows))
