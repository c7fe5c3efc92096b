"""Every command of the documentation runs, as it stands there; or a rule says why it cannot run here.

A new command needs a line in RUNS, or must fit a rule of NOT_HERE. The arguments of smartbin and smartbin-convert, the
commands of setup.sh and the targets of make are checked even where the command itself cannot run. So are the examples
of --help, which docs/reference repeats; what those commands do is tested where they are.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from broker_fixtures import PROGRAM, WITHIN_S, Mosquitto
from docscommands import REPOSITORY, commands, mentions
from madeup import write_classes
from paho.mqtt import publish
from sample_event import sample_event

from convert import cli as convert
from edge import cli
from edge.adapters.sqlite_outbox import SqliteOutbox
from edge.wire import event_json

ASK_AGAIN_S = 0.2
FROM_APT = ("curl", "mosquitto_sub")
INTERRUPTED = (0, 130, -signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Run:
    """How a command runs here.

    until: it is ended when it says this; without it ends by itself. says: what it has said by then. swap: (what stands
    there, what it is here). apart: in a new folder of the clone. needs: broker, serve. code: how it ends.
    """

    until: str = ""
    says: str = ""
    swap: tuple[tuple[str, str], ...] = ()
    apart: bool = False
    needs: str = ""
    code: int = 0


_MAKE = re.compile(r"(sudo )?(\w+=\S+ )*make\b")
ITEM = r" -> \w+ +\d+%"
HERE = " --config docs/bench.toml"  # instead of the file of a Pi
CAPTURES = (("/var/lib/smart-bin", "var"),)
CERTIFICATES = "../docs/mosquitto/make-certificates.sh"
AFTER_CA = ((CERTIFICATES, f"{CERTIFICATES} ca && {CERTIFICATES}"),)
BROKER = (("-h localhost", "-h 127.0.0.1 -p {broker}"),)

PUBLISH = "smartbin-convert publish"
KEYS = f"{PUBLISH} keys --repository site --keys keys"
ADD = f"{PUBLISH} add models/my-bin --repository site --keys keys"
MY_BIN = ("models/my-bin", "../models/{model}")
# what a reader has done before
PUBLISHED = (PUBLISH, f"{KEYS} && {ADD} && {PUBLISH}")

RUNS = {
    "./setup.sh demo": Run(until=ITEM, needs="broker"),  # without Mosquitto it would install it
    "./setup.sh demo --images holiday/": Run(until=ITEM, needs="broker"),
    "make": Run(says="make check"),
    ". .venv/bin/activate": Run(),
    "smartbin classify photo.jpg": Run(says=ITEM),
    "smartbin classify --model models/my-bin photo.jpg": Run(says=ITEM, swap=(("models/my-bin", "models/{model}"),)),
    "smartbin check-config --config x.toml": Run(),
    "smartbin check-config --config docs/bench.toml": Run(),
    "smartbin check-config --config /etc/smart-bin/config.toml": Run(swap=(("/etc/smart-bin/config.toml", "x.toml"),)),
    "smartbin check-config": Run(swap=(("check-config", "check-config" + HERE),)),
    "smartbin doctor --config docs/bench.toml": Run(needs="broker"),
    "smartbin bench": Run(swap=(("bench", "bench --runs 1 --seconds 1"),)),
    "smartbin serve": Run(until="http://", swap=(("serve", "serve --port 0"),)),
    "curl -F file=@photo.jpg http://localhost:8080/api/v1/classify": Run(needs="serve", says='"label":'),
    "curl http://localhost:8080/healthz": Run(needs="serve", says="^ok|\nok"),
    "smartbin watch --host broker": Run(needs="broker", until=ITEM, swap=(("--host broker", "--host 127.0.0.1"),)),
    "smartbin watch --host localhost": Run(needs="broker", until=ITEM),
    "smartbin run --config docs/bench.toml": Run(needs="broker", until="item seq="),
    "smartbin flap recycling": Run(swap=(("recycling", "recycling" + HERE),)),
    "smartbin events": Run(swap=(("events", "events" + HERE),)),
    "smartbin events --config docs/bench.toml": Run(),
    "smartbin review status": Run(swap=(("status", "status" + HERE),)),
    "smartbin teach": Run(says="has no bank|too few", code=1, swap=(("teach", "teach" + HERE),)),
    "smartbin teach --dry-run": Run(says="has no bank|too few", code=1, swap=(("teach", "teach" + HERE),)),
    "smartbin models": Run(swap=(("models", "models" + HERE),)),
    "smartbin-convert prepare pictures/ --out build/set": Run(),
    "smartbin models update": Run(says="nothing was asked", swap=(("update", "update" + HERE),)),
    KEYS: Run(apart=True, says="root.json"),
    ADD: Run(apart=True, says="release 1", swap=((PUBLISH, f"{KEYS} && {PUBLISH}"), MY_BIN)),
    f"{PUBLISH} list --repository site": Run(apart=True, says="valid until", swap=(PUBLISHED, MY_BIN)),
    f"{PUBLISH} refresh --repository site --keys keys": Run(apart=True, swap=((PUBLISH, f"{KEYS} && {PUBLISH}"),)),
    f"{PUBLISH} rotate timestamp --repository site --keys keys": Run(
        apart=True, says="root version 2", swap=((PUBLISH, f"{KEYS} && {PUBLISH}"),)
    ),
    "mosquitto_sub -h localhost -t 'smartbin/#' -v": Run(needs="broker", until="smartbin/", swap=BROKER),
    "mkdir pki && cd pki": Run(apart=True),
    f"{CERTIFICATES} ca": Run(apart=True),
    f"{CERTIFICATES} server broker.example.org": Run(apart=True, swap=AFTER_CA),
    f"{CERTIFICATES} bin lobby-1": Run(apart=True, swap=AFTER_CA),
    "rm -r /var/lib/smart-bin/captures": Run(swap=CAPTURES),
    "rm -r /var/lib/smart-bin/captures/2026-11-26": Run(swap=CAPTURES),
    "find /var/lib/smart-bin/captures -name '*.jpg' -mtime +30 -delete": Run(swap=CAPTURES),
}

NOT_HERE = (
    (r"smartbin (run|doctor)( --config (x|/etc/smart-bin/config)\.toml)?$", "runs with docs/bench.toml"),
    (r"smartbin watch --host localhost --plain$", "without a terminal it is plain anyway"),
    (r"sudo (?!smartbin )", "changes a computer, as root"),
    (r"(systemctl|journalctl|vcgencmd|rpicam-hello|v4l2-ctl|echo LABEL|echo 'LABEL)\b", "asks or changes a Pi"),
    (r"scp ", "needs a second computer"),
    (
        r"smartbin-convert (train|soup|quantize|package|verify|bank|report|import) ",
        "hours of training; tests/convert has small ones",
    ),
    (r"smartbin-convert prepare pictures/ /media/", "needs a bin's export; tests/convert/test_sources.py has one"),
    (r"smartbin-convert publish add heads/", "needs a bin that was taught; tests/edge/test_updates.py has one"),
    (r"smartbin-convert publish withdraw ", "names a model of the reader's; tests/convert/test_publish.py has it"),
    (r"0 4 \* \* 1 smartbin-convert publish refresh", "a line of cron"),
    (r"smartbin models use ", "names a model of the reader's; tests/edge/test_models_command.py has it"),
    (r"smartbin review export ", "needs items that were kept; tests/edge/test_review.py has some"),
    (r"pip install '\.\[convert\]'", "some hundred megabytes"),
    (r"\./setup\.sh (test|bundle)", "is this; downloads packages. tests/setup has it"),
    (r"\./setup\.sh demo --camera", "needs a camera; tests/edge/test_opencv.py has a video file"),
    (r"make (hooks|check|test)\b", "changes git's settings, or is this"),
    (r"(export SMARTBIN_MQTT|smartbin watch --host broker.example.org)", "tests/security has such a broker"),
    (
        r"mosquitto_pub -h broker.example.org ",
        "names a broker of the reader's; tests/e2e/test_commands_over_mqtt.py sends it",
    ),
    (r"(podman|docker) ", "needs a container engine"),
)

# The configuration of a Pi belongs to root, that of a test does not.
FOUND = [(re.sub(r"^sudo (?=smartbin )", "", command.text), command.where) for command in commands()]
ALL = list(dict.fromkeys(text for text, _ in FOUND))
OF_PAGES = list(dict.fromkeys(text for text, where in FOUND if not where.startswith("docs/reference/")))


@pytest.mark.parametrize("text", OF_PAGES)
def test_each_is_run_or_says_why_not(text: str) -> None:
    assert text in RUNS or _why_not(text), (
        f"{text!r} is new in the documentation: add it to RUNS or NOT_HERE in this file"
    )


def test_nothing_is_listed_that_no_page_has() -> None:
    assert not set(RUNS) - set(ALL)


@pytest.mark.parametrize("text", [text for text in ALL if re.match(r"smartbin(-convert)? ", text)])
def test_the_programs_know_the_arguments(text: str) -> None:
    program, *words = shlex.split(text)
    parser = cli.argument_parser() if program == "smartbin" else convert.argument_parser(words)
    parser.parse_args(words)  # ends the test where it does not


@pytest.mark.parametrize("text", [text for text in ALL if "setup.sh" in text])
def test_setup_knows_its_commands(text: str) -> None:
    told = text.replace("sudo ", "").replace("setup.sh", "setup.sh --dry-run").replace("holiday/", ".")
    done = subprocess.run(["bash", "-c", told], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", [text for text in ALL if _MAKE.match(text)])
def test_make_knows_its_targets(text: str) -> None:
    target = _MAKE.sub("make --dry-run", text)
    subprocess.run(["bash", "-c", target], cwd=REPOSITORY, check=True, capture_output=True)


def test_the_programs_know_what_the_text_mentions() -> None:
    for mention in mentions():
        program, step, *words = mention.text.split()
        known = known_options(program, step)
        assert known, f"{mention.where}: {program} has no {step}"
        unknown = {option for word in words if (option := word.partition("=")[0]).startswith("--")} - known
        assert not unknown, f"{mention.where}: {program} {step} has no {unknown}"


def known_options(program: str, step: str) -> set[str]:
    """Of one command; nothing where there is no such command. `smartbin --help`: of the program."""
    whole = cli.argument_parser() if program == "smartbin" else convert.argument_parser([step])
    if step.startswith("-"):
        return set(whole._option_string_actions) & {step}
    below = next(action for action in whole._actions if isinstance(action, argparse._SubParsersAction)).choices
    return set(below[step]._option_string_actions) if step in below else set()


@pytest.mark.parametrize("text", [text for text in RUNS if text in ALL])
def test_it_runs(text: str, clone: Path, request: pytest.FixtureRequest) -> None:
    run = RUNS[text]
    program = text.partition(" ")[0]
    if program in FROM_APT and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    places = {"model": "garbage10-efficientnet-lite2"}
    environ = _environ(clone)
    if run.needs:
        port: int = request.getfixturevalue(f"{run.needs}_port")
        places[run.needs] = str(port)
        environ["SMARTBIN_MQTT__PORT"] = str(port)
        text = text.replace("localhost:8080", f"localhost:{port}")
    for old, new in run.swap:
        assert old in text
        text = text.replace(old, new.format(**places))
    (clone / "var" / "captures" / "2026-11-26").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=clone)) if run.apart else clone
    code, said = _ended(text, folder, environ, run.until, _teller(run))
    assert code == run.code, said
    assert re.search(run.says, said), said


def _why_not(text: str) -> str:
    return next((reason for rule, reason in NOT_HERE if re.match(rule, text)), "")


def _environ(clone: Path) -> dict[str, str]:
    """A camera that plays the samples, a page on a free port, a demo that finds its own things."""
    paths = [str(clone / ".venv" / "bin"), os.environ["PATH"], "/usr/sbin"]
    return {
        **os.environ,
        "PATH": os.pathsep.join(paths),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "SMARTBIN_CAMERA__SOURCE": "replay",
        "SMARTBIN_CAMERA__PATH": str(REPOSITORY / "edge" / "samples"),
        "SMARTBIN_WEB__PORT": "0",
    }


def _teller(run: Run) -> Callable[[str], None]:
    """Says on the broker, again and again, what a watcher waits for."""

    def tell(port: str) -> None:
        publish.single("smartbin/bench/event", event_json(sample_event()), qos=1, hostname="127.0.0.1", port=int(port))

    return tell if run.needs == "broker" and run.until else lambda _: None


def _ended(
    text: str, folder: Path, environ: dict[str, str], until: str, tell: Callable[[str], None]
) -> tuple[int, str]:
    """(exit code, output) of a command that ends by itself, or is interrupted when it has said what is waited for."""
    said = folder / f"said-{time.monotonic_ns()}"
    with said.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {text}" if until else text], cwd=folder, env=environ, stdout=out, stderr=out,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        deadline_s = time.monotonic() + WITHIN_S
        while process.poll() is None and not (until and re.search(until, said.read_text(errors="replace"))):
            # one that ends by itself may compute for long on a busy machine: the limit of every test ends what hangs
            assert not until or time.monotonic() < deadline_s, said.read_text(errors="replace")
            tell(environ.get("SMARTBIN_MQTT__PORT", ""))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ASK_AGAIN_S)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        code = process.wait(WITHIN_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    words = said.read_text(errors="replace")
    assert not until or re.search(until, words), words
    return (0 if until and code in INTERRUPTED else code), words


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh checkout in which `./setup.sh test` made .venv, and what a reader has beside it."""
    if shutil.which("smartbin", path=str(Path(sys.prefix) / "bin")) is None:
        pytest.skip("the package is not installed (pip install -e .)")
    folder = tmp_path_factory.mktemp("clone")
    for path in REPOSITORY.iterdir():
        if path.name not in (".git", ".venv", "build", "docs"):
            (folder / path.name).symlink_to(path)
    shutil.copytree(REPOSITORY / "docs", folder / "docs")  # a configuration's paths are relative to the real file
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith("."):
            (folder / ".venv" / path.name).symlink_to(path)
    (folder / ".venv" / ".installed-dev").touch()
    for name in ("x.toml", "my.toml"):
        text = (REPOSITORY / "docs" / "bench.toml").read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("../", ""), encoding="utf-8")
    with contextlib.closing(SqliteOutbox(folder / "build" / "bench.db", 1_000_000)) as outbox:
        outbox.stats()  # it exists: a bin has run here
    write_classes(folder / "pictures")
    samples = REPOSITORY / "edge" / "samples"
    shutil.copy(samples / "glass-green-bottle.jpg", folder / "photo.jpg")
    (folder / "holiday").mkdir()
    for name in ("empty-1.jpg", "glass-green-bottle.jpg", "metal-drink-can.jpg"):
        shutil.copy(samples / name, folder / "holiday")
    return folder


@pytest.fixture(scope="module")
def broker_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a real broker."""
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed")
    broker = Mosquitto(PROGRAM, tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker.port
    broker.kill()


@pytest.fixture(scope="module")
def serve_port(clone: Path) -> Iterator[int]:
    """Of a `smartbin serve`."""
    with subprocess.Popen(
        ["smartbin", "serve", "--port", "0"], cwd=clone, env=_environ(clone), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := re.search(r"http://[\w.]+:(\d+)", line)))
        yield int(found[1])
        process.terminate()
