"""A sheet of SVG: boxes with terminals, wires, a few circuit symbols. Text out, nothing else.

Coordinates are pixels, y downwards. A net is what a wire carries: it gives the wire its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal, TypeAlias

Net: TypeAlias = Literal["signal", "v3", "v5", "v12", "ground", "none"]
Point: TypeAlias = tuple[float, float]

# Both looks have a background of their own, so that the drawing can be read wherever it is put.
STYLE = """
svg { color-scheme: light dark; font: 14px system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif }
.paper { fill: #fff; stroke: #d0d7de } .ink { fill: #1c2329 } .faint { fill: #57606a; font-size: 12px }
.box { fill: #f3f6f8; stroke: #57606a; stroke-width: 1.5 } .title { font-weight: 600 } .pin { fill: #c9d1d9 }
.wire { fill: none; stroke-width: 2.5; stroke-linejoin: round } .part { fill: #fff; stroke: #1c2329; stroke-width: 2 }
.line { fill: none; stroke: #1c2329; stroke-width: 2 } .solid { fill: #1c2329; stroke: #1c2329 }
.signal { stroke: #b35900 } .v3 { stroke: #9a3fb5 } .v5 { stroke: #c8102e } .v12 { stroke: #c8102e }
.ground { stroke: #24292f } .none { stroke: #8c959f } .dot { stroke-width: 0 }
.dot.signal { fill: #b35900 } .dot.v3 { fill: #9a3fb5 } .dot.v5, .dot.v12 { fill: #c8102e }
.dot.ground { fill: #24292f } .dot.none { fill: #8c959f }
@media (prefers-color-scheme: dark) {
.paper { fill: #161b22; stroke: #30363d } .ink { fill: #e6edf3 } .faint { fill: #9da7b3 }
.box { fill: #21262d; stroke: #8b949e } .pin { fill: #484f58 } .part { fill: #161b22; stroke: #e6edf3 }
.line { stroke: #e6edf3 } .solid { fill: #e6edf3; stroke: #e6edf3 }
.signal { stroke: #ffa94d } .v3 { stroke: #d58bf0 } .v5, .v12 { stroke: #ff6b6b } .ground { stroke: #c9d1d9 }
.dot.signal { fill: #ffa94d } .dot.v3 { fill: #d58bf0 } .dot.v5, .dot.v12 { fill: #ff6b6b }
.dot.ground { fill: #c9d1d9 }
}
"""


class Sheet:
    """Wires are drawn below everything else, in the order in which they come."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = (width, height)
        self._title = title
        self._wires: list[str] = []
        self._marks: list[str] = []

    def wire(self, net: Net, *points: Point) -> None:
        """Straight from point to point."""
        self._wires.append(f'<polyline class="wire {net}" points="{" ".join(f"{x:g},{y:g}" for x, y in points)}"/>')

    def joined(self, net: Net, *points: Point) -> None:
        """A dot where wires meet."""
        self._marks += [f'<circle class="dot {net}" cx="{x:g}" cy="{y:g}" r="5"/>' for x, y in points]

    def text(self, at: Point, words: str, kind: str = "ink", anchor: str = "start") -> None:
        """kind: ink, faint, or `ink title`. anchor: start, middle, end."""
        x, y = at
        self._marks.append(f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>')

    def box(self, corner: Point, size: Point, title: str = "", lines: Sequence[str] = (), kind: str = "box") -> None:
        """A part, its name on top and what else there is to say below it."""
        (x, y), (width, height) = corner, size
        shape = f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        self._marks.append(shape)
        if title:
            self.text((x + width / 2, y + 21), title, "ink title", "middle")
        for n, line in enumerate(lines):
            self.text((x + width / 2, y + 40 + 16 * n), line, "faint", "middle")

    def terminal(self, net: Net, at: Point, words: str, side: Literal["left", "right"]) -> None:
        """On the edge of a box, its name inside. side: of the box."""
        self.joined(net, at)
        step = 11 if side == "left" else -11
        self.text((at[0] + step, at[1] + 5), words, "ink", "start" if side == "left" else "end")

    def path(self, kind: str, steps: str) -> None:
        """SVG's own path, for symbols. kind: line, part or solid."""
        self._marks.append(f'<path class="{kind}" d="{steps}"/>')

    def svg(self) -> str:
        """The file."""
        width, height = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLE}</style>\n"
            f'<rect class="paper" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10"/>\n'
            + "\n".join([*self._wires, *self._marks])
            + "\n</svg>\n"
        )
