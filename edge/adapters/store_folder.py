"""A folder of small files that a bin keeps beside its events: read leniently, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.adapters.files import alone_in, write_atomic
from edge.errors import UpdateError


class StoreFolder:
    """Reads never raise: what cannot be read is as if it were not there. Writes raise UpdateError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> str:
        """One of its files; nothing where it cannot be read."""
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def write(self, name: str, content: str | bytes) -> None:
        """One of its files, whole or not at all, whoever else writes it. Raises UpdateError."""
        with self.alone():
            self.put(name, content)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For reading, changing and put(): every other thread and process that writes waits. Raises UpdateError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone_in(self.folder):
                yield
        except OSError as error:
            raise self.trouble(error) from error

    def put(self, name: str, content: str | bytes) -> None:
        """As write(), for who is alone() already. Raises OSError."""
        write_atomic(self.folder / name, content.encode() if isinstance(content, str) else content)

    def trouble(self, error: OSError) -> UpdateError:
        """What to say of it."""
        return UpdateError(f"{self.folder}: cannot be written ({error.strerror}); check the disk and who owns it")
