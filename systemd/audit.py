"""Known weaknesses of what `setup.sh install` takes: pip-audit is asked about every pin of requirements-*.txt.

    make audit

It asks PyPI, and where that does not answer OSV, first about a release whose weaknesses are known (CANARY): whoever
knows none of them is no database of weaknesses, whatever else it says. Exit codes: 0 none, or accepted ones, or ones
without a fix; 1 some that have a fix; 2 accepted.toml or the pins cannot be used; 75 no database answered.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ACCEPTED = HERE / "accepted.toml"
CANARY = ("urllib3", "1.24.1")  # CVE-2019-11324 and later ones
PIN = re.compile(r"^([a-z0-9-]+)==([^\s\\]+)", re.MULTILINE)
NO_ANSWER = 75  # EX_TEMPFAIL of sysexits.h
REQUEST_S, AT_MOST_S = 15, 240


class Unanswered(Exception):  # noqa: N818  # an answer is missing, nothing is wrong with the pins
    """Why a database could not be asked."""


@dataclass(frozen=True, slots=True, order=True)
class Weakness:
    """Of one pinned release. ids: its names in every database. fixed_in: versions without it, perhaps none."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        remedy = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no version is without it yet"
        return f"{self.package} {self.version}: {self.ids[0]} ({', '.join(self.ids[1:]) or 'no other name'}); {remedy}"


def main(argv: Sequence[str] | None = None) -> int:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="instead of requirements-*.txt")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED, help="instead of accepted.toml")
    parser.add_argument("--osv-url", help="ask this database alone, which speaks as OSV does")
    args = parser.parse_args(argv)
    try:
        accepted = read_accepted(args.accepted)
        found = ask(pins(args.files or sorted(HERE.glob("requirements-*.txt"))), services(args.osv_url))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except Unanswered as error:
        print(f"no database of weaknesses answers here:\n{error}", file=sys.stderr)
        return NO_ANSWER
    return tell(found, accepted)


def services(osv_url: str | None) -> list[list[str]]:
    """Whom pip-audit asks, the next one where the one before does not answer."""
    return [["-s", "osv", "--osv-url", osv_url]] if osv_url else [["-s", "pypi"], ["-s", "osv"]]


def read_accepted(path: Path) -> dict[str, str]:
    """Identifier -> why it does no harm here. Raises ValueError."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    for name, reason in table.items():
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f'{path}: {name}: say why it does no harm here: "{name}" = "..."')
    return table


def pins(files: Iterable[Path]) -> set[tuple[str, str]]:
    """Name and version of each. Raises ValueError."""
    try:
        found = {pin for path in files for pin in PIN.findall(path.read_text())}
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from error
    if not found:
        raise ValueError("nothing is pinned in the files given")
    return found


def ask(pinned: set[tuple[str, str]], whom: Sequence[list[str]]) -> list[Weakness]:
    """What the first database that answers knows of them. Raises Unanswered."""
    reasons = []
    for service in whom:
        try:
            if not answer(dict([CANARY]), service):
                raise Unanswered(f"it knows no weakness of {'=='.join(CANARY)}, so it is no database of weaknesses")
            return [one for part in once_each(pinned) for one in answer(part, service)]
        except Unanswered as error:
            reasons.append(f"  {' '.join(service)}: {error}")
    raise Unanswered("\n".join(reasons))


def once_each(pinned: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Parts in which no package is there twice: pip-audit wants one version of each."""
    parts: list[dict[str, str]] = []
    for name, version in sorted(pinned):
        part = next((part for part in parts if name not in part), None)
        if part is None:
            parts.append(part := {})
        part[name] = version
    return parts


def answer(part: Mapping[str, str], service: Sequence[str]) -> list[Weakness]:
    """Of all releases in the part. Raises Unanswered."""
    told = dependencies(run(part, service))
    missing = sorted(set(part) - {one["name"] for one in told if "vulns" in one})
    if missing:
        raise Unanswered(f"it does not know {', '.join(missing[:3])}" + " and others" * (len(missing) > 3))
    return [weakness(one, vuln) for one in told for vuln in one["vulns"]]


def run(part: Mapping[str, str], service: Sequence[str]) -> str:
    """pip-audit's JSON. Raises Unanswered."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in part.items()))
        command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
        command += ["--timeout", str(REQUEST_S), "--disable-pip", "--no-deps", "-r", str(wanted), *service]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=AT_MOST_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unanswered(f"nothing within {AT_MOST_S} s") from error
    if not done.stdout.strip():
        raise Unanswered(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
    return done.stdout


def dependencies(text: str) -> list[dict[str, Any]]:
    """Of pip-audit's JSON. Raises Unanswered."""
    try:
        return list(json.loads(text)["dependencies"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unanswered(f"what pip-audit says cannot be read: {text[:200]!r}") from error


def weakness(one: Mapping[str, Any], vuln: Mapping[str, Any]) -> Weakness:
    """One of pip-audit's findings."""
    ids = (vuln["id"], *sorted(vuln["aliases"]))
    return Weakness(one["name"], one["version"], ids, tuple(vuln["fix_versions"]))


def tell(found: Iterable[Weakness], accepted: Mapping[str, str]) -> int:
    """Print each; the exit code."""
    code = 0
    for one in sorted(set(found)):
        reason = next((accepted[name] for name in one.ids if name in accepted), None)
        if reason is not None:
            print(f"accepted  {one}\n          {reason}")
        elif one.fixed_in:
            print(f"WEAK      {one}\n          take it with `make lock`, or say in {ACCEPTED.name} why it does no harm")
            code = 1
        else:
            print(f"no fix    {one}")
    print("no known weakness that has a fix" if code == 0 else "some have a fix: see WEAK above")
    return code


if __name__ == "__main__":
    sys.exit(main())
