"""The picture of the README: the demo's screen after some items, as SVG. A browser makes demo.png of it.

python docs/make_demo_picture.py --out demo.svg
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.layout import Layout

from edge import app, demo, manifest
from edge.adapters.terminal_view import RichView, Score
from edge.model import Frame, Phase, Signal

COLUMNS, ROWS = 124, 36


class Photographer(RichView):
    """Takes the picture while the item after so many others lies on the tray, and stops the demo."""

    def __init__(self, console: Console, score: Score, compartments: dict[str, tuple[str, ...]], after: int) -> None:
        super().__init__(console, score, compartments, time.monotonic)
        self._after = after
        self.picture: Layout | None = None

    def saw(self, frame: Frame, signal: Signal) -> None:
        """Instead of drawing every frame, keep the one to draw."""
        if self.picture is None and len(self._events) >= self._after and signal.phase is Phase.SETTLED:
            self.picture = self.screen(frame, signal)


def main() -> None:
    """Run the demo as fast as it goes, and stop it at the right moment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("demo.svg"))
    args = parser.parse_args()
    console = Console(record=True, width=COLUMNS, height=ROWS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = demo.settings_for(demo.Wishes(fast=True), os.environ, Path(folder), None)
        score = Score(manifest.load(settings.model.path).labels, settings.routes)
        compartments = {name: compartment.labels for name, compartment in settings.compartments.items()}
        view = Photographer(console, score, compartments, args.after)
        app.run(settings, os.environ, lambda: view.picture is not None, [view.watch], show_pulses=False)
    assert view.picture is not None, "fewer items than --after"
    console.print(view.picture)
    args.out.write_text(console.export_svg(title="./setup.sh demo"))


if __name__ == "__main__":
    main()
