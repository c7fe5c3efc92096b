"""Plots as SVG without a fixed colour: the page's style sheet gives them, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convert.figures import Bin, Corrupted, Figures, Robustness
from convert.markup import element, text
from convert.statements import percent

_LEAST = 0.5  # a bin that answers less often than that is of no use
_HALVES = {0.0: "0 %", 0.5: "50 %", 1.0: "100 %"}

_Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axes:
    """From values to pixels. x and y: lowest and highest value. The plot is `width` x `height` px with its margins."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 420
    height: int = 300
    left: int = 66
    bottom: int = 44
    top: int = 12
    right: int = 24

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a value."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.width - self.left - self.right)
        up = (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.height - self.top - self.bottom)
        return round(self.left + across, 1), round(self.height - self.bottom - up, 1)

    def path(self, points: _Points, class_: str) -> str:
        """A line through values."""
        places = " ".join(f"{x},{y}" for x, y in (self.at(*point) for point in points))
        return element("polyline", points=places, class_=class_)

    def dot(self, x: float, y: float, radius: float, class_: str, title: str) -> str:
        """A dot that tells its numbers when pointed at."""
        across, down = self.at(x, y)
        return element("circle", element("title", text(title)), cx=across, cy=down, r=round(radius, 1), class_=class_)

    def label(self, x: float, y: float, value: str, anchor: str, *, dx: float = 0, dy: float = 0) -> str:
        """Text at a value."""
        across, down = self.at(x, y)
        return element("text", text(value), x=across + dx, y=down + dy, text_anchor=anchor)

    def frame(self, x_ticks: dict[float, str], y_ticks: dict[float, str], x_name: str, y_name: str) -> str:
        """Grid, ticks and names of the axes."""
        rules = [self.path([(self.x[0], y), (self.x[1], y)], "grid") for y in y_ticks]
        rules.append(self.path([(self.x[0], self.y[0]), (self.x[1], self.y[0])], "axis"))
        across = [self.label(x, self.y[0], name, "middle", dy=16) for x, name in x_ticks.items()]
        up = [self.label(self.x[0], y, name, "end", dx=-6, dy=4) for y, name in y_ticks.items()]
        middle = (self.left + self.width - self.right) / 2
        names = element("text", text(x_name), x=middle, y=self.height - 6, text_anchor="middle")
        if y_name:
            place = f"translate(12 {(self.top + self.height - self.bottom) / 2}) rotate(-90)"
            names += element("text", text(y_name), transform=place, text_anchor="middle")
        return "".join((*rules, *across, *up, names))

    def svg(self, described: str, *content: str) -> str:
        """The plot; `described` is what a screen reader says instead of it."""
        box = f"0 0 {self.width} {self.height}"
        return element("svg", *content, viewBox=box, role="img", aria_label=described, width=self.width)


def reliability(figures: Figures) -> str:
    """How often it was right, over how sure it said it was; the diagonal is honest."""
    axes = Axes((0, 1), (0, 1))
    ticks = {value / 4: f"{value * 25} %" for value in range(5)}
    return axes.svg(
        f"Reliability diagram: the calibrated answers are {percent(figures.main.ece, 2)} from the diagonal on average, "
        f"the raw ones {percent(figures.main.ece_raw, 2)}.",
        axes.frame(ticks, ticks, "probability it gave", "share that was right"),
        axes.path([(0, 0), (1, 1)], "ideal"),
        *_bins(axes, figures.reliability_raw, "second", "raw"),
        *_bins(axes, figures.reliability, "first", "calibrated"),
    )


def coverage(figures: Figures) -> str:
    """Wrong compartments among the answered, over how many are answered."""
    points = [(point.answered, point.wrong) for point in figures.coverage if point.answered >= _LEAST]
    top = _round_up(max(0.02, *(wrong for _, wrong in points)))
    axes = Axes((_LEAST, 1), (0, top))
    wrong = figures.main.wrong
    marked = min(points, key=lambda point: abs(point[0] - wrong.total / figures.main.label.total))
    named = f"{percent(wrong.value, 2)} wrong at {percent(wrong.total / figures.main.label.total, 0)}"
    return axes.svg(
        f"Risk-coverage curve: {named} answered, {percent(points[-1][1], 2)} when all are answered.",
        axes.frame(
            {value / 10: f"{value * 10} %" for value in range(5, 11)},
            {top * value / 4: percent(top * value / 4) for value in range(5)},
            "share of things answered",
            "wrong compartment among them",
        ),
        axes.path(points, "line first"),
        axes.dot(*marked, 5, "first", named),
        axes.label(*marked, named, "end", dx=-8, dy=-8),
    )


def corruptions(robustness: Robustness) -> str:
    """One small plot for each corruption, all with the same axes."""
    names = dict.fromkeys(cell.corruption for cell in robustness.cells)
    return "".join(
        _corruption(name, [cell for cell in robustness.cells if cell.corruption == name], robustness) for name in names
    )


def _corruption(name: str, cells: Sequence[Corrupted], robustness: Robustness) -> str:
    axes = Axes((0.8, 5.2), (0, 1), width=230, height=180, left=44, top=26, right=8)
    clean = robustness.clean.value
    labels = [(cell.strength, cell.label.value) for cell in cells]
    compartments = [(cell.strength, cell.compartment.value) for cell in cells]
    return axes.svg(
        f"{name}: labels right fall from {percent(clean)} clean to {percent(labels[-1][1])} at strength 5, "
        f"compartments to {percent(compartments[-1][1])}.",
        element("text", text(name), x=axes.left, y=14, class_="title"),
        axes.frame({cell.strength: str(cell.strength) for cell in cells}, _HALVES, "strength", ""),
        axes.path([(0.8, clean), (5.2, clean)], "ideal"),
        axes.path(compartments, "line second"),
        axes.path(labels, "line first"),
        *(axes.dot(x, y, 4, "second", f"compartments, strength {x}: {percent(y)}") for x, y in compartments),
        *(axes.dot(x, y, 4, "first", f"labels, strength {x}: {percent(y)}") for x, y in labels),
    )


def _bins(axes: Axes, bins: Sequence[Bin], class_: str, what: str) -> Iterable[str]:
    filled = [found for found in bins if found.pictures]
    most = max(found.pictures for found in filled)
    yield axes.path([(found.confidence, found.right) for found in filled], f"line {class_}")
    for found in filled:
        # The area tells how many pictures a bin holds: a far point of three pictures matters little.
        radius = 3 + 6 * (found.pictures / most) ** 0.5
        title = f"{what}: {found.pictures} pictures, said {percent(found.confidence)}, right {percent(found.right)}"
        yield axes.dot(found.confidence, found.right, radius, class_, title)


def _round_up(value: float) -> float:
    """The next of 2, 4, 8, 20, 40, 80 %, 100 %: what divides well by four."""
    return next((step for step in (0.02, 0.04, 0.08, 0.2, 0.4, 0.8) if value <= step), 1.0)
