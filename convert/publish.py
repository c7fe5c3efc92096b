"""Publish models for bins: a signed repository that any web server or USB stick can hold. See docs/UPDATES.md."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from convert.repository import DAYS, Repository
from convert.signing import ROLES, KeyFolder
from edge.errors import UpdateError

Command = Callable[[argparse.Namespace], None]
KEYS = Path("~/.config/smart-bin/keys")
CARE = (
    "Copy root.pem and targets.pem to two sticks that lie away from every network, and delete them here: who has them "
    "says what all bins run. Without root.pem no lost key can be replaced."
)
PASSPHRASE = "SMARTBIN_KEY_PASSPHRASE"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step and its own commands."""
    parser = subparsers.add_parser("publish", help=__doc__, description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "keys", _keys, "make a key for each role and an empty repository")
    _add(commands, "add", _offer, "sign a model folder, or a taught head, as the newest release").add_argument(
        "model", type=Path, metavar="DIR|FILE.npz", help="what `package` made, or STATE/heads/MODEL/NUMBER.npz of a bin"
    )
    _add(commands, "withdraw", _withdraw, "bins get it no more").add_argument(
        "package", metavar="NAME-VERSION", help="as `list` names it"
    )
    _add(commands, "refresh", _refresh, f"sign anew, at least every {DAYS['timestamp']} days; also in a timer")
    rotate = _add(commands, "rotate", _rotate, "replace a role's key; bins follow by themselves")
    rotate.add_argument("role", choices=ROLES, help="whose key")
    _add(commands, "list", _list, "what it holds, and until when it is valid")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=partial(_told, command))
    parser.add_argument("--repository", type=Path, required=True, metavar="DIR", help="the folder to put on the server")
    parser.add_argument("--keys", type=Path, default=KEYS, metavar="DIR", help=f"where the keys lie ({KEYS})")
    parser.add_argument(
        "--passphrase", action="store_true", help=f"the keys have one: ask for it (else from {PASSPHRASE}, else none)"
    )
    return parser


def _told(command: Command, options: argparse.Namespace) -> None:
    try:
        command(options)
    except OSError as error:
        raise UpdateError(f"{error.filename}: cannot be written ({error.strerror})") from error


def _keys(options: argparse.Namespace) -> None:
    repository = _repository(options)
    repository.begin()
    print(f"{options.keys.expanduser()}: {', '.join(f'{role}.pem' for role in ROLES)}. {CARE}")
    print(f"{options.repository / 'root.json'}: give it to every bin once (update.root).")


def _offer(options: argparse.Namespace) -> None:
    offer = _repository(options).add(options.model)
    print(
        f"{offer.package}: release {offer.about.release}, {offer.length / 1e6:.1f} MB, {len(offer.about.labels)} labels"
    )


def _withdraw(options: argparse.Namespace) -> None:
    _repository(options).withdraw(options.package)
    print(f"{options.package}: withdrawn; bins that run it get the release before it")


def _refresh(options: argparse.Namespace) -> None:
    repository = _repository(options)
    for due in repository.refresh():
        print(due, file=sys.stderr)
    print(f"valid until {min(repository.expiries().values()):%Y-%m-%d}")


def _rotate(options: argparse.Namespace) -> None:
    version = _repository(options).rotate(options.role)
    print(f"{options.role}: a new key since root version {version}; delete {options.role}-old.pem when all is well")


def _list(options: argparse.Namespace) -> None:
    repository = _repository(options)
    for offer in repository.offers():
        size = f"{offer.length / 1e6:.1f} MB"
        print(f"release {offer.about.release}: {offer.package}, {size}, {offer.about.published:%Y-%m-%d}")
    print("valid until " + ", ".join(f"{day:%Y-%m-%d} ({role})" for role, day in repository.expiries().items()))


def _repository(options: argparse.Namespace) -> Repository:
    passphrase = getpass.getpass("passphrase of the keys: ") if options.passphrase else os.environ.get(PASSPHRASE)
    return Repository(options.repository, KeyFolder(options.keys.expanduser(), passphrase), datetime.now(UTC))
