"""What `verify` measured, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from convert.corruptions import CORRUPTIONS, STRENGTHS
from convert.evaluate import MEAN_STRENGTH
from convert.figures import Figures, LabelScore, Robustness, Scores, Share
from convert.tables import by_bin


def to_text(figures: Figures) -> str:
    """The figures as lines."""
    main, model = figures.main, figures.model
    lines = [
        f"{model.name} {model.version} on the {figures.part} part ({main.label.total} pictures)",
        f"labels right        {share_text(main.label)}",
        f"compartments right  {share_text(main.compartment)}",
        f"wrong at 90 %       {share_text(main.wrong)} of those answered fell wrong, threshold {figures.threshold:.2f}",
        f"calibration error   {main.ece_raw:.2%}, with temperature {figures.temperature:.2f}: {main.ece:.2%}",
        f"inference           {figures.runtime.latency_median_ms:.1f} ms median, "
        f"{figures.runtime.latency_p95_ms:.1f} ms 95th percentile, {figures.runtime.name}",
        *_compared_lines(figures),
        *_unknown_lines(figures),
    ]
    sections = [lines, _score_lines(figures.labels), _confusion_lines(figures)]
    sections += [_source_lines(figures.sources)] if figures.sources else []
    sections += [_bin_lines(figures)] if figures.bins else []
    sections += [_robustness_lines(figures.robustness)] if figures.robustness else []
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def share_text(value: Share) -> str:
    """Share, counts and interval."""
    return f"{value.value:.2%} ({value.right} of {value.total}; 95 %: {value.low:.2%} to {value.high:.2%})"


def _compared_lines(figures: Figures) -> list[str]:
    compared, other = figures.main.float_model, figures.other_runtime
    lines = []
    if compared is not None:
        lines += [
            f"float labels        {share_text(compared.label)}",
            f"float compartments  {share_text(compared.compartment)}",
            f"same label as float {share_text(compared.agreement)}",
        ]
    if other is not None:
        lines.append(f"on tflite-runtime   {share_text(other.agreement)} get the same label")
    return lines


def _unknown_lines(figures: Figures) -> list[str]:
    unknown = figures.unknown
    if unknown is None:
        return []
    return [
        f"unknown abstained   {share_text(unknown.abstained)} when {unknown.known.value:.1%} of the known are answered"
    ]


def _score_lines(scores: Sequence[LabelScore]) -> list[str]:
    width = max(len(score.label) for score in scores)

    def figure(value: float | None) -> str:
        return f"{'-' if value is None else format(value, '.1%'):>9}"

    head = f"{'':{width}} {'pictures':>9} {'precision':>9} {'recall':>9} {'F1':>9}"
    rows = [
        f"{s.label:{width}} {s.pictures:>9} {figure(s.precision)} {figure(s.recall)} {figure(s.f1)}" for s in scores
    ]
    return [head, *rows]


def _confusion_lines(figures: Figures) -> list[str]:
    labels = [score.label for score in figures.labels]
    width = max(map(len, labels))
    head = " ".join(f"{label[:5]:>5}" for label in labels)
    rows = [
        f"{label:{width}} " + " ".join(f"{count or '.':>5}" for count in row)
        for label, row in zip(labels, figures.confusion, strict=True)
    ]
    return ["rows: the truth; columns: the answers", f"{'':{width}} {head}", *rows]


def _bin_lines(figures: Figures) -> list[str]:
    table = by_bin(figures)
    widths = [max(map(len, column)) for column in zip(table.head, *table.rows, strict=True)]
    lines = [
        " ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in (table.head, *table.rows)
    ]
    return [table.caption.lower(), *lines]


def _source_lines(sources: Sequence[Scores]) -> list[str]:
    width = max(len(source.name) for source in sources)
    head = f"{'':{width}} {'pictures':>9} {'labels':>9} {'compartm.':>9} {'ECE':>9} {'wrong@90':>9}"
    return [
        "other sources, never trained on",
        head,
        *(
            f"{s.name:{width}} {s.label.total:>9} {s.label.value:>9.1%} {s.compartment.value:>9.1%} "
            f"{s.ece:>9.2%} {s.wrong.value:>9.1%}"
            for s in sources
        ),
    ]


def _robustness_lines(robustness: Robustness) -> list[str]:
    found = {(cell.corruption, cell.strength): cell.label.value for cell in robustness.cells}
    width = max(map(len, CORRUPTIONS))
    return [
        f"labels right on {robustness.clean.total} pictures, corrupted (clean: {robustness.clean.value:.1%}; "
        f"mean at strength {MEAN_STRENGTH}: {robustness.mean:.1%})",
        f"{'':{width}} " + " ".join(f"{strength:>6}" for strength in STRENGTHS),
        *(
            f"{name:{width}} " + " ".join(f"{found[name, strength]:>6.1%}" for strength in STRENGTHS)
            for name in CORRUPTIONS
        ),
    ]
