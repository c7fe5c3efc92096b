"""The taught heads of a bin on disk: STATE/heads, a folder for each model, for a head fits no other.

MODEL/0001.npz    a head, see edge.head
MODEL/chosen      the number of the one that answers, or `base`: the model's own layer
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge.adapters.store_folder import StoreFolder
from edge.errors import ModelError, UpdateError
from edge.head import BASE, NUMBER, Head, from_bytes, to_bytes

CHOSEN = "chosen"
KEPT = 10  # heads of one model; the oldest go


class HeadStore(StoreFolder):
    """Of one model. Writes raise UpdateError."""

    def __init__(self, folder: Path, model_sha256: str) -> None:
        """folder: STATE/heads."""
        super().__init__(folder / model_sha256[:16])

    def numbers(self) -> Sequence[str]:
        """Of the heads that are there, the oldest first."""
        try:
            found = [path.stem for path in self.folder.glob("*.npz") if re.fullmatch(NUMBER, path.stem)]
        except OSError:
            return ()
        return sorted(found, key=int)

    def chosen(self) -> str:
        """The number of the head that answers, or BASE."""
        number = self.read(CHOSEN).strip()
        return number if re.fullmatch(NUMBER, number) else BASE

    def load(self, number: str) -> Head:
        """Raises ModelError: not there, or damaged."""
        path = self.folder / f"{number}.npz"
        try:
            return from_bytes(path.read_bytes())
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}. Teach the bin again: `smartbin teach`.") from error
        except ValueError as error:
            raise ModelError(f"{path}: {error}. The file is damaged; teach the bin again: `smartbin teach`.") from error

    def add(self, head: Head) -> str:
        """Keep one more; which one answers stays as it is. Its number. Raises UpdateError."""
        with self.alone():
            there = self.numbers()
            number = f"{int(there[-1]) + 1 if there else 1:04d}"
            self.put(f"{number}.npz", to_bytes(head))
            for old in [one for one in self.numbers() if one != self.chosen()][:-KEPT]:
                with suppress(OSError):
                    (self.folder / f"{old}.npz").unlink()
        return number

    def use(self, number: str) -> None:
        """Let this one answer, or BASE. Raises UpdateError: not there, the disk; ModelError: damaged."""
        if number != BASE:
            if number not in self.numbers():
                raise UpdateError(f"there is no head {number!r} here; name one of {', '.join([*self.numbers(), BASE])}")
            self.load(number)
        self.write(CHOSEN, f"{number}\n")
