"""Lessons that the bin starts: each is a process of its own (edge.teach_command), which puts itself last."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable, Mapping

from edge.adapters import child_process
from edge.errors import LessonError
from edge.logs import fields
from edge.state import Teaching

log = logging.getLogger(__name__)

BUSY = "a lesson is under way; its result is shown when it ends"
NOT_STARTED = "the lesson cannot be started: {error}"
BROKEN = "the lesson ended with code {code} and no result; `smartbin teach` says more"
STOP_WITHIN_S = 2.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # the bin sorts meanwhile

Start = Callable[[str], "subprocess.Popen[bytes]"]  # of the settings as JSON; stdout is a pipe


class Lessons:
    """One a run of the service, so that a result outlives the parts that are put together anew for it."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        self._message: str | None = None

    def begin(self, settings: str) -> None:
        """settings: as JSON. Returns at once. Raises LessonError: one is under way, or it cannot be started."""
        self._look()
        if self._process is not None:
            raise LessonError(BUSY)
        try:
            self._process = self._start(settings)
        except OSError as error:
            raise LessonError(NOT_STARTED.format(error=error.strerror)) from error
        self._message = None
        log.info("lesson began")

    def state(self, head: str | None) -> Teaching:
        """head: the one that answers. Never blocks."""
        self._look()
        return Teaching(running=self._process is not None, head=head, message=self._message)

    def close(self) -> None:
        """End what is under way: nothing is lost but its time. Twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            with process:  # its pipe
                child_process.end(process, STOP_WITHIN_S)

    def _look(self) -> None:
        process = self._process
        if process is None or (code := process.poll()) is None:
            return
        self._process = None
        with process:
            assert process.stdout is not None, "Start says so"
            self._message = _told(process.stdout.read(), code)
        log.info("lesson ended %s", fields(code=code, message=self._message))


def _told(result: bytes, code: int) -> str:
    try:
        return str(json.loads(result)["message"])
    except (ValueError, KeyError, TypeError):
        return BROKEN.format(code=code)


def starter(environ: Mapping[str, str]) -> Start:
    """Starts `python -m edge.teach_command`."""

    def start(settings: str) -> subprocess.Popen[bytes]:
        own = {**environ, **ONE_THREAD}
        return child_process.start("edge.teach_command", settings=settings, environ=own, stdout=subprocess.PIPE)

    return start
