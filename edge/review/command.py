"""`smartbin review`: what is kept; out to label it with other tools, and the labels back in."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge import config, fittings
from edge.adapters.site_store import SiteStore, site_store
from edge.config import Settings
from edge.errors import ConfigError, ReviewError
from edge.progress import progress
from edge.review import exporting, formats, importing, statements
from edge.review.summary import summary, to_dict, to_lines
from edge.site_item import NOT_AN_ITEM

AddConfig = Callable[[argparse.ArgumentParser], None]
NO_LIMIT = 2**62

EPILOG = """
examples:
  smartbin review status
  smartbin review export /media/stick/lobby                       the labelled ones, a folder a class
  smartbin review export /media/stick/lobby --format csv --all
  smartbin review import /media/stick/lobby                       pictures moved to other class folders
  smartbin review import /media/stick/lobby/items.csv             labels changed in a spreadsheet
  smartbin review export /srv/lobby --format label-studio --all   then read README.txt there
  smartbin review import project-1.json                           what Label Studio exported as JSON
"""


def add_to(parser: argparse.ArgumentParser, add_config: AddConfig) -> None:
    """The subcommands. add_config adds --config."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(metavar="status|export|import", required=True)
    status = commands.add_parser("status", help="how much is kept, what is labelled, how often the bin was right")
    status.set_defaults(command=_status)
    status.add_argument("--json", action="store_true", help="one JSON object")
    out = commands.add_parser("export", help="pictures, and what is known of them, into a new folder")
    out.set_defaults(command=_export)
    out.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    kinds = (formats.FOLDERS, formats.CSV, formats.LABEL_STUDIO)
    out.add_argument("--format", choices=kinds, default=formats.FOLDERS, help="a folder a class, or a table (folders)")
    which = out.add_mutually_exclusive_group()
    which.add_argument("--labelled", action="store_true", help="what has a label (without a word)")
    which.add_argument("--all", action="store_true", help="also what has none; of folders in _unlabelled")
    back = commands.add_parser("import", help="labels from a folder of class folders, a CSV, or Label Studio's JSON")
    back.set_defaults(command=_import)
    back.add_argument("path", type=Path, metavar="PATH")
    back.add_argument("--known-only", action="store_true", help="leave out items that are not kept (any more)")
    back.add_argument("--overrule", action="store_true", help="put these labels over those given since the export")
    back.add_argument("--dry-run", action="store_true", help="only say what it would do")
    for each in (status, out, back):
        each.add_argument(
            "--folder", dest="captures", type=Path, metavar="DIR", help="the items in this folder instead"
        )
        add_config(each)


def _status(args: argparse.Namespace) -> int:
    with _opened(args) as (store, _):
        found = summary(store.counts(), store.labelled())
    for line in [json.dumps(to_dict(found))] if args.json else to_lines(found):
        print(line)
    return 0


def _export(args: argparse.Namespace) -> int:
    with _opened(args) as (store, _):
        counts = store.counts()
        labelled = None if args.all else True
        with progress("export", counts.total if args.all else counts.labelled) as advance:
            written = exporting.export(store, args.folder, args.format, labelled, advance)
    print(f"{args.folder}: {written:,} items")
    return 0


def _import(args: argparse.Namespace) -> int:
    wishes = importing.Wishes(args.known_only, args.overrule)
    with _opened(args) as (store, settings):
        said = statements.read(args.path)
        planned = importing.plan(said, store, wishes)
        if not args.dry_run:
            with progress("import", len(planned.changes)) as advance:
                missed = importing.carry_out(planned, store, fittings.wall_time(), advance)
            if missed:
                raise ReviewError([f"{len(missed)} labels were not set, the others were:", *missed])
    by_label = Counter(change.label for change in planned.changes)
    print(
        f"{len(planned.changes):,} labels {'would be set' if args.dry_run else 'set'}, {planned.same:,} were so already"
    )
    print(f"{said.silent:,} items without a label there, {planned.unknown:,} that are not kept (any more)")
    for label, number in sorted(by_label.items()):
        print(f"  {label:<20} {number:6,}{_remark(label, settings)}")
    return 0


def _remark(label: str, settings: Settings | None) -> str:
    known = settings is None or label in settings.routes or label == NOT_AN_ITEM
    return "" if known else "  (no compartment takes it yet)"


@contextmanager
def _opened(args: argparse.Namespace) -> Iterator[tuple[SiteStore, Settings | None]]:
    """The store; the settings unless a folder was named. Raises ConfigError."""
    if args.captures is not None:
        if not args.captures.is_dir():
            raise ConfigError([f"--folder: {args.captures} does not exist"])
        with closing(SiteStore(args.captures, NO_LIMIT, 1.0)) as store:
            yield store, None
        return
    settings = config.load(args.config, os.environ)
    with closing(site_store(settings)) as store:
        yield store, settings
