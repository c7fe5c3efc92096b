"""Arrays on disk, all or nothing."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import DataError

# What NumPy was seen to raise on a file that is empty, cut off or overwritten.
DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz file; a stop while writing leaves the older one. Raises DataError when the disk is full."""
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **dict(arrays))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Check the disk; what was saved before is still there.") from error


def load(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays of a file, in the order in which they were saved; None where there is none. Raises DataError."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file) as stored:
            return dict(stored)
    except DAMAGED as error:
        raise DataError(f"{path}: damaged ({error}). Remove it and run the same command again.") from error
