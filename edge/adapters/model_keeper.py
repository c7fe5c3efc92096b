"""Opens the model that was chosen. One that cannot be run is put back: the one before it runs, never a crash loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge import model_choice
from edge.adapters.model_store import ModelStore
from edge.errors import ConfigError, ModelError, UpdateError
from edge.head import BASE
from edge.logs import fields
from edge.model import Fault, Problem
from edge.model_choice import SHIPPED
from edge.reporter import Reporter
from edge.state import has

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
PROVEN_S = 60.0  # a package with which the bin ran this long may be begun with however often the power is cut
MOST_TRIALS = 3
FAILING_S = 5.0  # the loop asks again with every frame; what still fails then is no single bad picture
ENDED = f"the bin ended {MOST_TRIALS} times while it began with it"
PUT_BACK = "{package} was put back ({reason}); {runs} runs. To take it again: `smartbin models use {package}`"

T = TypeVar("T")


class ModelKeeper:
    """One a run of the service."""

    def __init__(self, store: ModelStore) -> None:
        self.store = store
        self._chosen_head: Callable[[], str] = lambda: BASE
        self._head = BASE  # what was chosen when the model was opened
        self.package = SHIPPED  # what runs
        self._unnoted: set[str] = set()  # failed ones of which the disk took no note
        self._warning: Fault | None = None
        self._proven = False
        self._looked_s = self._began_s = self._failing_s = float("-inf")

    def open(self, now_s: float, open_package: Callable[[Path], T], open_shipped: Callable[[], T]) -> T:
        """The model that was chosen, or the next one that works.

        open_package(folder) opens an installed one and raises ModelError or ConfigError; open_shipped opens what comes
        with the program, and what it raises is raised.
        """
        self._began_s = self._looked_s = self._failing_s = now_s
        self._proven = False
        while (package := self._usable()) != SHIPPED:
            self.package = package
            try:
                if self.store.begin_trial(package) > MOST_TRIALS:
                    raise ModelError(ENDED)
                return open_package(self.store.path(package))
            except (ModelError, ConfigError) as error:
                self.put_back(str(error))
        self.package = SHIPPED
        return open_shipped()

    def watch_head(self, chosen: Callable[[], str]) -> None:
        """chosen: the head of the model that was opened, or BASE; cheap. Another one is another model."""
        self._chosen_head, self._head = chosen, chosen()

    def put_back(self, reason: str, package: str | None = None) -> None:
        """What runs, or was to run, or the package named, is not taken any more; the one before it is."""
        package = package or self.package
        try:
            self.store.reject(package, reason)
        except UpdateError as error:
            self._unnoted.add(package)
            log.warning("not noted on disk %s", fields(message=error))
        message = PUT_BACK.format(package=package, reason=reason, runs=self._usable())
        self._warning = Fault("package", message, Problem.MODEL_PUT_BACK)

    def other_wanted(self, reporter: Reporter, now_s: float) -> bool:
        """Called between two items. True when another model is to be opened: somebody chose one, or this one fails."""
        if self._warning is not None:
            reporter.fault(self._warning)
        if now_s - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        if self._fails(reporter, now_s):
            self.put_back("; ".join(f.message for f in reporter.state.faults if f.problem is Problem.MODEL_FAILED))
            return self._usable() != self.package
        if self._usable() != self.package or self._chosen_head() != self._head:
            self._warning = None  # somebody chose: what was put back is history
            return True
        if now_s - self._began_s > PROVEN_S and not self._proven:
            self.store.proven(self.package)
            self._proven = True
        return False

    def ended(self) -> None:
        """A clean end, a reload, or an error of another part: that was no failed trial."""
        if not self._proven:
            self.store.end_trial()

    def _fails(self, reporter: Reporter, now_s: float) -> bool:
        if self.package == SHIPPED or not has(reporter.state, Problem.MODEL_FAILED):
            self._failing_s = now_s
        return now_s - self._failing_s > FAILING_S

    def _usable(self) -> str:
        rejected = {*self.store.rejected(), *self._unnoted}
        return model_choice.usable(self.store.choice(), self.store.installed(), rejected)
