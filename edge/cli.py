"""The commands and their exit codes. No logic: each command hands over to app.py.

Exit codes: 0 fine, 1 an image was rejected or the disk failed, 2 configuration, 3 hardware, 4 model.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from rich.console import Console

from edge import app, checkup, chosen, config, demo, doctor, fittings, logs, models_command, teach_command, watching
from edge.adapters.signals import end_as_if_interrupted, reload_asked, stop_asked
from edge.bench import command as bench
from edge.bench import plot, report
from edge.config import Settings
from edge.errors import ConfigError, SmartBinError
from edge.lines import event_line, verdict_line
from edge.reload import Reload
from edge.review import command as review_command
from edge.verdict import VerdictOutcome, to_json_dict
from edge.version import VERSION
from edge.wire import parse_event

DEFAULT_CONFIG = Path("/etc/smart-bin/config.toml")

EPILOG = """
examples:
  smartbin demo                         a simulated bin sorts the sample frames before your eyes
  smartbin demo --images holiday/       the same with your own pictures
  smartbin classify photo.jpg           what is it, and where would it go?
  smartbin check-config --config my.toml
  smartbin doctor                       is everything there that the bin needs?
  smartbin bench                        how fast is the model here, and what would another runtime do?
  smartbin serve                        an API and a page to try pictures, on port 8080
  smartbin watch --host broker          all bins on a broker, as they sort
  smartbin models                       the models here, and which one runs
  smartbin review status                the items that were kept to be labelled
  smartbin teach                        learn from those that were labelled
  smartbin flap recycling               move one flap, to see that it is wired right
  smartbin run                          what the service runs

