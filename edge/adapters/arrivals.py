"""How model packages come to a bin: fetched and unpacked in STATE/models/.incoming, and named there when complete.

models/.incoming/       what is not complete yet; nothing there is ever run
models/.tuf/            what was seen of the repository, by which an older state of it is known
models/heads.json       which heads were taken from it
models/checked.json     what came of the last look at the repository
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.adapters.files import sync_folder
from edge.adapters.model_store import ModelStore
from edge.errors import UpdateError

INCOMING, TUF, LOCK, CHECKED, HEADS = ".incoming", ".tuf", ".lock", "checked.json", "heads.json"
MOST_HEADS = 50  # remembered
BUSY = "another update runs at this moment; wait for its end"


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the repository. at: RFC 3339. message: what came of it, or what went wrong and what to do."""

    at: str
    ok: bool
    message: str


class Arrivals:
    """Of one store. Every method but last_check and note_check may raise UpdateError: most often the disk is full."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._incoming = store.folder / INCOMING
        self.seen = store.folder / TUF

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one update at a time, also of several processes."""
        with ExitStack() as stack:
            with self._told():
                self._incoming.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((self._store.folder / LOCK).open("w"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise UpdateError(BUSY) from error
            yield

    def free(self) -> int:
        """Bytes that may still be written."""
        with self._told():
            return shutil.disk_usage(self._incoming).free

    def part(self, package: str) -> Path:
        """The file that a package is fetched into; what an earlier run left there is gone on with."""
        return self._incoming / f"{package}.part"

    def empty_folder(self, package: str) -> Path:
        """Where a package is unpacked."""
        folder = self._incoming / package
        with self._told():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        return folder

    def install(self, package: str, folder: Path) -> None:
        """Give a complete folder its name, by which it may be run."""
        with self._told():
            folder.rename(self._store.path(package))
            sync_folder(self._store.folder)

    def clean(self, package: str, *, fetching: bool) -> None:
        """Remove packages that nobody goes back to, but this one, and what earlier runs left.

        fetching: it is about to be fetched, so what there is of it stays.
        """
        choice = self._store.choice()
        for old in {*self._store.installed()} - {choice.current, choice.fallback, package}:
            self.remove(old)
        with self._told():
            for entry in self._incoming.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                elif not fetching or entry != self.part(package):
                    entry.unlink(missing_ok=True)

    def remove(self, package: str) -> None:
        """A package that nobody needs: all of it at once, for a half-deleted folder is no package."""
        old = self._incoming / f"old-{package}"
        with self._told():
            self._incoming.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(old, ignore_errors=True)
            self._store.path(package).rename(old)
            sync_folder(self._store.folder)
            shutil.rmtree(old, ignore_errors=True)

    def heads(self) -> Collection[str]:
        """sha256 of the heads that were taken from the repository; nobody wants one again that gave way since."""
        try:
            found = json.loads(self._store.read(HEADS) or "[]")
        except ValueError:
            return ()
        return [str(sha256) for sha256 in found] if isinstance(found, list) else ()

    def note_head(self, sha256: str) -> None:
        """This one was taken."""
        self._store.write(HEADS, json.dumps([*self.heads(), sha256][-MOST_HEADS:]))

    def last_check(self) -> Check | None:
        """What came of the last look at the repository."""
        try:
            found = json.loads(self._store.read(CHECKED))
            return Check(str(found["at"]), bool(found["ok"]), str(found["message"]))
        except (ValueError, KeyError, TypeError):
            return None

    def note_check(self, check: Check) -> None:
        """Keep it for the page; not worth an error."""
        with suppress(UpdateError):
            self._store.write(CHECKED, json.dumps(asdict(check)))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._store.trouble(error) from error
