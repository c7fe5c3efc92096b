"""What a repository offers, and which of it a bin takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edge.model_choice import is_package

MOST_BYTES = 500_000_000  # of a package, unpacked; the largest model here has 25 MB
MOST_HEAD_BYTES = 10_000_000  # a head of ten labels has 50 kB
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


_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Signed(BaseModel):
    model_config = ConfigDict(frozen=True)

    release: Annotated[int, Field(ge=1)]
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    sha256: _Sha256
    published: AwareDatetime


class About(_Signed):
    """What the maintainer signed about a package, as the target's custom metadata. size: bytes, unpacked."""

    kind: Literal["model"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$")]
    size: Annotated[int, Field(ge=1, le=MOST_BYTES)]


class HeadAbout(_Signed):
    """The same of a taught head. model_sha256: of the model file that it belongs to."""

    kind: Literal["head"]
    model_sha256: _Sha256
    size: Annotated[int, Field(ge=1, le=MOST_HEAD_BYTES)]


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


@dataclass(frozen=True, slots=True)
class HeadOffer:
    """One taught head; as Offer."""

    about: HeadAbout
    path: str
    length: int

    @property
    def package(self) -> str:
        """Its name in the repository."""
        return f"head-{self.about.model_sha256[:12]}-{self.about.release}"


AnyOffer: TypeAlias = Offer | HeadOffer


def read(path: str, length: int, custom: Any) -> AnyOffer | None:
    """A signed target as an offer; None for one that is none, or of a kind that this version does not know."""
    try:
        about = _ABOUT.validate_python(custom)
    except ValidationError:
        return None
    offer = Offer(about, path, length) if isinstance(about, About) else HeadOffer(about, path, length)
    return offer if is_package(offer.package) else None


def newest(offers: Iterable[AnyOffer]) -> Offer | None:
    """The latest release of a model: what its maintainer wants bins to run."""
    models = [offer for offer in offers if isinstance(offer, Offer)]
    return max(models, key=lambda offer: offer.about.release, default=None)


def newest_head(offers: Iterable[AnyOffer], model_sha256: str) -> HeadOffer | None:
    """The latest head for this model."""
    heads = [it for it in offers if isinstance(it, HeadOffer) and it.about.model_sha256 == model_sha256]
    return max(heads, key=lambda offer: offer.about.release, default=None)


def clock_trouble(now: datetime, offer: AnyOffer) -> str | None:
    """Expiry means nothing on a clock that is behind; None while it is not."""
    published = offer.about.published
    if now >= published - EARLY:
        return None
    return CLOCK_BEHIND.format(now=now, package=offer.package, published=published)


def room_trouble(offer: AnyOffer, fetched: int, free: int) -> str | None:
    """All in bytes; fetched: what an earlier run left. None while there is room for the file and for what is in it."""
    needed = offer.length - fetched + offer.about.size + RESERVE_BYTES
    if free >= needed:
        return None
    return NO_ROOM.format(package=offer.package, needed=needed / 1e6, free=free / 1e6)


_ABOUT: TypeAdapter[About | HeadAbout] = TypeAdapter(Annotated[About | HeadAbout, Field(discriminator="kind")])
