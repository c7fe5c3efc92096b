"""Which model a bin runs: the shipped one, or an installed package, and what it goes back to. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

SHIPPED = "shipped"
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Choice:
    """Each is NAME-VERSION of an installed package, or SHIPPED. fallback: what ran well before current."""

    current: str = SHIPPED
    fallback: str = SHIPPED


def is_package(name: str) -> bool:
    """Whether it may be the name of a package's folder: no path, nothing hidden."""
    return name != SHIPPED and _PACKAGE.fullmatch(name) is not None


def parse(text: str) -> Choice:
    """What dump() wrote, or a person: one name a line, current first. What is no name counts as SHIPPED."""
    names = [name if is_package(name) else SHIPPED for name in map(str.strip, text.splitlines()[:2])]
    return Choice(*names)


def dump(choice: Choice) -> str:
    """Two lines."""
    return f"{choice.current}\n{choice.fallback}\n"


def usable(choice: Choice, installed: Collection[str], rejected: Collection[str]) -> str:
    """The first of current and fallback that is there and was not rejected; the shipped one always is."""
    for name in (choice.current, choice.fallback):
        if name == SHIPPED or (name in installed and name not in rejected):
            return name
    return SHIPPED


def after_use(choice: Choice, wanted: str) -> Choice:
    """Somebody, or the bin, takes another one; what ran until now is gone back to."""
    return choice if wanted == choice.current else Choice(wanted, fallback=choice.current)


def after_failure(choice: Choice, failed: str) -> Choice:
    """A package failed: without it, wherever it was named."""
    fallback = SHIPPED if choice.fallback == failed else choice.fallback
    return Choice(fallback, SHIPPED) if choice.current == failed else Choice(choice.current, fallback)
