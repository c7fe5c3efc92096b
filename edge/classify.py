"""Classifying pictures that no camera took: the verdict on each file, as `smartbin classify --json` prints it.

It is what a bin would do with a thing that lies still like that: as many votes, each on another lay of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge import preprocess
from edge.decision import Policy, decide
from edge.errors import ImageError
from edge.images import MAX_PIXELS, SUFFIXES, read_image
from edge.locate import find_item
from edge.model import WHOLE_FRAME, ModelId
from edge.ports import Classifier
from edge.verdict import Verdict, VerdictOutcome


@dataclass(frozen=True, slots=True)
class Judge:
    """What a verdict takes.

    crop_margin: of the box around the item, from the manifest. votes: looks at the item, at least 1. max_pixels: see
    read_image.
    """

    classifier: Classifier
    policy: Policy
    model: ModelId
    crop_margin: float
    votes: int = 1
    max_pixels: int = MAX_PIXELS

    def verdict(self, source: Path | bytes, file: str) -> Verdict:
        """The verdict on a file or on its content; `file` is what to call it. Raises ModelError, never ImageError."""
        try:
            rgb = read_image(source, self.max_pixels, name=file)
        except ImageError as error:
            return self._rejected(file, str(error))
        item = preprocess.cut(rgb, find_item(rgb) or WHOLE_FRAME, self.crop_margin)
        votes = [self.classifier.classify(preprocess.laid(item, vote)) for vote in range(self.votes)]
        decision = decide(votes, self.policy)
        return Verdict(
            file=file,
            outcome=VerdictOutcome(decision.outcome.value),
            label=decision.label,
            confidence=decision.confidence,
            compartment=decision.compartment,
            compartment_confidence=decision.compartment_confidence,
            reason=decision.reason,
            top=decision.top,
            model=self.model,
        )

    def _rejected(self, file: str, reason: str) -> Verdict:
        return Verdict(file, VerdictOutcome.REJECTED, None, None, None, None, reason, (), self.model)


def verdicts(files: Iterable[Path], judge: Judge) -> Iterator[Verdict]:
    """One verdict a file, in the same order, each as soon as it is known."""
    for file in files:
        yield judge.verdict(file, str(file))


def expand(paths: Sequence[Path]) -> list[Path]:
    """The files to look at: folders are replaced by the images in them, at any depth, in sorted order.

    A file that is named is taken whatever its suffix. Raises ImageError for a folder without an image.
    """
    return [file for path in paths for file in (_images_in(path) if path.is_dir() else [path])]


def _images_in(folder: Path) -> list[Path]:
    # Hidden ones are left out: a stick that was in a Mac has a "._photo.jpg", not an image, beside each photo.
    found = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not found:
        raise ImageError(f"{folder}: no image in this folder (looked for {', '.join(sorted(SUFFIXES))}).")
    return sorted(found)
