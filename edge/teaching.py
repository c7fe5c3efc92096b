"""A lesson from beginning to end: what the site has labelled -> material -> a fitted layer, judged -> a head.

Runs beside the bin, in a process of its own: nothing here is on the way from the camera to the flap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge import manifest, novelty
from edge.adapters.head_store import HeadStore
from edge.adapters.litert import LiteRtClassifier
from edge.adapters.site_store import SiteStore, site_store
from edge.config import Settings
from edge.errors import ImageError, LessonError, ModelError, SiteItemMissingError
from edge.head import About, Head
from edge.images import read_image
from edge.lesson import MOST_FITS, Lesson, learn
from edge.manifest import Manifest
from edge.material import MOST, Labelled, Material, material
from edge.progress import Advance
from edge.site_item import SiteItem

NO_BANK = "{path}: this model cannot be taught: it has no bank. `smartbin-convert bank` gives it one, on a workstation."

OTHER_BANK = "{path}: it is of {of} features, the model gives {gives}. {again}"

MakeProgress = Callable[[str, int], AbstractContextManager[Advance]]


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """head: the new one, not yet on disk. others_refused: share of what is no item that it calls unknown, or None."""

    material: Material
    lesson: Lesson
    head: Head
    others_refused: float | None


def teach(settings: Settings, made: str, progress: MakeProgress) -> Taught:
    """made: RFC 3339 UTC. Raises LessonError: too little to teach; SiteError, ModelError. Writes nothing."""
    folder = settings.model.path
    model = manifest.load(folder)
    bank = manifest.load_bank(folder, model)
    if bank is None or model.bank is None:
        raise LessonError(NO_BANK.format(path=folder))
    with closing(site_store(settings)) as store:
        found = material(_labelled(store, folder, model, progress), model.labels, settings.routes)
    of, gives = bank.features.shape[1], found.examples.features.shape[1]
    if of != gives:
        raise ModelError(
            OTHER_BANK.format(path=folder / model.bank.file, of=of, gives=gives, again=manifest.BANK_AGAIN)
        )
    with progress("teach", MOST_FITS) as advance:
        lesson = learn(
            bank, found.examples, found.labels, settings.routes, model.temperature, advance=lambda: advance(1, "")
        )
    strange = manifest.load_novelty(folder, model)
    threshold = None if strange is None else novelty.refitted(strange, found.examples.features)
    about = About(
        model_sha256=model.sha256,
        labels=found.labels,
        temperature=lesson.temperature,
        made=made,
        items=len(found.examples.truth),
        site=lesson.site,
        bank=lesson.bank,
        threshold=threshold,
    )
    return Taught(found, lesson, Head(about, lesson.layer), _refused(strange, threshold, found))


def take_over(taught: Taught, settings: Settings) -> str | None:
    """Let the new head answer from the next item on, unless the lesson speaks against it: its number, or None.

    Raises UpdateError: the disk.
    """
    if taught.lesson.objection is not None:
        return None
    store = HeadStore(settings.heads_folder, taught.head.about.model_sha256)
    number = store.add(taught.head)
    store.use(number)
    return number


def _labelled(store: SiteStore, folder: Path, model: Manifest, progress: MakeProgress) -> list[Labelled]:
    """The newest MOST, the oldest first."""
    count = store.counts().labelled
    with ExitStack() as stack:
        look = _Looking(folder, model, stack)
        advance = stack.enter_context(progress("read", min(count, MOST)))
        return list(_embedded(islice(store.labelled(), max(0, count - MOST), None), store, look, advance))


def _embedded(items: Iterator[SiteItem], store: SiteStore, look: _Looking, advance: Advance) -> Iterator[Labelled]:
    for item in items:
        advance(1, "")
        try:
            embedding = look.at(item, store)
        except (SiteItemMissingError, ImageError, ValueError):  # given up meanwhile, or damaged: one item less
            continue
        assert item.label is not None, "only labelled ones were asked for"
        yield Labelled(item.item_id, item.label, embedding)


class _Looking:
    """What the model sees in an item: as it was kept, or, of another model or none, from its picture."""

    def __init__(self, folder: Path, model: Manifest, stack: ExitStack) -> None:
        self._folder, self._model, self._stack = folder, model, stack
        self._classifier: LiteRtClassifier | None = None

    def at(self, item: SiteItem, store: SiteStore) -> NDArray[np.float32]:
        kept = item.embedding
        if kept is not None and kept.model_sha256 == self._model.sha256:
            return kept.vector
        if self._classifier is None:
            self._classifier = self._stack.enter_context(closing(LiteRtClassifier(self._folder)))
        embedding = self._classifier.classify(read_image(store.picture(item.item_id))).embedding
        assert embedding is not None, "a model with a bank gives embeddings"
        return embedding


def _refused(strange: novelty.Novelty | None, threshold: float | None, found: Material) -> float | None:
    if strange is None or threshold is None or not len(found.others):
        return None
    return float(np.mean([novelty.distance(other, strange.statistics) > threshold for other in found.others]))