exit codes: 0 fine, 1 an image was rejected or the disk failed, 2 configuration, 3 hardware, 4 model
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    args = argument_parser().parse_args(argv)
    logs.setup(os.environ, logging.DEBUG if args.verbose else logging.INFO)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except SmartBinError as error:
        print(f"smartbin: {error}".replace("\n", "\nsmartbin: "), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        gone = _nobody_reads(error)
        if not gone:
            raise
        for stream in gone:  # without this Python complains once more at its exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 0


def _nobody_reads(error: OSError) -> list[TextIO]:
    """What nobody reads any more: the reader (head, less) has what it wanted, or the terminal was closed."""
    if isinstance(error, BrokenPipeError):
        return [sys.stdout]
    return [stream for stream in (sys.stdout, sys.stderr) if error.errno == errno.EIO and _is_closed_terminal(stream)]


def _is_closed_terminal(stream: TextIO) -> bool:
    try:
        os.get_terminal_size(stream.fileno())
    except OSError as error:
        return error.errno == errno.EIO  # a file or a pipe says ENOTTY
    return False


def argument_parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    parser = argparse.ArgumentParser(
        prog="smartbin",
        description="A bin that looks at an item, knows what it is, and drops it into the right compartment.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"smartbin {VERSION}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every detail")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _add(commands, "run", _run, "sort until told to stop (what the service runs)")
    _config(run)

    show = _add(commands, "demo", _demo, "watch a simulated bin sort pictures; needs no hardware")
    source = show.add_mutually_exclusive_group()
    source.add_argument("--images", type=Path, metavar="DIR", help="your own pictures instead of the sample frames")
    source.add_argument("--camera", metavar="N", help="a camera instead: 0 for the first, or a device or URL")
    show.add_argument("--model", type=Path, metavar="DIR", help="another model folder")
    show.add_argument("--plain", action="store_true", help="one line an item, for pipes (default without a terminal)")
    show.add_argument("--fast", action="store_true", help="as fast as possible instead of in real time")
    show.add_argument("--loop", action="store_true", help="begin again after the last picture; Ctrl-C ends")

    classify = _add(commands, "classify", _classify, "say what is on a picture and where it would go")
    classify.add_argument("paths", nargs="+", type=Path, metavar="FILE|DIR")
    classify.add_argument("--json", action="store_true", help="one JSON object a line, with every label")
    classify.add_argument("--model", type=Path, metavar="DIR", help="another model folder")
    _config(classify, default=None)

    check = _add(commands, "check-config", _check_config, "report every mistake in the configuration at once")
    _config(check)

    inspect = _add(
        commands,
        "doctor",
        _doctor,
        "check camera, model, pins, broker, certificates, clock, disk, power; with remedies",
    )
    inspect.add_argument("--json", action="store_true", help="one JSON object a line")
    _config(inspect)

    measure = _add(commands, "bench", _bench, "time the model in every runtime that is here, and one whole item")
    measure.add_argument("models", nargs="*", type=Path, metavar="DIR|FILE", help="model folders or files (the demo's)")
    measure.add_argument("--threads", type=_whole, default=0, metavar="N", help="threads of each runtime (every core)")
    measure.add_argument("--runs", type=_whole, default=50, metavar="N", help="timed answers of each (50)")
    measure.add_argument("--seconds", type=float, default=60.0, metavar="S", help="then begin no new round (60)")
    measure.add_argument("--python", metavar="FILE", help="another Python, for runtimes that cannot be installed here")
    measure.add_argument("--json", action="store_true", help="one JSON object")
    measure.add_argument("--plain", action="store_true", help="no colours (default without a terminal)")
    measure.add_argument("--plot", type=Path, metavar="FILE.svg", help="the ratios as a bar chart")

    _add_network(commands)

    flap = _add(commands, "flap", _flap, "move one compartment's flap once")
    flap.add_argument("compartment", metavar="COMPARTMENT")
    _config(flap)

    events = _add(commands, "events", _events, "show the events that wait for the broker")
    events.add_argument("--json", action="store_true", help="as they will be published")
    events.add_argument("--limit", type=int, default=100, metavar="N", help="the oldest N (default: 100)")
    _config(events)

    models = _add(commands, "models", _check_config, "the models here and which one runs; use another; update")
    models_command.add_to(models, _config)

    taught = _add(commands, "teach", _check_config, "learn from the items that were labelled, in half a minute")
    _config(taught)
    teach_command.add_to(taught)

    review = _add(
        commands, "review", _check_config, "the items that were kept: how many, out to label them, labels back"
    )
    review_command.add_to(review, _config)
    return parser


def _add_network(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    api = _add(commands, "serve", _serve, "the API alone, without a bin: POST a picture, get what it is")
    api.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1); 0.0.0.0 for everybody")
    api.add_argument("--port", type=int, default=8080, help="(8080); 0 for a free one")
    api.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is asked for (HTTP Basic)")
    api.add_argument("--rate", type=float, default=100.0, metavar="N", help="pictures a second of one address (100)")
    api.add_argument("--model", type=Path, metavar="DIR", help="another model folder")
    _config(api, default=None)

    fleet = _add(commands, "watch", _watch, "bins on a broker as they sort: a table, or with --plain one line an item")
    fleet.add_argument("--bin", default="+", metavar="ID", help="this one alone (all)")
    fleet.add_argument("--host", help="the broker (the configuration's; else localhost)")
    fleet.add_argument("--port", type=int, help="(the configuration's; else 1883)")
    fleet.add_argument("--plain", action="store_true", help="one line an item (default without a terminal)")
    _config(fleet, default=None)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=command)
    return parser


def _config(parser: argparse.ArgumentParser, default: Path | None = DEFAULT_CONFIG) -> None:
    where = f"(default: {default})" if default else "(default: the demo's compartments)"
    parser.add_argument("--config", type=Path, default=default, metavar="FILE", help=f"the TOML file {where}")


def _run(args: argparse.Namespace) -> int:
    reload = Reload(reload_asked(), lambda: app.checked_config(args.config, os.environ))
    app.run(config.load(args.config, os.environ), os.environ, stop_asked(), reload=reload)
    return 0


def _demo(args: argparse.Namespace) -> int:
    if args.images is not None and not args.images.exists():
        raise ConfigError([f"{args.images} does not exist; name a folder of pictures or a video"])
    wishes = demo.Wishes(
        images=args.images,
        camera=args.camera,
        model=_folder(args.model) if args.model is not None else None,
        plain=args.plain or not sys.stdout.isatty(),
        fast=args.fast,
        loop=args.loop,
    )
    demo.run(wishes, os.environ, stop_asked())
    return 0


def _classify(args: argparse.Namespace) -> int:
    rejected = False
    for verdict in app.classify(_settings_with_model(args), args.paths, taught=_with_head(args)):
        print(json.dumps(to_json_dict(verdict), ensure_ascii=False) if args.json else verdict_line(verdict), flush=True)
        rejected = rejected or verdict.outcome is VerdictOutcome.REJECTED
    return 1 if rejected else 0


def _settings_with_model(args: argparse.Namespace) -> Settings:
    environ = dict(os.environ)
    if args.model is not None:
        environ[f"{config.ENV_PREFIX}MODEL__PATH"] = str(_folder(args.model).resolve())
    settings = config.load(args.config or demo.CONFIG, environ)
    if args.model is not None and args.config is None:
        return chosen.to_try(settings, settings.model.path, lambda text: print(f"smartbin: {text}", file=sys.stderr))
    return chosen.chosen_model(settings) if _with_head(args) else settings


def _folder(model: Path) -> Path:
    """What --model names. Raises ConfigError: before the configuration is said to name it."""
    if not model.is_dir():
        raise ConfigError([f"--model: {model} is no folder; name the one that holds model.json"])
    return model


def _with_head(args: argparse.Namespace) -> bool:
    """Whether it is to answer as a certain bin does: with the model that was chosen there, and its head."""
    return args.config is not None and args.model is None


def _serve(args: argparse.Namespace) -> int:
    from edge.web import command as web  # noqa: PLC0415 - no other command needs the web's libraries

    if not (args.rate > 0 and 0 <= args.port <= 65535):
        raise ConfigError(["--rate must be above 0, --port between 0 and 65535"])
    wishes = web.Wishes(args.host, args.port, args.rate, args.password_file)
    with chosen.judge(_settings_with_model(args), taught=_with_head(args)) as (judge, model):
        web.run(wishes, judge, model, lambda text: print(text, flush=True))
    return 0


def _watch(args: argparse.Namespace) -> int:
    settings = fittings.broker_settings(config.load(args.config or demo.CONFIG, os.environ))
    host, port = args.host or settings.host, args.port or settings.port
    chosen = replace(settings, bin_id=args.bin, host=host, port=port)
    if args.plain or not sys.stdout.isatty():
        watching.follow(chosen, lambda line: print(line, flush=True), stop_asked())
    else:
        watching.show(chosen, Console(), stop_asked())
    return 0


def _check_config(args: argparse.Namespace) -> int:
    settings = app.checked_config(args.config, os.environ)
    routes = "; ".join(f"{name}: {', '.join(c.labels) or 'nothing'}" for name, c in settings.compartments.items())
    for label in chosen.untaught_labels(settings):
        print(f"{label}: the model does not know it yet; show the bin some (/teach on its page), then `smartbin teach`")
    print(f"{args.config}: fine.\n{routes}\nunsure: {settings.default_compartment}")
    return 0


def _doctor(args: argparse.Namespace) -> int:
    findings = []
    for finding in doctor.run_checks(checkup.checks_for(config.load(args.config, os.environ))):
        print(json.dumps(doctor.to_dict(finding)) if args.json else doctor.render(finding), flush=True)
        findings.append(finding)
    return doctor.exit_code(findings)


def _bench(args: argparse.Namespace) -> int:
    if args.plot is not None:
        plot.check(args.plot)  # not after a minute of measuring
    logging.getLogger().setLevel(logging.WARNING)  # the loop would tell of every item
    models = tuple(args.models) or (config.load(demo.CONFIG, os.environ).model.path,)
    wishes = bench.Wishes(models, args.threads, args.runs, args.seconds, args.python)
    result = bench.run(wishes, time.perf_counter, lambda text: print(f"{text} ...", file=sys.stderr, flush=True))
    if args.json:
        print(json.dumps(report.to_dict(result)))
    else:
        report.show(result, Console(no_color=args.plain or None))
    if args.plot is not None:
        plot.write(args.plot, result.figures, f"{result.machine}; threads: {result.threads}")
    return 0


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _flap(args: argparse.Namespace) -> int:
    end_as_if_interrupted()
    report = app.move_flap(config.load(args.config, os.environ), args.compartment)
    print(f"{args.compartment}: moved and back at rest in {report.ms:.0f} ms")
    return 0


def _events(args: argparse.Namespace) -> int:
    for stored in app.waiting_events(config.load(args.config, os.environ), args.limit):
        print(stored.payload.decode() if args.json else event_line(parse_event(stored.payload)))
    return 0
