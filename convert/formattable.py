"""The formats side by side, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from convert.trial import Row, Scores

_COLUMNS = ("format", "MB", "label", "lost", "compartment", "as float", "ECE", "elsewhere", "median", "p95", "vs float")


def to_json(rows: Sequence[Row]) -> str:
    """A list with an object a format. Shares are 0..1, latencies in milliseconds, loss in points."""
    return TypeAdapter(tuple[Row, ...]).dump_json(tuple(rows), indent=2).decode() + "\n"


def to_text(rows: Sequence[Row]) -> str:
    """One line a format, and below how many operations of which type each is made of."""
    base = next((row.latency_median_ms for row in rows if row.form == "float32"), None)
    full = max((row.validation.pictures for row in rows if row.validation), default=0)
    cells = [_COLUMNS, *(_cells(row, base, full) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_COLUMNS))]
    table = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    return "\n".join([*table, "", *_notes(rows, full), *(_ops(row) for row in rows)]) + "\n"


def _cells(row: Row, base_ms: float | None, full: int) -> tuple[str, ...]:
    held, robust = row.validation, row.robust
    return (
        row.form,
        f"{row.bytes / 1e6:.1f}",
        _share(held, "label") + ("*" if _fewer(row, full) else ""),
        "-" if row.loss is None else f"{row.loss:.2f}",
        _share(held, "compartment"),
        _share(held, "agreement"),
        "-" if held is None else f"{held.ece:.3f}",
        _share(robust, "label"),
        f"{row.latency_median_ms:.1f} ms",
        f"{row.latency_p95_ms:.1f} ms",
        "-" if base_ms is None else f"{row.latency_median_ms / base_ms:.2f}",
    )


def _share(scores: Scores | None, name: str) -> str:
    return "-" if scores is None else f"{getattr(scores, name):.2%}"


def _fewer(row: Row, full: int) -> bool:
    return row.validation is not None and row.validation.pictures < full


def _notes(rows: Sequence[Row], full: int) -> list[str]:
    robust = next((row.robust for row in rows if row.robust), None)
    notes = [f"label, compartment, as float (the same label), ECE: {full} validation pictures"] if full else []
    if robust is not None:
        notes.append(f"elsewhere: labels of {robust.pictures} robustness pictures, which never trained")
    notes += [
        f"* {row.validation.pictures} pictures only: slow" for row in rows if row.validation and _fewer(row, full)
    ]
    notes += [
        f"{row.form} keeps in float: {', '.join(row.kept) or 'nothing'}" for row in rows if row.form == "selective"
    ]
    return notes


def _ops(row: Row) -> str:
    return f"{row.form:9} " + ", ".join(f"{count} {kind}" for kind, count in row.ops.items())
