"""The installed model packages: STATE/models on disk.

current                 which one runs, and what it goes back to: two lines, see edge.model_choice
rejected.json           package -> why it was put back
NAME-VERSION/           a model folder, complete: it got its name when all of it was on the disk
.incoming/              what is not complete yet; nothing there is ever run
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge import model_choice
from edge.adapters.files import sync_folder, write_atomic
from edge.errors import UpdateError
from edge.manifest import FILE_NAME
from edge.model_choice import SHIPPED, Choice

CURRENT, REJECTED, TRIAL, INCOMING = "current", "rejected.json", "trial", ".incoming"
PROVEN = "proven"
BY_HAND = "put back by hand"


class ModelStore:
    """Reads never raise: what cannot be read is as if it were not there. Writes raise UpdateError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def installed(self) -> Sequence[str]:
        """Packages, by name."""
        try:
            found = [entry.name for entry in self.folder.iterdir() if model_choice.is_package(entry.name)]
        except OSError:
            return ()
        return sorted(name for name in found if (self.folder / name / FILE_NAME).is_file())

    def path(self, package: str) -> Path:
        """The model folder of an installed package."""
        return self.folder / package

    def choice(self) -> Choice:
        """What was chosen last."""
        return model_choice.parse(self._read(CURRENT))

    def usable(self) -> str:
        """What runs at the next start: an installed package, or SHIPPED."""
        return model_choice.usable(self.choice(), self.installed(), self.rejected())

    def use(self, wanted: str) -> None:
        """Run this one from now on. Raises UpdateError: it is not installed, the disk."""
        if wanted != SHIPPED and wanted not in self.installed():
            known = ", ".join([SHIPPED, *self.installed()])
            raise UpdateError(f"there is no model {wanted!r} here; name one of {known}")
        choice, rejected = self.choice(), dict(self.rejected())
        if wanted in (SHIPPED, choice.fallback) and wanted != choice.current != SHIPPED:
            rejected[choice.current] = BY_HAND  # else the next update would take it again
        rejected.pop(wanted, None)
        self._write(REJECTED, json.dumps(rejected))
        self._write(CURRENT, model_choice.dump(model_choice.after_use(choice, wanted)))

    def reject(self, package: str, reason: str) -> None:
        """It is never taken again by itself, and the one before it runs. Raises UpdateError: it is not noted."""
        # first this file: with it alone `usable` already passes over the package
        self._write(REJECTED, json.dumps({**self.rejected(), package: reason}))
        self._write(CURRENT, model_choice.dump(model_choice.after_failure(self.choice(), package)))

    def rejected(self) -> Mapping[str, str]:
        """Package -> why."""
        try:
            found = json.loads(self._read(REJECTED) or "{}")
        except ValueError:
            return {}
        return {str(name): str(reason) for name, reason in found.items()} if isinstance(found, dict) else {}

    def begin_trial(self, package: str) -> int:
        """How often it was begun with since it ran well last, this time included; 0 for one that is proven."""
        name, _, times = self._read(TRIAL).strip().partition(" ")
        if name == package and times == PROVEN:
            return 0
        number = int(times) + 1 if name == package and times.isdecimal() else 1
        self._note(f"{package} {number}")
        return number

    def proven(self, package: str) -> None:
        """The bin ran well with it."""
        if package != SHIPPED:
            self._note(f"{package} {PROVEN}")

    def end_trial(self) -> None:
        """Its starts are counted from the beginning again."""
        with suppress(OSError):
            (self.folder / TRIAL).unlink(missing_ok=True)

    def _note(self, trial: str) -> None:
        with suppress(UpdateError):  # a disk that takes nothing must not keep the bin from starting
            self._write(TRIAL, trial)

    def remove(self, package: str) -> None:
        """A package that nobody needs. Raises UpdateError."""
        old = self.incoming() / f"old-{package}"
        try:
            shutil.rmtree(old, ignore_errors=True)
            self.path(package).rename(old)  # all of it at once: a half-deleted folder is no package
            sync_folder(self.folder)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise self._trouble(error) from error

    def incoming(self) -> Path:
        """The folder for what is not complete. Raises UpdateError."""
        folder = self.folder / INCOMING
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._trouble(error) from error
        return folder

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _write(self, name: str, text: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / name, text.encode())
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> UpdateError:
        return UpdateError(f"{self.folder}: cannot be written ({error.strerror}); check the disk and who owns it")
