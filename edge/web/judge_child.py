"""The web process's side of what looks at pictures for it: a process that is there only while pictures come.

The model takes more memory than the whole page. It is opened with the first picture, and gone some time after the last.
"""

from __future__ import annotations

import json
import logging
import math
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing.connection import Connection
from threading import Lock, Timer
from typing import Any

from edge.adapters import child_process
from edge.errors import ModelError
from edge.logs import fields
from edge.verdict import Verdict, from_json_dict
from edge.web.problems import ApiError

log = logging.getLogger(__name__)

IDLE_S = 60.0
WITHIN_S = 60.0  # the first picture waits for its start, at the lowest priority; what takes longer hangs
AGAIN_AFTER_S = 5.0  # after one that died: a start costs much

Start = Callable[[int], "subprocess.Popen[bytes]"]


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: Connection


class JudgeChild:
    """Implements asking.Verdicts, one picture at a time. start(descriptor) starts it with its end of the line."""

    def __init__(
        self, start: Start, monotonic_s: Callable[[], float] = time.monotonic, within_s: float = WITHIN_S
    ) -> None:
        self._start = start
        self._monotonic_s = monotonic_s
        self._within_s = within_s
        self._lock = Lock()
        self._child: _Child | None = None
        self._closed = False
        self._asked_s = self._not_before_s = float("-inf")

    def verdict(self, source: bytes, file: str) -> Verdict:
        """See Judge. Raises ModelError, ApiError 503: the process died, took too long, or cannot be started."""
        with self._lock:
            try:
                told = self._ask(self._running(), source, file)
            finally:
                self._asked_s = self._monotonic_s()
        if "error" in told:
            raise ModelError(told["error"])
        return from_json_dict(told["verdict"])

    def rest(self) -> None:
        """End the process where nobody has asked for some time."""
        if not self._lock.acquire(blocking=False):
            return  # it answers
        try:
            if self._monotonic_s() - self._asked_s >= IDLE_S:
                self._end()
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process, also while it answers: whoever waits for that is told. Twice is fine."""
        self._closed = True  # first: for one that is being started now, see _running()
        if (child := self._child) is not None:
            child.process.kill()
        with self._lock:
            self._end()

    def _ask(self, child: _Child, source: bytes, file: str) -> dict[str, Any]:
        patience = Timer(self._within_s, child.process.kill)
        patience.start()
        try:
            child.line.send_bytes(file.encode(errors="replace"))
            child.line.send_bytes(source)
            told: dict[str, Any] = json.loads(child.line.recv_bytes())
        except (EOFError, OSError) as error:
            self._end()
            self._not_before_s = self._monotonic_s() + AGAIN_AFTER_S
            log.warning("what looks at pictures ended %s", fields(code=child.process.returncode))
            raise _away(AGAIN_AFTER_S) from error
        finally:
            patience.cancel()
        return told

    def _running(self) -> _Child:
        if self._child is not None and self._child.process.poll() is not None:
            self._end()  # it died while it had nothing to do
        if self._child is None:
            if (wait_s := self._not_before_s - self._monotonic_s()) > 0:
                raise _away(wait_s)
            self._child = self._begun()
        if self._closed:
            self._end()
            raise _away(AGAIN_AFTER_S)
        return self._child

    def _begun(self) -> _Child:
        try:
            return self._started()
        except OSError as error:
            log.warning("what looks at pictures cannot be started %s", fields(message=error))
            raise _away(AGAIN_AFTER_S) from error

    def _started(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            line = Connection(ours.detach())
            try:
                return _Child(self._start(theirs.fileno()), line)
            except OSError:
                line.close()
                raise

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.line.close()
            child.process.kill()  # it holds nothing that could be lost
            child.process.wait()


def starter(config: str, environ: Mapping[str, str]) -> Start:
    """Starts `python -m edge.web.judge_process`. config: the settings as JSON."""

    def start(descriptor: int) -> subprocess.Popen[bytes]:
        # of a session of its own: Ctrl-C is for the bin
        return child_process.start(
            "edge.web.judge_process",
            str(descriptor),
            settings=config,
            environ=environ,
            pass_fds=[descriptor],
            start_new_session=True,
        )

    return start


def _away(wait_s: float) -> ApiError:
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "what looks at pictures is not there now and is started again; ask again",
        headers={"Retry-After": str(math.ceil(wait_s))},
    )
