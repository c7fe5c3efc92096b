"""The installed model packages: STATE/models on disk.

current                 which one runs, and what it goes back to: two lines, see edge.model_choice
rejected.json           package -> why it was put back
NAME-VERSION/           a model folder, complete: it got its name when all of it was on the disk
candidate               the package that is compared with the one that runs
trial                   how often the bin began with a package that it has not run well with yet

How packages come here: edge.adapters.arrivals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge import model_choice
from edge.adapters.store_folder import StoreFolder
from edge.errors import UpdateError
from edge.manifest import FILE_NAME
from edge.model_choice import SHIPPED, Choice

CURRENT, REJECTED, TRIAL, CANDIDATE = "current", "rejected.json", "trial", "candidate"
PROVEN = "proven"
BY_HAND = "put back by hand"


class ModelStore(StoreFolder):
    """Reads never raise: what cannot be read is as if it were not there. Writes raise UpdateError."""

    def installed(self) -> Sequence[str]:
        """Packages, by name."""
        try:
            found = [entry.name for entry in self.folder.iterdir() if model_choice.is_package(entry.name)]
        except OSError:
            return ()
        return sorted(name for name in found if _is_file(self.folder / name / FILE_NAME))

    def path(self, package: str) -> Path:
        """The model folder of an installed package."""
        return self.folder / package

    def choice(self) -> Choice:
        """What was chosen last."""
        return model_choice.parse(self.read(CURRENT))

    def usable(self) -> str:
        """What runs at the next start: an installed package, or SHIPPED."""
        return model_choice.usable(self.choice(), self.installed(), self.rejected())

    def use(self, wanted: str) -> None:
        """Run this one from now on. Raises UpdateError: it is not installed, the disk."""
        if wanted != SHIPPED and wanted not in self.installed():
            known = ", ".join([SHIPPED, *self.installed()])
            raise UpdateError(f"there is no model {wanted!r} here; name one of {known}")
        with self.alone():
            choice, rejected = self.choice(), dict(self.rejected())
            if wanted in (SHIPPED, choice.fallback) and wanted != choice.current != SHIPPED:
                rejected[choice.current] = BY_HAND  # else the next update would take it again
            rejected.pop(wanted, None)
            self.put(REJECTED, json.dumps(rejected))
            self.put(CURRENT, model_choice.dump(model_choice.after_use(choice, wanted)))

    def reject(self, package: str, reason: str) -> None:
        """It is never taken again by itself, and the one before it runs. Raises UpdateError: it is not noted."""
        with self.alone():
            # first this file: with it alone `usable` already passes over the package
            self.put(REJECTED, json.dumps({**self.rejected(), package: reason}))
            self.put(CURRENT, model_choice.dump(model_choice.after_failure(self.choice(), package)))

    def rejected(self) -> Mapping[str, str]:
        """Package -> why."""
        try:
            found = json.loads(self.read(REJECTED) or "{}")
        except ValueError:
            return {}
        return {str(name): str(reason) for name, reason in found.items()} if isinstance(found, dict) else {}

    def begin_trial(self, package: str) -> int:
        """How often it was begun with since it ran well last, this time included; 0 for one that is proven."""
        name, _, times = self.read(TRIAL).strip().partition(" ")
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
            self.write(TRIAL, trial)

    def candidate(self) -> str | None:
        """The package that is compared with the one that runs; None without one."""
        name = self.read(CANDIDATE).strip()
        fine = name in self.installed() and name not in self.rejected() and name != self.usable()
        return name if fine else None

    def propose(self, package: str) -> None:
        """Make it the candidate. Raises UpdateError."""
        self.write(CANDIDATE, package)


def _is_file(path: Path) -> bool:
    """False too where the card or somebody else's rights let nobody look."""
    try:
        return path.is_file()
    except OSError:
        return False
