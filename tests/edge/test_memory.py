"""What nothing holds any more goes back to the system."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import weakref

import pytest

from edge.adapters.memory import give_back

PINNED = """
from pathlib import Path
from edge.adapters.memory import give_back

def held_kb():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

blocks = [bytes(1000) for _ in range(50_000)]
few = blocks[::1000]  # at every height of the heap, which therefore cannot shrink from its top
del blocks
before = held_kb()
give_back()
print(before - held_kb())
"""


class Part:
    def __init__(self) -> None:
        self.itself = self


def test_what_holds_itself_is_gone() -> None:
    gc.disable()
    try:
        part = weakref.ref(Part())
        assert part() is not None
        give_back()
        assert part() is None
    finally:
        gc.enable()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_pages_between_what_stays_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PINNED], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 30_000
