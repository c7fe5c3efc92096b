"""Takes the taught head that a repository offers for the model that runs: a small file beside those taught here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from edge import updates
from edge.adapters.arrivals import Arrivals
from edge.adapters.head_store import HeadStore
from edge.errors import ConfigError, ModelError, UpdateError
from edge.head import BASE, Head, from_bytes
from edge.updates import AnyOffer, HeadOffer

READY = "head {number} is ready; take it with `smartbin models use {number}`"
ANSWERS = "head {number} answers from the next item on"
OTHER = "{package}: not the head that was signed for ({what}); tell who published it"
UNFIT = "{package} does not fit this bin: {error}"


class Source(Protocol):
    """A signed repository."""

    def offers(self) -> Sequence[AnyOffer]:
        """What is there now. Raises UpdateError."""

    def fetch(self, offer: AnyOffer, part: Path) -> None:
        """The package as a file, verified. Raises UpdateError."""


class HeadUpdate:
    """check_labels raises ConfigError: one goes nowhere. take_over: it answers at once, where no other was chosen."""

    def __init__(
        self,
        heads: HeadStore,
        arrivals: Arrivals,
        check_labels: Callable[[Sequence[str]], None],
        *,
        take_over: bool,
    ) -> None:
        self._heads = heads
        self._arrivals = arrivals
        self._check_labels = check_labels
        self._take_over = take_over

    def take(self, offer: HeadOffer | None, source: Source, now: datetime) -> str | None:
        """What came of it; None where there is none that is new. Raises UpdateError."""
        if offer is None or offer.about.sha256 in self._arrivals.heads():
            return None
        if trouble := updates.clock_trouble(now, offer):
            raise UpdateError(trouble)
        part = self._arrivals.part(offer.package)
        if trouble := updates.room_trouble(offer, 0, self._arrivals.free()):
            raise UpdateError(trouble)
        source.fetch(offer, part)
        number = self._keep(offer, part)
        told = READY
        if self._take_over and self._heads.chosen() == BASE:  # what was taught here knows the place better
            self._heads.use(number)
            told = ANSWERS
        self._arrivals.note_head(offer.about.sha256)
        part.unlink(missing_ok=True)
        return told.format(number=number)

    def _keep(self, offer: HeadOffer, part: Path) -> str:
        try:
            head = from_bytes(part.read_bytes())
            self._check_labels(head.about.labels)
        except ValueError as error:
            raise UpdateError(OTHER.format(package=offer.package, what=error)) from error
        except ConfigError as error:
            raise UpdateError(UNFIT.format(package=offer.package, error=error)) from error
        except OSError as error:
            raise UpdateError(f"{part}: cannot be read ({error.strerror}); the next run tries again") from error
        if (head.about.model_sha256, head.about.labels) != (offer.about.model_sha256, offer.about.labels):
            raise UpdateError(OTHER.format(package=offer.package, what="another model or other labels"))
        return self._known(head) or self._heads.add(head)

    def _known(self, head: Head) -> str | None:
        """Where an update ended between keeping it and noting that."""
        for number in self._heads.numbers():
            with suppress(ModelError):  # a damaged one is of no harm to others
                if self._heads.load(number).about == head.about:
                    return number
        return None
