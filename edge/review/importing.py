"""Labels into the store: looked at as a whole first, so that an import with a mistake in it changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edge.adapters.site_store import SiteStore
from edge.errors import ReviewError, SiteConflictError, SiteError, SiteItemMissingError
from edge.review.statements import Said, Statement
from edge.site_item import SiteItem

SHOWN = 20
Advance = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """known_only: leave out items that are not kept (any more). overrule: also labels that changed since the export."""

    known_only: bool = False
    overrule: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """item: as it was when it was looked at."""

    item: SiteItem
    label: str


@dataclass(frozen=True, slots=True)
class Plan:
    """same: items that have this label already. unknown: items that are not kept (any more)."""

    changes: Sequence[Change]
    same: int
    unknown: int


def plan(said: Said, store: SiteStore, wishes: Wishes) -> Plan:
    """What is to be done. Raises ReviewError that lists everything that is in the way; SiteError."""
    by_item: dict[str, list[Statement]] = defaultdict(list)
    for statement in said.statements:
        by_item[statement.item_id].append(statement)
    contradictions, gone, overtaken = list[str](), list[str](), list[str]()
    changes, same = list[Change](), 0
    for item_id, statements in by_item.items():
        if len({statement.label for statement in statements}) > 1:
            contradictions.append(f"{item_id}: {', '.join(f'{s.label} ({s.where})' for s in statements)}")
            continue
        try:
            item = store.get(item_id)
        except SiteItemMissingError:
            gone.append(f"{item_id} ({statements[0].where})")
            continue
        if item.label == statements[0].label:
            same += 1
        elif _overtaken(item, statements) and not wishes.overrule:
            overtaken.append(
                f"{item_id}: {item.label or 'nothing'} now, {statements[0].label} in {statements[0].where}"
            )
        else:
            changes.append(Change(item, statements[0].label))
    problems = [
        *_listed("cannot be read", said.problems),
        *_listed("have labels that contradict each other", contradictions),
        *_listed("were labelled since the export (--overrule puts these labels over those)", overtaken),
        *([] if wishes.known_only else _listed("are not kept (any more); --known-only leaves them out", gone)),
    ]
    if problems:
        raise ReviewError([*problems, "nothing was taken over"])
    return Plan(changes, same, len(gone))


def carry_out(planned: Plan, store: SiteStore, at: str, advance: Advance) -> Sequence[str]:
    """Set the labels. Returns what could not be set because somebody was faster by a moment. Raises ReviewError.

    at: RFC 3339 UTC.
    """
    missed = []
    for number, change in enumerate(planned.changes):
        try:
            store.label(change.item.item_id, change.label, "import", at, change.item.revision)
        except (SiteConflictError, SiteItemMissingError) as error:
            missed.append(str(error))
        except SiteError as error:
            rest = f"{number} of {len(planned.changes)} labels were taken over; the same command does the rest"
            raise ReviewError([str(error), rest]) from error
        advance(1, "")
    return missed


def _overtaken(item: SiteItem, statements: Iterable[Statement]) -> bool:
    """Whether somebody else said something that this import cannot know of."""
    seen = {statement.revision for statement in statements if statement.revision is not None}
    if item.label is None:
        return bool(seen) and item.revision > max(seen)  # somebody took the label away
    return item.revision not in seen


def _listed(what: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    more = [f"  and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
    return [f"{len(entries)} {what}:", *(f"  {entry}" for entry in entries[:SHOWN]), *more]
