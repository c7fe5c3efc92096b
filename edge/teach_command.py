"""`smartbin teach`: learn from the items that were labelled. Also the process that the bin starts for the page."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from edge import chosen, config, fittings
from edge.adapters.child_process import SETTINGS, give_way
from edge.config import Settings
from edge.errors import SmartBinError
from edge.lesson import Compared
from edge.models_command import become_owner
from edge.progress import progress
from edge.teaching import Taught, take_over, teach

EPILOG = """
Items are labelled on the bin's page (/review, /teach) or with `smartbin review`. Half a minute on a Pi. The new head is
taken over only if it is right more often on this site's items (each judged by a head that did not see it) and forgets
hardly anything of what the model knew. `smartbin models` lists the heads, `smartbin models use base` goes back.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dry-run", action="store_true", help="only say what it would bring")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_teach)


def main() -> int:
    """In the process that a bin starts: one JSON object about the settings in the environment."""
    give_way()
    settings = Settings.model_validate_json(os.environ[SETTINGS])
    try:
        taught, number = _lesson(settings, dry_run=False)
        print(json.dumps(to_dict(taught, number)))
    except SmartBinError as error:
        print(json.dumps({"head": None, "message": str(error)}))
    return 0


def _teach(args: argparse.Namespace) -> int:
    settings = chosen.chosen_model(config.load(args.config, os.environ))
    become_owner(settings.outbox.path.parent)
    taught, number = _lesson(settings, args.dry_run)
    if args.json:
        print(json.dumps({**to_dict(taught, number), "dry_run": args.dry_run}, ensure_ascii=False))
        return 0
    for line in to_lines(taught, number, args.dry_run):
        print(line)
    return 0


def _lesson(settings: Settings, dry_run: bool) -> tuple[Taught, str | None]:
    taught = teach(settings, fittings.wall_time(), progress)
    return taught, None if dry_run else take_over(taught, settings)


def to_lines(taught: Taught, number: str | None, dry_run: bool) -> Iterator[str]:
    """For a person. number: of the head that was taken over."""
    truth = Counter(taught.material.labels[i] for i in taught.material.examples.truth.tolist())
    told = ", ".join(f"{count} {label}" for label, count in truth.most_common())
    yield f"{truth.total():,} labelled items: {told}"
    yield from (f"  {note}" for note in taught.material.notes)
    yield f"on this site, each item judged without itself: {_compared(taught.lesson.site)}"
    yield f"on what the model knew, held out:              {_compared(taught.lesson.bank)}"
    if taught.others_refused is not None:
        yield f"of {len(taught.material.others)} that are no item, {taught.others_refused:.0%} are called unknown"
    back = "" if number is None else "; `smartbin models use base` goes back"
    yield conclusion(taught, number, dry_run) + back


def conclusion(taught: Taught, number: str | None, dry_run: bool = False) -> str:
    """What becomes of it."""
    if taught.lesson.objection is not None:
        return f"not taken over: {taught.lesson.objection}"
    if dry_run or number is None:
        return "would be taken over (--dry-run: nothing was changed)"
    return f"head {number} answers from the next item on"


def to_dict(taught: Taught, number: str | None) -> dict[str, Any]:
    """For a program."""
    return {
        "head": number,
        "message": f"On this site {_compared(taught.lesson.site)}: {conclusion(taught, number)}.",
        "items": len(taught.material.examples.truth),
        "labels": list(taught.material.labels),
        "left_out": list(taught.material.notes),
        "site": _shares(taught.lesson.site),
        "bank": _shares(taught.lesson.bank),
        "objection": taught.lesson.objection,
    }


def _compared(found: Compared) -> str:
    share = _shares(found)
    return (
        f"{share['labels_before']:.1%} -> {share['labels_after']:.1%} of labels right, "
        f"{share['compartments_before']:.1%} -> {share['compartments_after']:.1%} fall right"
    )


def _shares(found: Compared) -> dict[str, float]:
    return {each.name: round(getattr(found, each.name).right / found.labels_before.of, 4) for each in fields(Compared)}


if __name__ == "__main__":
    sys.exit(main())
