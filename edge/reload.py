"""A new configuration for a bin that runs: checked as a whole, taken over between two items, or not at all."""

from __future__ import annotations

from collections.abc import Callable

from edge.config import Settings
from edge.errors import ConfigError, ModelError
from edge.model import Fault, Problem
from edge.reporter import Reporter

FIXED = "{key}: cannot change while the bin runs, the events on disk belong to the old one; restart the service instead"
MOST_LETTERS = 10_000  # what is told fits into one packet, to the page and to a broker
MORE = "\n... and more: `smartbin check-config` tells all of it"
STAYS = "the running configuration stays in force; correct the file and reload again"


class Reload:
    """asked: whether somebody wants it, true once each time. load: reads and checks; raises ConfigError, ModelError."""

    def __init__(self, asked: Callable[[], bool], load: Callable[[], Settings]) -> None:
        self._asked = asked
        self._load = load
        self._checked: Settings | None = None
        self._next: Settings | None = None

    def ask(self, running: Settings, reporter: Reporter) -> str | None:
        """Read the file now, for wanted() to find. A bad one is reported; returns what is wrong with it."""
        self._checked = None
        try:
            self._checked = checked(running, self._load())
        except (ConfigError, ModelError) as error:
            trouble = _bounded(str(error))
            reporter.fault(rejected(trouble))
            return trouble
        reporter.healed("config")
        return None

    def wanted(self, running: Settings, reporter: Reporter) -> bool:
        """Called between two items. True when there are new settings to take()."""
        if self._asked():
            self.ask(running, reporter)
        if self._checked is None:
            return False
        self._next, self._checked = self._checked, None
        return True

    def take(self) -> Settings | None:
        """The new settings, once; None when there are none."""
        settings, self._next = self._next, None
        return settings


def never() -> Reload:
    """For a bin that nobody reconfigures."""

    def load() -> Settings:
        raise ConfigError(["there is no file to load again"])

    return Reload(lambda: False, load)


def checked(running: Settings, wanted: Settings) -> Settings:
    """What may be taken over by a running bin. Raises ConfigError."""
    changed = {"bin.id": running.bin.id != wanted.bin.id, "outbox": running.outbox != wanted.outbox}
    problems = [FIXED.format(key=key) for key, differs in changed.items() if differs]
    if problems:
        raise ConfigError(problems)
    return wanted


def rejected(reason: str) -> Fault:
    """What the state says of a configuration that was not taken."""
    return Fault("config", f"{reason}\n{STAYS}", Problem.CONFIG_REJECTED)


def _bounded(reason: str) -> str:
    return reason if len(reason) <= MOST_LETTERS else reason[:MOST_LETTERS] + MORE
