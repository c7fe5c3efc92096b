"""`smartbin models`: models and taught heads, which of them answers, `use` another, `update` from the repository."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edge import chosen, config, manifest
from edge.adapters.head_store import HeadStore
from edge.adapters.model_store import ModelStore
from edge.config import Settings
from edge.errors import ModelError, UpdateError
from edge.head import BASE, About
from edge.manifest import Manifest
from edge.model_choice import SHIPPED

TRIED = "  answers beside the one that sorts, to be compared; how it does is in `state` and on the page"

AddConfig = Callable[[argparse.ArgumentParser], None]


def add_to(parser: argparse.ArgumentParser, add_config: AddConfig) -> None:
    """The subcommands. add_config adds --config."""
    parser.set_defaults(command=_list)
    add_config(parser)
    commands = parser.add_subparsers(metavar="list|use|update")
    for name, command, text in (
        ("list", _list, "what is there, and which one runs (also without a word)"),
        ("update", _update, "look for a newer model in the repository of [update], and fetch it"),
        ("use", _use, "run another one; a bin that runs takes it over between two items"),
    ):
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(command=command)
        sub.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=argparse.SUPPRESS)
        if name == "use":
            sub.add_argument("model", metavar=f"NAME-VERSION|{SHIPPED}|HEAD|{BASE}")


def _list(args: argparse.Namespace) -> int:
    settings = _settings(args.config)
    may_look(settings.outbox.path.parent)
    for line in lines(settings, ModelStore(settings.models_folder)):
        print(line)
    return 0


def _use(args: argparse.Namespace) -> int:
    settings = _settings(args.config)
    become_owner(settings.outbox.path.parent)
    chosen.use_model(settings, args.model)
    print(f"{args.model}: runs from the next item on, or from the next start")
    return 0


def _update(args: argparse.Namespace) -> int:
    from edge import updater  # noqa: PLC0415 - the bin itself never needs its libraries

    settings = _settings(args.config)
    become_owner(settings.outbox.path.parent)
    print(updater.update(settings))
    return 0


def may_look(folder: Path) -> None:
    """Raises UpdateError where it is closed to this user: which model was chosen could not be told from none."""
    try:
        next(folder.iterdir(), None)
    except PermissionError as error:
        raise UpdateError(f"{folder}: you may not look into it; run this with sudo") from error
    except OSError:
        return  # no bin has run here yet


def become_owner(folder: Path) -> None:
    """As root, go on as the service's user: what root writes there the service could not replace."""
    if os.geteuid() == 0 and folder.exists() and (owner := folder.stat()).st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def lines(settings: Settings, store: ModelStore) -> Iterator[str]:
    """One a model: which runs, what it is, how good it was in its test. Below it its heads, where it has any."""
    runs, rejected = store.usable(), store.rejected()
    folders = {SHIPPED: settings.model.path, **{name: store.path(name) for name in store.installed()}}
    for name, folder in folders.items():
        why = f"  put back: {rejected[name]}" if name in rejected else TRIED if name == store.candidate() else ""
        try:
            model = manifest.load(folder)
        except ModelError as error:
            yield f"{_mark(name == runs)} {name}  cannot be used: {error}{why}"
            continue
        yield f"{_mark(name == runs)} {name}  {_described(model)}{why}"
        yield from _heads(chosen.heads_of(settings, model))


def _heads(heads: HeadStore) -> Iterator[str]:
    numbers, chosen = heads.numbers(), heads.chosen()
    for number in numbers:
        try:
            told = _taught(heads.load(number).about)
        except ModelError as error:
            told = f"cannot be used: {error}"
        yield f"    {_mark(number == chosen)} {number}  {told}"
    if numbers:
        yield f"    {_mark(chosen == BASE)} {BASE}  the model's own answers"


def _taught(about: About) -> str:
    site, bank = about.site, about.bank
    return (
        f"taught {about.made[:16].replace('T', ' ')} with {about.items:,} items, {len(about.labels)} labels "
        f"(right on site {site.labels_before} -> {site.labels_after}; held out {bank.labels_before} -> "
        f"{bank.labels_after})"
    )


def _mark(on: bool) -> str:
    return "*" if on else " "


def _described(model: Manifest) -> str:
    figures: Sequence[tuple[str, object]] = [
        (word, model.metrics.get(f"test_{key}_accuracy"))
        for word, key in (("labels", "label"), ("compartments", "compartment"))
    ]
    told = ", ".join(f"{word} {value:.1%}" for word, value in figures if isinstance(value, float))
    return f"{model.name} {model.version}, {len(model.labels)} labels{f' ({told} in its test)' if told else ''}"


def _settings(path: Path) -> Settings:
    return config.load(path, os.environ)
