"""Looks for newer models in a process of its own: slow, last in line, and free to die without harm to the sorting."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping

from edge.adapters import child_process
from edge.adapters.arrivals import Arrivals
from edge.state import Updates

BUSY = "a look is on its way already"
STOP_WITHIN_S = 2.0

Start = Callable[[], "subprocess.Popen[bytes]"]


class UpdateChild:
    """start() starts the process; what comes of it is in the arrivals."""

    def __init__(self, start: Start, arrivals: Arrivals) -> None:
        self._start = start
        self._arrivals = arrivals
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> str | None:
        """Returns at once: why it cannot begin, or None."""
        if self._looking():
            return BUSY
        try:
            self._process = self._start()
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        return None

    def told(self) -> Updates:
        """For the state; cheap."""
        looking = self._looking()  # first: what came of it is written before it ends
        last = self._arrivals.last_check()
        return Updates(looking) if last is None else Updates(looking, last.at, last.ok, last.message)

    def close(self) -> None:
        """End it; it may be ended at any moment. Twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            child_process.end(process, STOP_WITHIN_S)

    def _looking(self) -> bool:
        return self._process is not None and self._process.poll() is None


def update_starter(config: str, environ: Mapping[str, str]) -> Start:
    """Starts `python -m edge.updater`. config: the settings as JSON."""

    def start() -> subprocess.Popen[bytes]:
        return child_process.start("edge.updater", settings=config, environ=environ)

    return start
