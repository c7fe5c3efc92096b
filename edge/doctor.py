"""Is everything there that the bin needs? Running checks and telling what they found. The checks: doctor_checks.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.errors import ConfigError, SmartBinError

EXIT_ORDER = (2, 3, 4, 1)  # configuration, hardware, model, the rest: when several fail, the first names the exit code
INDENT = " " * 20


class Level(StrEnum):
    """How serious a finding is. Only FAIL keeps the bin from its work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. name and exit_code are those of the check."""

    level: Level
    text: str
    remedy: str | None = None
    name: str = ""
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class Check:
    """run yields one finding or several, or raises a SmartBinError, which is a failure. exit_code: when it fails."""

    name: str
    run: Callable[[], Iterable[Finding]]
    exit_code: int = 1


def run_checks(checks: Iterable[Check]) -> Iterator[Finding]:
    """Each finding as soon as it is made; a check that fails does not keep the others from running."""
    for check in checks:
        try:
            for finding in check.run():
                yield replace(finding, name=check.name, exit_code=check.exit_code)
        except SmartBinError as error:
            code = error.exit_code if isinstance(error, ConfigError) else check.exit_code
            yield Finding(Level.FAIL, str(error), name=check.name, exit_code=code)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 when nothing failed."""
    failed = {finding.exit_code for finding in findings if finding.level is Level.FAIL}
    return next((code for code in EXIT_ORDER if code in failed), 0)


def render(finding: Finding) -> str:
    """For people: level, name, text; the remedy on a line of its own."""
    lines = [f"{finding.level.value:<6}{finding.name:<14}{finding.text}".replace("\n", f"\n{INDENT}")]
    if finding.remedy is not None:
        lines.append(f"{INDENT}-> {finding.remedy}")
    return "\n".join(lines)


def to_dict(finding: Finding) -> dict[str, str | None]:
    """For programs: one JSON object a finding."""
    return {"check": finding.name, "level": finding.level.value, "text": finding.text, "remedy": finding.remedy}
