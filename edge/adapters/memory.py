"""Memory that nothing holds any more, given back to the system."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Free what is held in circles only, then the pages that the C library keeps for later (malloc_trim(3))."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own: others have none
    if trim is not None:
        trim(0)
