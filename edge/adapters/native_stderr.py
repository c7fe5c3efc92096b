"""What a native library writes to the standard error stream by itself, past sys.stderr."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_alone = threading.Lock()  # of two at once each would put back what the other has put there
_switching = threading.Lock()
_shown: int | None = None  # where descriptor 2 led to before, while something is held back


@contextmanager
def without_lines(beginning: bytes) -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile, and pass it on at the end but for lines that begin so.

    Whatever else is said, by other threads too, only comes a little later. For short calls: a process that dies within
    takes the lines with it. One thread after the other.
    """
    with _alone:
        if sys.stderr is not None:
            with suppress(OSError):
                sys.stderr.flush()
        try:
            shown = os.dup(2)
        except OSError:  # the program was started without one
            yield
            return
        held = os.memfd_create("stderr")  # in memory: a service may have no place on the disk to write to
        try:
            _lead_to(held, shown)
            try:
                yield
            finally:
                _lead_to(shown, None)
                os.lseek(held, 0, os.SEEK_SET)
                with open(held, "rb", closefd=False) as lines, suppress(OSError):  # of who listened and went away
                    os.write(2, b"".join(line for line in lines if not line.startswith(beginning)))
        finally:
            os.close(held)
            os.close(shown)


@contextmanager
def stderr_for_a_child() -> Iterator[int | None]:
    """While a process is started: where its errors are to go, which is never what is held back here; None: as ours."""
    with _switching:
        yield _shown


def _lead_to(descriptor: int, shown: int | None) -> None:
    global _shown  # noqa: PLW0603 - there is but one descriptor 2
    with _switching:
        os.dup2(descriptor, 2)
        _shown = shown
