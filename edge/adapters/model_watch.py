"""Is the model's file on disk still the one in memory? A bin goes on with the one in memory, and says so."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeAlias

_Stamp: TypeAlias = tuple[int, int, int]

GONE = "{path} is gone; the model in memory goes on, but the next start needs the file: put it back"
OTHER = (
    "{path} is not the file that is in memory (replaced or damaged); the one in memory goes on. To use the new one: "
    "`systemctl reload smart-bin`, which checks it first"
)


class ModelWatch:
    """Looks at the file's time and size, which costs nothing, and reads the file only when those changed."""

    def __init__(self, path: Path, sha256: str) -> None:
        """sha256: of what is in memory, in hex."""
        self._path = path
        self._sha256 = sha256
        self._seen: _Stamp | None = None
        self._trouble: str | None = None

    def trouble(self) -> str | None:
        """What is wrong with the file on disk; None while it is the one in memory."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._trouble = self._compare()
                self._seen = stamp
        except OSError:
            self._seen = None
            return GONE.format(path=self._path)
        return self._trouble

    def _compare(self) -> str | None:
        with self._path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return None if found == self._sha256 else OTHER.format(path=self._path)


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
