"""The ratios as a picture: an SVG file, written by hand because a Pi has no plotting library.

The axis is logarithmic, and a bar begins at 1: to the right it is slower than LiteRT int8, to the left faster, and
twice as fast is as long as half as fast.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from edge.bench.rounds import Figures
from edge.errors import ConfigError

_LEFT, _WIDTH, _RIGHT = 250, 480, 130  # px: names, bars, room for the figure behind the longest
_ROW, _TITLE, _HEAD, _FOOT = 22, 58, 34, 34  # px
_COLOURS = {"int8": "#0b6e4f", "float": "#b0b7bd"}
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


def check(path: Path) -> None:
    """Raises ConfigError unless a picture can be written there."""
    if path.suffix != ".svg":
        raise ConfigError([f"--plot {path}: an SVG is drawn; let the name end in .svg"])
    if not os.access(path.parent, os.W_OK):
        raise ConfigError([f"--plot {path}: nothing can be written into {path.parent}; name another folder"])


def write(path: Path, rows: Sequence[Figures], title: str) -> None:
    """Raises ConfigError."""
    try:
        path.write_text(svg(rows, title))
    except OSError as error:
        raise ConfigError([f"--plot {path}: {error.strerror}; name another file"]) from error


def svg(rows: Sequence[Figures], title: str) -> str:
    """Bars for all rows with a ratio, by model, the fastest on top."""
    known = [(row, row.ratio) for row in rows if row.ratio is not None]
    low = min([0.5, *(r / 1.15 for _, r in known)])
    high = max([2.0, *(r * 1.15 for _, r in known)])

    def x(ratio: float) -> float:
        return _LEFT + _WIDTH * math.log(ratio / low) / math.log(high / low)

    body, y = [], float(_TITLE)
    for model in dict.fromkeys(row.model for row, _ in known):
        body.append(f'<text x="12" y="{y + 22}" class="model">{escape(model)}</text>')
        y += _HEAD
        for row, ratio in sorted((pair for pair in known if pair[0].model == model), key=lambda pair: pair[1]):
            body += _bar(row, ratio, x(min(1.0, ratio)), x(max(1.0, ratio)), y)
            y += _ROW
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    grid = [_tick(tick, x(tick), y) for tick in ticks]
    return _page(title, grid + body, y + _FOOT)


def _bar(row: Figures, ratio: float, start: float, end: float, y: float) -> list[str]:
    name = escape(f"{row.runtime} {row.kind}")
    figure = f"{ratio:.2f} x, {row.median_ms:.1f} ms"
    return [
        f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{name}</text>',
        f'<rect x="{start:.1f}" y="{y + 3}" width="{max(2.0, end - start):.1f}" height="{_ROW - 6}" '
        f'fill="{_COLOURS[row.kind]}"/>',
        f'<text x="{end + 6:.1f}" y="{y + 15}">{figure}</text>',
    ]


def _tick(ratio: float, x: float, bottom: float) -> str:
    stroke = "#555" if ratio == 1 else "#ddd"
    return (
        f'<path d="M{x:.1f} {_TITLE}V{bottom}" stroke="{stroke}"/>'
        f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{ratio:g} x</text>'
    )


def _page(title: str, body: Sequence[str], height: float) -> str:
    width = _LEFT + _WIDTH + _RIGHT
    legend = "".join(
        f'<rect x="{12 + 70 * i}" y="36" width="12" height="12" fill="{colour}"/>'
        f'<text x="{30 + 70 * i}" y="46">{kind}</text>'
        for i, (kind, colour) in enumerate(_COLOURS.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:g}" '
        f'viewBox="0 0 {width} {height:g}" font-family="sans-serif" font-size="12" fill="#222">\n'
        "<style>.model,.title{font-weight:bold;font-size:14px}</style>\n"
        f'<rect width="{width}" height="{height:g}" fill="white"/>\n'
        f'<text x="12" y="22" class="title">{escape(title)}</text>{legend}'
        f'<text x="{_LEFT}" y="46">one answer, as a multiple of LiteRT int8 (logarithmic; left is faster)</text>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )
