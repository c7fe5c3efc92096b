"""The bin in a terminal: the tray as it is seen, the verdict, the compartments, the last items. An Observer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TextIO

import cv2
import numpy as np
from rich.align import Align
from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

from edge.lines import event_line
from edge.model import Box, Decision, Frame, Outcome, Phase, Pixels, Prediction, Signal, SortEvent
from edge.state import BinState

TRAY_COLUMNS, LEAST_TRAY_COLUMNS = 56, 16
WORDS_COLUMNS = 40  # for verdict and compartments; the tray's picture gets smaller first
REFRESH_S = 0.1
LAST_ITEMS = 8
PHASES = {
    Phase.LEARNING: "learning what the empty tray looks like",
    Phase.EMPTY: "tray empty, waiting for an item",
    Phase.MOVING: "something moves",
    Phase.SETTLED: "an item lies still: looking at it",
}
OUTCOME_STYLE = {Outcome.SORTED: "bold green", Outcome.ABSTAINED: "bold yellow"}


def true_label(source: str | None, labels: Sequence[str]) -> str | None:
    """What a file says the item is: its folder (glass/1.jpg) or the start of its name (glass-bottle.jpg)."""
    if source is None:
        return None
    path = PurePosixPath(source)
    for name in (path.parent.name, path.stem.split("-")[0].split("_")[0]):
        if name in labels:
            return name
    return None


def half_blocks(rgb: Pixels, columns: int) -> Text:
    """A picture as text: each character shows two pixels, one above the other."""
    rows = 2 * max(1, round(rgb.shape[0] / rgb.shape[1] * columns / 2))
    small = cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA)
    text = Text(no_wrap=True)
    for y in range(0, rows, 2):
        for upper, lower in zip(small[y], small[y + 1], strict=True):
            text.append("▀", Style(color=_hex(upper), bgcolor=_hex(lower)))
        text.append("\n" if y + 2 < rows else "")
    return text


class Score:
    """How many items were named as their files say, for pictures whose files say it."""

    def __init__(self, labels: Sequence[str], routes: Mapping[str, str]) -> None:
        self._labels = labels
        self._routes = routes
        self.items = 0
        self.known = 0
        self.labels_right = 0
        self.compartments_right = 0
        self.abstained = 0

    def add(self, event: SortEvent) -> str | None:
        """Count an event; returns the true label where it is known."""
        truth = true_label(event.image, self._labels)
        self.items += 1
        self.abstained += event.outcome is Outcome.ABSTAINED
        if truth is not None:
            self.known += 1
            self.labels_right += event.label == truth
            self.compartments_right += event.compartment == self._routes[truth]
        return truth

    def text(self) -> str:
        """One line for the end of a demo."""
        line = f"{self.items} items handled, {self.abstained} of them unsure (sent to the default compartment)."
        if self.known:
            line += (
                f" Of {self.known} whose files say what they are, {self.labels_right} were named right"
                f" and {self.compartments_right} fell into the right compartment."
            )
        return line


class PlainView:
    """One line an item, for pipes and logs."""

    def __init__(self, out: TextIO, score: Score) -> None:
        self._out = out
        self.score = score

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        print(self.score.text(), file=self._out, flush=True)

    def watch(self, state: Callable[[], BinState]) -> PlainView:
        """The bin's state is not shown."""
        return self

    def saw(self, frame: Frame, signal: Signal) -> None:
        """Frames are not shown."""

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        """Only what came of it is shown."""

    def handled(self, event: SortEvent, frame: Frame) -> None:
        """seq, what, where to, why."""
        truth = self.score.add(event)
        remark = f"  (is {truth})" if truth and truth != event.label else ""
        print(event_line(event) + remark, file=self._out, flush=True)


