"""What a native library writes to the standard error stream by itself, past sys.stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_lines(beginning: bytes) -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile, and pass it on at the end but for lines that begin so.

    Whatever else is said, by other threads too, only comes a little later. For short calls: a process that dies within
    takes the lines with it.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    shown = os.dup(2)
    held = os.memfd_create("stderr")  # in memory: a service may have no place on the disk to write to
    try:
        os.dup2(held, 2)
        try:
            yield
        finally:
            os.dup2(shown, 2)
            os.lseek(held, 0, os.SEEK_SET)
            with open(held, "rb", closefd=False) as lines:
                os.write(2, b"".join(line for line in lines if not line.startswith(beginning)))
    finally:
        os.close(held)
        os.close(shown)
