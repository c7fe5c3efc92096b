"""What `prepare` found out about a set, as a value, and as the text that it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convert import data
from convert.bars import Bars
from convert.split import EXTRA, ROBUST, TEST, TRAIN, UNUSED, VALIDATION, Item
from convert.suspects import Suspect
from edge.model import Pixels

SPLITS = (TRAIN, VALIDATION, TEST, ROBUST, UNUSED)
_ENOUGH = 5  # days of a bin, with the usual share, until one of them is tested
_FEW = "that takes pictures of five days or more"
_LINKED = "the same photos, or near-duplicates in the other folders, tie its days together"
_NAMED = 12  # files of each list that are named on the screen; the rest is in the tables


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that is not used, and why."""

    path: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Stripped:
    """A picture that had bars. index: of the item; before: a small picture of it with them."""

    index: int
    bars: Bars
    before: Pixels


@dataclass(frozen=True)
class Findings:
    """items: dealt, in the order of splits.csv. conflicts: picture -> the same picture under another label.

    suspects: None when they were not looked for.
    """

    items: tuple[Item, ...]
    refused: tuple[LeftOut, ...]
    stripped: tuple[Stripped, ...]
    conflicts: Mapping[int, int]
    suspects: tuple[Suspect, ...] | None

    @property
    def labels(self) -> list[str]:
        """The classes, sorted."""
        return sorted({item.label for item in self.items})

    @property
    def copies(self) -> int:
        """Files that are there twice, the first of each not counted."""
        return len(self.items) - len({item.sha256 for item in self.items})

    @property
    def grouped(self) -> int:
        """Pictures that have a near-duplicate."""
        return sum(n for n in Counter(item.group for item in self.items).values() if n > 1)

    @property
    def bins(self) -> list[str]:
        """The bins from whose trays there are pictures, sorted."""
        return sorted({item.bin for item in self.items if item.bin})

    def days(self, name: str) -> int:
        """On how many days a bin's pictures were taken."""
        return len({item.day for item in self.items if item.bin == name})

    def count_of_bin(self, name: str, split: str) -> int:
        """How many pictures of a bin are in a split."""
        return sum(item.bin == name and item.split == split for item in self.items)

    @property
    def left_out(self) -> list[LeftOut]:
        """Everything that is not used, files that are no pictures first."""
        return [*self.refused, *(LeftOut(i.path, i.label, r) for i, r in _unused(self.items, self.conflicts))]

    def count(self, label: str, split: str) -> int:
        """How many pictures of a class are in a split."""
        return sum(item.label == label and item.split == split for item in self.items)


def to_text(findings: Findings, folder: Path) -> str:
    """What the user is told at the end; `folder` is where the tables are."""
    left_out, suspects = findings.left_out, findings.suspects
    lines = [
        f"{len(findings.items)} pictures, {len(findings.refused)} files that cannot be used, "
        f"{findings.copies} files that are there twice",
        f"{findings.grouped} pictures are a near-duplicate of another one{_or_day(findings)}; "
        "groups stay on one side of the split",
        f"{len(findings.conflicts)} pictures are filed under two labels",
        f"{len(findings.stripped)} pictures had letterbox bars, which were cut off",
        "labels that are probably wrong: not looked for (--quick)"
        if suspects is None
        else f"{len(suspects)} labels may be wrong; they were kept: look through {folder / data.SUSPECTS}",
        f"{len(left_out)} pictures are left out: {folder / data.LEFT_OUT}",
        *_shortened([f"{entry.path}: {entry.reason}" for entry in left_out]),
        *_counts(findings),
        *_bins(findings),
        f"to look at: {folder / data.REPORT}",
    ]
    return "\n".join(lines)


def _shortened(lines: Sequence[str]) -> list[str]:
    more = [f"  ... and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return [f"  {line}" for line in lines[:_NAMED]] + more


def _counts(findings: Findings) -> Iterator[str]:
    width = max(map(len, findings.labels))
    yield " " * width + "".join(f"{split:>12}" for split in SPLITS)
    for label in findings.labels:
        yield f"{label:<{width}}" + "".join(f"{findings.count(label, split):>12}" for split in SPLITS)


def _or_day(findings: Findings) -> str:
    return ", or of the same bin and day" if findings.bins else ""


def _bins(findings: Findings) -> Iterator[str]:
    """A bin of which no day is tested is told: nobody can say how well the model does there."""
    for name in findings.bins:
        counts = {split: findings.count_of_bin(name, split) for split in SPLITS}
        parts = ", ".join(f"{number} {split}" for split, number in counts.items() if number)
        days = findings.days(name)
        untested = "" if counts[TEST] else f"; none is tested: {_FEW if days < _ENOUGH else _LINKED}"
        yield f"bin {name}: {days} {'day' if days == 1 else 'days'}, {parts}{untested}"


def _unused(items: Sequence[Item], conflicts: Mapping[int, int]) -> Iterator[tuple[Item, str]]:
    held = {item.group: item for item in items if item.split not in (TRAIN, UNUSED)}
    for i, item in enumerate(items):
        if item.split != UNUSED:
            continue
        if i in conflicts:
            other = items[conflicts[i]]
            yield item, f"the same picture under two labels: {other.path} is {other.label}"
        elif item.group in held:
            what = "extra picture" if item.role == EXTRA else "picture"
            yield item, f"{what} that is a near-duplicate of {held[item.group].path}, which is held out"
        else:
            what = (
                "was trained on before" if item.role == ROBUST else "is held out, was so before, or is under two labels"
            )
            yield item, f"it, or a near-duplicate of it, {what}"
