"""The page of every command with its arguments, made from the argument parsers themselves."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator

from markdown import table

from convert import cli as convert
from edge import cli as edge

HEAD = """\
# Commands

`smartbin` is what runs on the bin and beside it; `smartbin-convert` (with the extra `convert`) makes models. Both
explain themselves with `--help`, as does each command: `smartbin run --help`.

"""
Parser = argparse.ArgumentParser


def page() -> str:
    """Markdown."""
    return HEAD + "\n".join(_section(parser) for parser in (*of_smartbin(), *of_convert())).rstrip() + "\n"


def of_smartbin() -> Iterator[Parser]:
    """`smartbin` itself, then each command."""
    whole = edge.argument_parser()
    yield whole
    yield from _below(whole)


def of_convert() -> Iterator[Parser]:
    """`smartbin-convert` itself, then each step, which is loaded for that."""
    yield convert.argument_parser([])
    for step in convert.STEPS:
        found = next(parser for parser in _below(convert.argument_parser([step])) if parser.prog.endswith(f" {step}"))
        yield found
        yield from _below(found)


def _below(parser: Parser) -> Iterator[Parser]:
    """The commands of a parser, and theirs, in order."""
    for action in parser._actions:  # argparse has no other way to its actions
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                below.description = below.description or _sentence(told.get(name) or "")
                yield below
                yield from _below(below)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _section(parser: Parser) -> str:
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
    parts = [f"## {parser.prog}", _fenced(_usage(parser.prog, actions), "usage")]
    if parser.description:
        parts.append(inspect.cleandoc(parser.description))
    rows = [(_name(action), _help(parser, action)) for action in actions if not _is_command(action)]
    if rows:
        parts.append(table(("argument", "what it does"), rows).rstrip())
    if parser.epilog:
        parts.append(_fenced(parser.epilog.strip()))
    return "\n\n".join(parts) + "\n"


def _fenced(text: str, kind: str = "text") -> str:
    return f"```{kind}\n{text}\n```"


def _usage(prog: str, actions: list[argparse.Action]) -> str:
    """On one line; argparse's own depends on the terminal and on Python's version."""
    return " ".join([prog, *(_in_usage(action) for action in actions)])


def _in_usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return _values(action)
    text = " ".join(filter(None, (action.option_strings[0], _values(action))))
    return text if action.required else f"[{text}]"


def _name(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{_values(action)}`"
    return ", ".join(f"`{' '.join(filter(None, (option, _values(action))))}`" for option in action.option_strings)


def _values(action: argparse.Action) -> str:
    """`FILE`, `FILE...`, `[DIR...]`, or nothing where it takes none."""
    if action.nargs == 0:
        return ""
    if _is_command(action):
        return f"{action.metavar or 'COMMAND'} ..."
    word = action.metavar or ("{" + ", ".join(map(str, action.choices)) + "}" if action.choices else None)
    word = word if isinstance(word, str) else (action.dest if not action.option_strings else action.dest.upper())
    match action.nargs:
        case "+":
            return f"{word}..."
        case "*":
            return f"[{word}...]"
        case "?":
            return f"[{word}]"
    return word


def _help(parser: Parser, action: argparse.Action) -> str:
    names = {**vars(action), "prog": parser.prog}
    text = (action.help or "") % {key: getattr(value, "__name__", value) for key, value in names.items()}
    needed = "**needed**; " if action.required and action.option_strings else ""
    return needed + " ".join(text.split())


def _is_command(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)
