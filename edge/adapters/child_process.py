"""Processes that a bin starts beside itself: for its page, for a lesson, for a look at newer models.

Each gives way to the sorting, and may end at any moment without harm to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.adapters.native_stderr import stderr_for_a_child

SETTINGS = "SMARTBIN_CHILD_SETTINGS"  # the variable with the bin's settings as JSON
LOWEST = 19  # sorting comes first
SACRIFICED_FIRST = "1000"  # when memory runs out


def start(module: str, *words: str, settings: str, environ: Mapping[str, str], **more: Any) -> subprocess.Popen[bytes]:
    """`python -m module words`. settings: as JSON. more: as subprocess.Popen has it. Raises OSError."""
    # NOTIFY_SOCKET is the bin's own
    own = {name: value for name, value in environ.items() if name != "NOTIFY_SOCKET"}
    # not as an argument, which every user can read: a camera's URL may hold its password
    own[SETTINGS] = settings
    command = [sys.executable, "-m", module, *words]
    with stderr_for_a_child() as stderr:
        return subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stderr=stderr, **more)


def end(process: subprocess.Popen[bytes], within_s: float) -> None:
    """Ask it to end, and end it when it does not. One that has ended is fine."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def give_way() -> None:
    """In such a process, before anything else."""
    with suppress(OSError):
        os.nice(LOWEST)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(SACRIFICED_FIRST)
