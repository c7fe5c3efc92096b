"""A signed repository (The Update Framework) as a bin sees it: what it offers, and the files, verified.

URL/metadata/           root, timestamp, snapshot, targets: who signs what, what is there, until when that holds
URL/targets/            the packages, each under the hash of its content
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig

from edge import updates
from edge.adapters.files import sync_folder
from edge.adapters.repository_files import FolderFiles, WebFiles, files_of
from edge.errors import UpdateError
from edge.logs import fields
from edge.updates import SET_CLOCK, AnyOffer

log = logging.getLogger(__name__)

TRIES = 5  # of a line that breaks; each goes on where the one before ended
EXPIRED = (
    "{url}: what it says is no longer valid on {now:%Y-%m-%d %H:%M} UTC, by this computer's clock. If that is wrong, "
    + SET_CLOCK
    + ". If it is right, its maintainer has to run `smartbin-convert publish "
    "refresh`, or somebody shows an old copy ({error})"
)
OLDER = (
    "{url}: shows an older state than this bin has already seen ({error}). Somebody may be bringing an old model back: "
    "ask its maintainer. If the repository was begun anew, delete {folder} and give the bins the new root.json"
)
UNSIGNED = (
    "{url}: not signed with the keys that {root} names ({error}). Changed by somebody else, or of another maintainer: "
    "compare with the root.json that was given out"
)
CHANGED = "{url}: a file is not the one that was signed ({error}): damaged on the way, or changed by somebody"
WRONG = "{url}: is not a repository as `smartbin-convert publish` makes it ({error})"
NOT_THERE = "{url}: there is no repository ({error}); check update.url"
NO_DISK = "what {url} sent cannot be kept beside {folder} ({error}); check the disk, the next run goes on"
NO_ROOT = "update.root: {root} cannot be used ({error}); get root.json from who publishes the models"


class TufClient:
    """One check. root: the root.json given to this bin once. folder: what was seen is remembered there."""

    def __init__(self, url: str, root: Path, folder: Path, now: datetime) -> None:
        self.url = url.rstrip("/")
        self._root = root
        self._folder = folder
        self._now = now
        self._files: WebFiles | FolderFiles = files_of(self.url)
        self._updater: Updater | None = None

    def offers(self) -> Sequence[AnyOffer]:
        """What is there now. Raises UpdateError: away, expired, older than seen, not signed, changed."""
        with self._told():
            self._updater = self._begin()
            self._updater.refresh()
            sync_folder(self._folder)
            # the file that refresh() has just verified, or it would have raised
            targets = Metadata[Targets].from_bytes((self._folder / "targets.json").read_bytes()).signed.targets
        found = (updates.read(path, target.length, target.custom) for path, target in targets.items())
        return [offer for offer in found if offer is not None]

    def fetch(self, offer: AnyOffer, part: Path) -> None:
        """The package as the file `part`, verified; goes on with what an earlier run left there. Raises UpdateError."""
        assert self._updater is not None, "offers() comes first"
        with self._told():
            target = self._updater.get_targetinfo(offer.path)
            if target is None:
                raise RepositoryError(f"{offer.path} is not in it")
            self._download(target, part)
            try:
                with part.open("rb") as file:
                    target.verify_length_and_hashes(file)
            except exceptions.LengthOrHashMismatchError:
                part.unlink()  # going on with it would be of no use
                raise

    def close(self) -> None:
        """Hang up."""
        self._files.close()

    def _begin(self) -> Updater:
        try:
            trusted = self._root.read_bytes()
        except OSError as error:
            raise UpdateError(NO_ROOT.format(root=self._root, error=error.strerror)) from error
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return Updater(
                metadata_dir=str(self._folder),
                metadata_base_url=f"{self.url}/metadata/",
                fetcher=self._files,
                config=UpdaterConfig(),
                bootstrap=trusted,
            )
        except RepositoryError as error:
            raise UpdateError(NO_ROOT.format(root=self._root, error=error)) from error

    def _download(self, target: TargetFile, part: Path) -> None:
        url = f"{self.url}/targets/{next(iter(target.hashes.values()))}.{target.path}"
        for tries_left in reversed(range(TRIES)):
            have = part.stat().st_size if part.exists() else 0
            if have == target.length:
                return
            try:
                self._go_on(url, part, have, target.length)
            except DownloadHTTPError:
                raise
            except DownloadError as error:
                if not tries_left or not part.exists() or part.stat().st_size <= have:
                    raise
                log.info("download goes on %s", fields(at=part.stat().st_size, of=target.length, message=error))

    def _go_on(self, url: str, part: Path, have: int, length: int) -> None:
        begins, chunks = self._files.read_from(url, have if have < length else 0)
        with part.open("r+b" if begins else "wb") as file:
            file.seek(begins)
            for chunk in chunks:
                if file.tell() + len(chunk) > length:
                    raise exceptions.LengthOrHashMismatchError(f"{url} is longer than {length} bytes")
                file.write(chunk)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """python-tuf's errors, in words that say what to do."""
        told = {"url": self.url, "root": self._root, "folder": self._folder, "now": self._now}
        try:
            yield
        except exceptions.ExpiredMetadataError as error:
            raise UpdateError(EXPIRED.format(error=error, **told)) from error
        except exceptions.BadVersionNumberError as error:
            raise UpdateError(OLDER.format(error=error, **told)) from error
        except exceptions.UnsignedMetadataError as error:
            raise UpdateError(UNSIGNED.format(error=error, **told)) from error
        except exceptions.LengthOrHashMismatchError as error:
            raise UpdateError(CHANGED.format(error=error, **told)) from error
        except RepositoryError as error:
            raise UpdateError(WRONG.format(error=error, **told)) from error
        except DownloadHTTPError as error:
            raise UpdateError(NOT_THERE.format(error=error, **told)) from error
        except DownloadError as error:
            raise UpdateError(str(error)) from error
        except OSError as error:
            raise UpdateError(NO_DISK.format(error=error.strerror, **told)) from error