class RichView:
    """The whole bin on one screen, redrawn at most every REFRESH_S."""

    def __init__(
        self,
        console: Console,
        score: Score,
        compartments: Mapping[str, Sequence[str]],
        now_s: Callable[[], float],
    ) -> None:
        self.score = score
        self._console = console
        self._compartments = compartments
        self._state: Callable[[], BinState] | None = None
        self._now_s = now_s
        self._drawn_s = float("-inf")
        self._events: list[tuple[SortEvent, str | None]] = []
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> RichView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        for event, truth in self._events:
            self._console.print(_item_line(event, truth))
        self._console.print(self.score.text())

    def watch(self, state: Callable[[], BinState]) -> RichView:
        """Where to ask for the bin's state while drawing."""
        self._state = state
        return self

    def saw(self, frame: Frame, signal: Signal) -> None:
        """Redraw, now and then."""
        if self._now_s() - self._drawn_s >= REFRESH_S:
            self._drawn_s = self._now_s()
            self._live.update(self.screen(frame, signal), refresh=True)

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        """Only what came of it is shown."""

    def handled(self, event: SortEvent, frame: Frame) -> None:
        """Keep for the list of last items."""
        self._events.append((event, self.score.add(event)))
        self._drawn_s = float("-inf")

    def screen(self, frame: Frame, signal: Signal) -> Layout:
        """The whole picture, as it is drawn."""
        picture = half_blocks(_outlined(frame, signal), self._tray_columns())
        height = len(picture.plain.splitlines()) + 2
        tray = Panel(Align.center(picture), title="tray", subtitle=PHASES[signal.phase], height=height)
        layout = Layout()
        layout.split_column(Layout(name="top", size=height), Layout(name="bottom"))
        layout["top"].split_row(Layout(tray, size=self._tray_columns() + 4), Layout(name="right"))
        layout["right"].split_column(
            Layout(Panel(self._verdict(), title="verdict"), ratio=3),
            Layout(Panel(self._bins(), title="compartments"), ratio=2),
        )
        layout["bottom"].update(self._footer())
        return layout

    def _tray_columns(self) -> int:
        return max(LEAST_TRAY_COLUMNS, min(TRAY_COLUMNS, self._console.width - WORDS_COLUMNS - 4))

    def _verdict(self) -> Group | Text:
        if not self._events:
            return Text("no item yet", style="dim")
        event, truth = self._events[-1]
        bars = Table.grid(padding=(0, 1), expand=True)
        bars.add_column(width=11)
        bars.add_column(ratio=1)
        bars.add_column(width=5, justify="right")
        for answer in event.top[:5]:
            bars.add_row(answer.label, ProgressBar(total=1.0, completed=answer.p), f"{answer.p:.0%}")
        head = Text(f"{event.label} -> {event.compartment}", style=OUTCOME_STYLE.get(event.outcome, "bold red"))
        lines = [head, Text(f"{event.outcome.value}: {event.reason or 'sure enough'}", style="dim"), Text("")]
        name = f"{event.image or ''}" + (f"  (is {truth})" if truth and truth != event.label else "")
        return Group(*lines, bars, Text(f"\n{name}", style="dim"))

    def _bins(self) -> Table:
        counts = self._state().by_compartment if self._state else {}
        opened = self._events[-1][0].compartment if self._events else None
        table = Table.grid(padding=(0, 1), expand=True)
        for name, labels in self._compartments.items():
            style = "bold green" if name == opened else ""
            table.add_row(
                Text("▼" if name == opened else " ", style=style),
                Text(name, style=style),
                Text(str(counts.get(name, 0)), style=style),
                Text(" ".join(labels), style="dim", no_wrap=True, overflow="ellipsis"),
            )
        return table

    def _footer(self) -> Group:
        if self._state is None:
            return Group()
        state = self._state()
        broker = f"MQTT {state.health.broker or 'connected'}"
        line = f" {state.state} · {state.items} items · {broker} · {state.queued} events queued · Ctrl-C ends "
        items = [_item_line(event, truth) for event, truth in reversed(self._events[-LAST_ITEMS:])]
        faults = [Text(f"{fault.part}: {fault.message}", style="bold red") for fault in state.faults]
        return Group(Text(line, style="reverse"), *faults, *items)


def _item_line(event: SortEvent, truth: str | None) -> Text:
    mark = " " if truth is None else ("✓" if truth == event.label else "✗")
    line = Text(f"{event.seq:4d} {mark} ")
    line.append(
        f"{event.label:<11}{event.confidence:4.0%} -> {event.compartment:<10}", OUTCOME_STYLE.get(event.outcome)
    )
    return line.append(f" {event.image or ''} {event.reason or ''}", "dim")


def _outlined(frame: Frame, signal: Signal) -> Pixels:
    if signal.box is None:
        return frame.rgb
    height, width = frame.rgb.shape[:2]
    corner = (int(signal.box.x * width), int(signal.box.y * height))
    far = (int((signal.box.x + signal.box.width) * width), int((signal.box.y + signal.box.height) * height))
    return np.asarray(cv2.rectangle(frame.rgb.copy(), corner, far, (80, 220, 100), max(2, width // 100)), np.uint8)


def _hex(pixel: Pixels) -> str:
    return f"#{pixel[0]:02x}{pixel[1]:02x}{pixel[2]:02x}"
