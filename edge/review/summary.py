"""What is kept and labelled, and how often the bin was right of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from edge.adapters.site_store import SiteCounts
from edge.site_item import NOT_AN_ITEM, SiteItem, Why


@dataclass(frozen=True, slots=True)
class Right:
    """Of so many labelled items, so many were what the bin took them for."""

    labelled: int = 0
    right: int = 0

    def plus(self, item: SiteItem) -> Right:
        """One more."""
        return Right(self.labelled + 1, self.right + (item.label == item.suggested))


@dataclass(frozen=True, slots=True)
class Summary:
    """sure: of the random sample of what the bin was sure of. hard: of all else that was kept."""

    counts: SiteCounts
    sure: Right
    hard: Right


def summary(counts: SiteCounts, labelled: Iterable[SiteItem]) -> Summary:
    """From the items that have a label."""
    sure = hard = Right()
    for item in labelled:
        if item.event is None or item.label == NOT_AN_ITEM:
            continue
        if set(item.why) - {Why.CORRECTED} == {Why.RANDOM}:
            sure = sure.plus(item)
        else:
            hard = hard.plus(item)
    return Summary(counts, sure, hard)


def to_dict(found: Summary) -> dict[str, Any]:
    """As JSON."""
    return asdict(found)


def to_lines(found: Summary) -> Iterator[str]:
    """For people."""
    counts = found.counts
    yield f"{counts.total:,} items, {counts.bytes / 1e6:.1f} MB"
    labels = "".join(f"\n  {label:<20} {number:6,}" for label, number in counts.by_label.items())
    yield f"labelled: {counts.labelled:,}{labels}"
    for name, right in (("sure of (a random sample)", found.sure), ("unsure of, or that went wrong", found.hard)):
        if right.labelled:
            yield f"of what the bin was {name}: {right.right:,} of {right.labelled:,} were what it took them for"
