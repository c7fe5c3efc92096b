"""Pictures whose label is known, from splits.csv."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convert.errors import DataError
from convert.metrics import Truth


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture whose label is known. bin: on whose tray it lay, else ""."""

    path: Path
    label: str
    bin: str = ""


def read_samples(splits: Path, data: Path, part: str, needed: bool = True) -> tuple[Sample, ...]:
    """The pictures of one part (test, validation, robust ...) of splits.csv; `data` is where relative paths start.

    Raises DataError: no such file; where one is needed, no such part.
    """
    try:
        with splits.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
            chosen = tuple(
                Sample(data / row["path"], row["label"], row.get("bin") or "") for row in rows if row["split"] == part
            )
    except OSError as error:
        raise DataError(f"{splits}: {error.strerror}. `smartbin-convert prepare` writes it; check the path.") from error
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{splits}: not a table with the columns path, label and split ({error}).") from error
    if needed and not chosen:
        parts = ", ".join(sorted({row["split"] for row in rows})) or "nothing"
        raise DataError(f"{splits}: no picture of part {part!r}; it has {parts}.")
    return chosen


def truth_of(samples: Sequence[Sample], labels: Sequence[str]) -> Truth:
    """int64 (n,): indices into the model's labels. Raises DataError: a label that the model does not have."""
    unknown = sorted({sample.label for sample in samples} - set(labels))
    if unknown:
        raise DataError(f"The model has no label {', '.join(unknown)}; it has {', '.join(labels)}.")
    number = {label: i for i, label in enumerate(labels)}
    return np.array([number[sample.label] for sample in samples], dtype=np.int64)


def sources(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """By the name of the folder that holds the class folders."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[sample.path.parent.parent.name].append(sample)
    return dict(sorted(found.items()))


def by_bin(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Those from a bin's tray, by the bin."""
    names = sorted({sample.bin for sample in samples if sample.bin})
    return {name: [sample for sample in samples if sample.bin == name] for name in names}


def folder_of_all(samples: Sequence[Sample]) -> Path:
    """The deepest folder that holds all of these pictures."""
    return Path(os.path.commonpath([sample.path.absolute().parent for sample in samples]))
