"""The model card: README.md beside a packaged model, for whoever finds it. No pictures: it may be published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from convert import statements, tables
from convert.figures import Figures
from edge.manifest import Manifest


def card(manifest: Manifest, size_bytes: int, figures: Figures | None = None) -> str:
    """The text of README.md: what the model is, how well it does, where it came from.

    Without figures of `verify` it tells those that were measured when the model was packaged.
    """
    sections = [
        f"# {manifest.name} {manifest.version}",
        f"Says which of {len(manifest.labels)} kinds of waste is on a picture: {', '.join(manifest.labels)}.",
        _facts(manifest, size_bytes),
        "## Intended use",
        _list(statements.intended_use()),
        *(_packaged(manifest) if figures is None else _measured(figures)),
        "## Where it comes from",
        _titled("Trained on", manifest.provenance.data),
        _titled("Licences of the data and of the initial weights", manifest.provenance.licences),
        "## Limits",
        _list(statements.limits(figures)),
        "## How to reproduce",
        "\n".join(f"    {line}" for line in statements.reproduce(manifest, figures)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _facts(manifest: Manifest, size_bytes: int) -> str:
    return _pairs(
        {
            "backbone": manifest.backbone,
            "input": f"{manifest.input.height} x {manifest.input.width} RGB, 0..255, {manifest.input.dtype}",
            "file": f"{manifest.file}, {size_bytes / 1e6:.1f} MB, sha256 `{manifest.sha256}`",
            "temperature": f"{manifest.temperature:.3f}",
            "crop margin": f"{manifest.input.crop_margin:g} of the item's longer side",
            "made": manifest.created,
            "licence": manifest.licence,
        }
    )


def _packaged(manifest: Manifest) -> list[str]:
    unmeasured = "Nothing yet: `smartbin-convert verify` measures it."
    return ["## Measured", _pairs(manifest.metrics) if manifest.metrics else unmeasured]


def _measured(figures: Figures) -> list[str]:
    rows = [(h.name, h.value, h.floating or "-", h.note) for h in statements.headlines(figures)]
    shown = [tables.by_label(figures)]
    shown += [tables.by_source(figures)] if figures.sources else []
    shown += [tables.by_bin(figures)] if figures.bins else []
    shown += [tables.by_corruption(figures.robustness)] if figures.robustness else []
    return [
        "## Measured",
        statements.measured_on(figures),
        _table(("", "packaged", "float", "counts"), rows),
        *(f"{table.caption}:\n\n{_table(table.head, table.rows)}" for table in shown),
    ]


def _pairs(rows: Mapping[str, object]) -> str:
    return _table(("", ""), ((name, _figure(value)) for name, value in rows.items()))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    # A bar in a label would end the cell.
    return "|" + "|".join(f" {text} " if (text := cell.replace("|", "\\|")) else " " for cell in cells) + "|"


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _titled(title: str, entries: Sequence[str]) -> str:
    return f"{title}:\n\n{_list(entries)}" if entries else ""


def _list(entries: Iterable[str]) -> str:
    return "\n".join(f"- {entry}" for entry in entries)
