"""The result as a table for people and as one JSON object for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from edge.bench.command import Result
from edge.bench.item import STAGES, VOTES, Stages
from edge.bench.rounds import Figures

SCHEMA = 1
_DOUBTFUL = 0.9  # a cosine below this is no rounding
_NOTES = (
    "median, p95: ms of one answer, tensor in to tensors out. x: as a multiple of LiteRT int8's, round by round.",
    "load: s, once, for import, file and first answer. MB: what the process grew by; each has one of its own.",
    "same: cosine between its answers and LiteRT's (float where there is one); far below 1 it computed something else.",
)


def to_dict(result: Result) -> dict[str, Any]:
    """Plain values; times in ms, memory in MB of 10^6 bytes."""
    stages = None if result.item is None else {stage: _summary(result.item, stage) for stage in STAGES}
    whole = None if result.item is None else _spread([sum(one.values()) for one in result.item])
    return {
        "schema": SCHEMA,
        "machine": result.machine,
        "threads": result.threads,
        "image": result.image,
        "load_before": result.load_before,
        "models": [asdict(figures) for figures in result.figures],
        "item": None if stages is None else {"model": result.item_model, "total": whole, "stages": stages},
        "missing": list(result.missing),
    }


def show(result: Result, console: Console) -> None:
    """Both tables, and what is missing in them."""
    console.print(f"{result.machine}; threads: {result.threads}; image: {result.image}", highlight=False)
    versions = dict.fromkeys(f"{row.runtime} {row.version}" for row in result.figures)
    console.print(", ".join(versions), highlight=False)
    for model in dict.fromkeys(row.model for row in result.figures):
        console.print(_models(model, [row for row in result.figures if row.model == model]))
    for note in _NOTES:
        console.print(note, style="dim", highlight=False, soft_wrap=True)
    if result.item is not None:
        console.print(_item(result.item, str(result.item_model)))
    if result.busy:
        busy = (
            f"the machine was busy before (load {result.load_before:.1f}): only the ratios mean something, and roughly"
        )
        console.print(f"- {busy}", highlight=False)
    for line in result.missing:
        console.print(f"- {line}", highlight=False, markup=False, soft_wrap=True)


def _models(model: str, rows: Sequence[Figures]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=model, title_justify="left", title_style="bold", collapse_padding=True)
    # in a narrow terminal the name of the file is cut, and nothing else
    for name, width in {"runtime": 14, "kind": 5, "file": 1}.items():
        table.add_column(name, no_wrap=True, min_width=width)
    for name, width in {"median": 6, "p95": 6, "x": 5, "load": 5, "MB": 3, "same": 5}.items():
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for row in sorted(rows, key=lambda row: row.median_ms):
        table.add_row(
            row.runtime,
            row.kind,
            row.file,
            _ms(row.median_ms),
            _ms(row.p95_ms),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            f"{row.load_s:.1f}",
            f"{row.memory_mb:.0f}",
            _same(row.agreement),
        )
    return table


def _ms(ms: float) -> str:
    return f"{ms:.1f}" if ms < 1000 else f"{ms:.0f}"


def _same(agreement: float | None) -> str:
    if agreement is None:
        return ""
    text = f"{agreement:.2f}"
    return f"[red]{text}![/]" if agreement < _DOUBTFUL else text


def _item(items: tuple[Stages, ...], model: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{model}: the whole item, from the frame to the flap command ({VOTES} votes, {len(items)} items)",
        title_justify="left",
        title_style="bold",
        show_footer=True,
    )
    whole = _spread([sum(one.values()) for one in items])
    table.add_column("stage", "all together")
    table.add_column("median ms", f"{whole['median']:.2f}", justify="right")
    table.add_column("p95 ms", f"{whole['p95']:.2f}", justify="right")
    table.add_column("share", justify="right")
    for stage in STAGES:
        spread = _summary(items, stage)
        share = sum(one[stage] for one in items) / sum(sum(one.values()) for one in items)
        table.add_row(stage, f"{spread['median']:.2f}", f"{spread['p95']:.2f}", f"{share:.1%}")
    return table


def _summary(items: tuple[Stages, ...], stage: str) -> dict[str, float]:
    return _spread([one[stage] for one in items])


def _spread(ms: list[float]) -> dict[str, float]:
    return {"median": float(np.median(ms)), "p95": float(np.percentile(ms, 95))}
