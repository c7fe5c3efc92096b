"""What a repository offers, and which of it a bin takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge.model_choice import is_package

MOST_BYTES = 500_000_000  # of a package, unpacked; the largest model here has 25 MB
RESERVE_BYTES = 50_000_000  # stays free for events
EARLY = timedelta(days=1)  # clocks differ a little, and zones are confused
SET_CLOCK = "check it with `timedatectl`, set it with `sudo timedatectl set-time '2027-01-31 12:00:00'`"
CLOCK_BEHIND = (
    "this computer's clock says {now:%Y-%m-%d}, but {package} was published on {published:%Y-%m-%d}: with a clock that "
    "is behind nobody can tell whether the repository is up to date; " + SET_CLOCK
)
NO_ROOM = (
    "{package} needs {needed:.0f} MB, of which 50 MB stay free for events, and there are {free:.0f} MB: make "
    "room, the next run goes on"
)


class About(BaseModel):
    """What the maintainer signed about a package, as the target's custom metadata. size: bytes, unpacked."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["model"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$")]
    release: Annotated[int, Field(ge=1)]
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    size: Annotated[int, Field(ge=1, le=MOST_BYTES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    published: AwareDatetime


@dataclass(frozen=True, slots=True)
class Offer:
    """One package. path: of the target in the repository. length: bytes of the file to fetch."""

    about: About
    path: str
    length: int

    @property
    def package(self) -> str:
        """The name under which it is installed."""
        return f"{self.about.name}-{self.about.version}"


def read(path: str, length: int, custom: Any) -> Offer | None:
    """A signed target as an offer; None for one that is none, or of a kind that this version does not know."""
    try:
        offer = Offer(About.model_validate(custom), path, length)
    except ValidationError:
        return None
    return offer if is_package(offer.package) else None


def newest(offers: Iterable[Offer]) -> Offer | None:
    """The latest release: what its maintainer wants bins to run."""
    return max(offers, key=lambda offer: offer.about.release, default=None)


def clock_trouble(now: datetime, offer: Offer) -> str | None:
    """Expiry means nothing on a clock that is behind; None while it is not."""
    published = offer.about.published
    if now >= published - EARLY:
        return None
    return CLOCK_BEHIND.format(now=now, package=offer.package, published=published)


def room_trouble(offer: Offer, fetched: int, free: int) -> str | None:
    """All in bytes; fetched: what an earlier run left. None while there is room for the file and for what is in it."""
    needed = offer.length - fetched + offer.about.size + RESERVE_BYTES
    if free >= needed:
        return None
    return NO_ROOM.format(package=offer.package, needed=needed / 1e6, free=free / 1e6)
