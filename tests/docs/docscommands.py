"""The commands in the code blocks of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PLACES = ("*.md", "docs/**/*.md", "models/*/README.md")
SHELL = ("sh", "bash", "console")  # blocks of commands alone
USAGE = "usage"  # what may follow, no command
# In other blocks a line that begins with one of these is a command all the same.
PROGRAMS = re.compile(
    r"(\w+=\S+\s)*(\S*/)?(smartbin|smartbin-convert|setup\.sh|sudo|make|pip|python3?|curl|git|mosquitto_\w+|systemctl|journalctl|"
    r"echo|podman|docker|make-certificates\.sh|promtool|telegraf|grafana\S*|rm|find|scp|cp|mkdir|npx|npm|node-red)\s"
)
_MENTION = re.compile(r"`(?:sudo )?(smartbin(?:-convert)? [^`\n]+)`")
_FENCE = re.compile(r"^\s*```(\w*)")


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a shell. where: file and line."""

    text: str
    where: str


def commands() -> list[Command]:
    """Of every page, in order."""
    return [command for path in _pages() for command in _of(path)]


def mentions() -> list[Command]:
    """What the running text says of smartbin and smartbin-convert, as `smartbin classify --json`."""
    return [
        Command(found, str(path.relative_to(REPOSITORY)))
        for path in _pages()
        for found in _MENTION.findall(path.read_text(encoding="utf-8"))
    ]


def _pages() -> list[Path]:
    return sorted({path for place in PLACES for path in REPOSITORY.glob(place)})


def _of(path: Path) -> Iterator[Command]:
    name = path.relative_to(REPOSITORY)
    kept, start = "", 0
    for number, kind, line in _code(path.read_text(encoding="utf-8").splitlines()):
        start = start if kept else number
        kept += line.strip()
        if kept.endswith("\\"):
            kept = kept[:-1]
            continue
        if kept and kind != USAGE and (kind in SHELL or PROGRAMS.match(f"{kept} ")):
            yield Command(_bare(kept), f"{name}:{start}")
        kept = ""


def _code(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """(line number, language, line) of fenced and of indented blocks."""
    language, before = None, ""
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if fence:
            language = fence[1] if language is None else None
        elif language is not None:
            yield number, language, line
        elif line.startswith("    ") and not (before.strip() and not before.startswith("    ")):
            yield number, "", line
        before = line


def _bare(text: str) -> str:
    """Without what is said about it behind a # or, in the examples of --help, behind some blanks."""
    return re.sub(r"\s+#\s.*$|\s{3,}.*$", "", text).strip()
