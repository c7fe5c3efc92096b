"""One look at the repository: fetch what is new, try it out, install it. A kill at any moment does no harm."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from edge import manifest, updates
from edge.adapters.archive import unpack
from edge.adapters.arrivals import Arrivals, Check
from edge.adapters.head_update import HeadUpdate, Source
from edge.adapters.model_store import ModelStore
from edge.errors import ConfigError, ModelError, UpdateError
from edge.settings.learning import UpdateSettings
from edge.updates import Offer

NOTHING = "{url} offers no model that this version of the program knows"
RUNS = "up to date: {package} runs"
REJECTED = "{package} is the newest, and was put back here ({reason}); to take it: `smartbin models use {package}`"
READY = "{package} is ready; take it with `smartbin models use {package}`"
SHADOW = "{package} is here; it answers beside the model that sorts, and is compared with it"
OTHER = "{package}: what the file holds is not what was signed for it ({what}); tell who published it"
NO_DISK = "{folder}: cannot be written ({error}); make room, the next run tries again"
UNFIT = "{package} does not fit this bin: {error}"


class Updating:
    """try_out(folder) opens a model folder as the bin would, and raises ModelError or ConfigError where it cannot run.

    runs: name-version and sha256 of the model that the bin uses now. heads: what takes a taught head for it.
    """

    def __init__(
        self,
        settings: UpdateSettings,
        store: ModelStore,
        source: Source,
        *,
        try_out: Callable[[Path], None],
        runs: tuple[str, str],
        heads: HeadUpdate,
    ) -> None:
        self._settings = settings
        self._store = store
        self._arrivals = Arrivals(store)
        self._source = source
        self._try_out = try_out
        self._runs = runs
        self._heads = heads

    def check(self, now: datetime) -> str:
        """What came of it, for people. Raises UpdateError; the message is kept for the page in both cases."""
        at = now.isoformat(timespec="seconds")
        with self._arrivals.alone():
            try:
                message = self._check(now)
            except UpdateError as error:
                self._arrivals.note_check(Check(at, False, str(error)))
                raise
            self._arrivals.note_check(Check(at, True, message))
        return message

    def _check(self, now: datetime) -> str:
        offers = self._source.offers()
        model = self._model(updates.newest(offers), now)
        head = self._heads.take(updates.newest_head(offers, self._runs[1]), self._source, now)
        return model if head is None else f"{model}; {head}"

    def _model(self, offer: Offer | None, now: datetime) -> str:
        if offer is None:
            return NOTHING.format(url=self._settings.url)
        if trouble := updates.clock_trouble(now, offer):
            raise UpdateError(trouble)
        package, rejected = offer.package, self._store.rejected()
        if self._runs == (package, offer.about.sha256):
            return RUNS.format(package=package)
        if package in rejected:
            return REJECTED.format(package=package, reason=rejected[package])
        if package in self._store.installed():
            self._arrivals.clean(package, fetching=False)
        else:
            self._install(offer)
        return self._offered(package)

    def _offered(self, package: str) -> str:
        if self._settings.mode not in ("shadow", "auto"):
            return READY.format(package=package)
        if self._store.candidate() != package:
            self._store.propose(package)
        return SHADOW.format(package=package)

    def _install(self, offer: Offer) -> None:
        part = self._arrivals.part(offer.package)
        self._arrivals.clean(offer.package, fetching=True)  # room first
        if trouble := updates.room_trouble(offer, part.stat().st_size if part.exists() else 0, self._arrivals.free()):
            raise UpdateError(trouble)
        self._source.fetch(offer, part)
        folder = self._unpacked(offer, part)
        try:
            self._try_out(folder)
        except (ModelError, ConfigError) as error:
            raise UpdateError(UNFIT.format(package=offer.package, error=error)) from error
        self._arrivals.install(offer.package, folder)
        part.unlink(missing_ok=True)

    def _unpacked(self, offer: Offer, part: Path) -> Path:
        folder = self._arrivals.empty_folder(offer.package)
        try:
            unpack(part, folder, offer.about.size)
            found = manifest.load(folder)
        except OSError as error:
            part.unlink(missing_ok=True)  # on a full disk it would be in the way of events
            shutil.rmtree(folder, ignore_errors=True)
            raise UpdateError(NO_DISK.format(folder=folder, error=error.strerror)) from error
        except ModelError as error:
            raise UpdateError(OTHER.format(package=offer.package, what=error)) from error
        if (found.name, found.version, found.sha256) != (offer.about.name, offer.about.version, offer.about.sha256):
            raise UpdateError(OTHER.format(package=offer.package, what=f"{found.name} {found.version}"))
        return folder
