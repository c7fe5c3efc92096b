"""What a stranger may hand to a bin, thrown at what takes it in: any answer is fine, and any error of the error tree.

    python tests/security/fuzzing.py --count 100000 --seed 1        (make fuzz FUZZ_ARGS="--count 1000")

Many inputs are valid ones that were damaged, others are made up. A crash is any exception that is not a SmartBinError;
a hang is an input that takes longer than LONGEST_S.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from edge import admission, commands, config, manifest
from edge.admission import Moment
from edge.errors import SmartBinError
from edge.images import read_image
from edge.ports import Received

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_S = 10.0  # of the machine under load; the work itself takes milliseconds
NOW = Moment(1000.0, datetime(2026, 11, 24, 14, 0, tzinfo=UTC), True)
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")


@dataclass(frozen=True, slots=True)
class Target:
    """Bytes from `inputs` go into `take`. share: of all inputs, by how long one takes."""

    inputs: st.SearchStrategy[bytes]
    take: Callable[[bytes], object]
    share: float


def damaged(valid: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A valid input with some bytes replaced, cut out or doubled."""
    edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4)

    def apply(text: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
        for where, gone, new in changes:
            at = int(where * len(text))
            text = text[:at] + new + text[at + gone :]
        return text

    return st.builds(apply, valid, edits)


def spoilt(valid: Mapping[str, Any], junk: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A valid table with one to three values, at any depth, replaced by junk."""
    paths = list(_paths(valid))

    def apply(changes: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(json.dumps(valid))
        for path, value in changes:
            node: Any = table
            for key in path[:-1]:
                node = node.get(key, {}) if isinstance(node, dict) else {}
            if isinstance(node, dict):
                node[path[-1]] = value
        return table

    return st.lists(st.tuples(st.sampled_from(paths), junk), min_size=1, max_size=3).map(apply)


def _paths(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in table.items():
        found.append((*above, key))
        if isinstance(value, dict):
            found += _paths(value, (*above, key))
    return found


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


# Commands

COMMAND = {"id": "a", "time": "2026-11-24T14:00:00Z", "compartment": "landfill"}
COMMAND_BYTES = json.dumps(COMMAND).encode()
NAMES = st.sampled_from([*commands.REQUESTS, "reboot"]) | st.text(max_size=40)


def take_command(data: bytes) -> object:
    """The first line is the topic's last level."""
    name, _, payload = data.partition(b"\n")
    received = Received(name.decode(errors="replace"), payload)
    return admission.admit(admission.begin(0.0), received, NOW)


def command_inputs() -> st.SearchStrategy[bytes]:
    payloads = (
        damaged(st.just(COMMAND_BYTES))
        | spoilt(COMMAND, JUNK).map(lambda table: json.dumps(table).encode())
        | st.binary(max_size=200)
        | st.sampled_from([b"[" * 1000, b'{"id":' * 170, b"9" * 1000, b'{"id":"a","time":-62135596801}'])
    )
    return st.builds(lambda name, payload: name.encode() + b"\n" + payload, NAMES, payloads)


# Configuration

CONFIG = (REPOSITORY / "edge" / "demo.toml").read_bytes()


def take_config(data: bytes) -> object:
    """As load() does with a file; the environment, too, is a way in."""
    text, _, variable = data.decode(errors="replace").partition("\x00")
    environ = {"SMARTBIN_CAMERA__SIZE": variable} if variable else {}
    return config.parse(text, environ, base=REPOSITORY / "edge")


def config_inputs() -> st.SearchStrategy[bytes]:
    lines = CONFIG.splitlines(keepends=True)
    shuffled = st.permutations(lines).map(b"".join)
    values = st.builds(
        lambda number, value: b"".join(
            line.split(b"=")[0] + b"= " + value + b"\n" if i == number and b"=" in line else line
            for i, line in enumerate(lines)
        ),
        st.integers(0, len(lines) - 1),
        st.sampled_from(
            [b"1e400", b"nan", b"-inf", b"[]", b"{}", b'""', b'"\\u0000"', b"[[[[[]]]]]", b"1979-05-27", b"9" * 500]
        )
        | JUNK.map(lambda value: json.dumps(value).encode()),
    )
    with_variable = st.builds(lambda text: CONFIG + b"\x00" + text.encode(errors="replace"), st.text(max_size=40))
    return damaged(st.just(CONFIG)) | values | shuffled | with_variable | st.binary(max_size=200)


# model.json

MODEL = json.loads(next((REPOSITORY / "models").glob("*/model.json")).read_bytes())
MODEL_BYTES = json.dumps(MODEL).encode()


def take_model(folder: Path) -> Callable[[bytes], object]:
    """A folder of which only model.json changes; model.tflite is not the one described, so it is never loaded."""
    (folder / "model.tflite").write_bytes(b"not a model")

    def take(data: bytes) -> object:
        (folder / manifest.FILE_NAME).write_bytes(data)
        return manifest.load(folder)

    return take


def model_inputs() -> st.SearchStrategy[bytes]:
    return (
        damaged(st.just(MODEL_BYTES))
        | spoilt(MODEL, JUNK).map(lambda table: json.dumps(table).encode())
        | st.binary(max_size=200)
        | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000])
    )


# Images


def take_image(data: bytes) -> object:
    """As classify does with what somebody sent."""
    return read_image(data, max_pixels=1_000_000)


def pictures() -> list[bytes]:
    """One small picture of every format, and headers that promise far too much."""
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    found = []
    for name in FORMATS:
        for mode in ("RGB", "L") if name == "JPEG" else ("RGB", "L", "P"):
            stream = io.BytesIO()
            Image.fromarray(noise).convert(mode).save(stream, name)
            found.append(stream.getvalue())
    return [*found, _png_bomb(60_000, 60_000), _png_bomb(2**31 - 1, 1)]


def _png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    content = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def image_inputs() -> st.SearchStrategy[bytes]:
    whole = st.sampled_from(pictures())
    cut = st.builds(lambda picture, share: picture[: int(share * len(picture))], whole, st.floats(0, 1))
    return damaged(whole) | damaged(whole) | cut | st.binary(max_size=200)


# Running them


def targets(folder: Path) -> dict[str, Target]:
    """folder: scratch, for files that a target reads."""
    return {
        "commands": Target(command_inputs(), take_command, 0.4),
        "configuration": Target(config_inputs(), take_config, 0.2),
        "model.json": Target(model_inputs(), take_model(folder), 0.2),
        "images": Target(image_inputs(), take_image, 0.2),
    }


class Crash(AssertionError):  # noqa: N818  # it is what was found, not what went wrong here
    """An input that nothing was prepared for."""


@dataclass
class Tally:
    """inputs: how many were taken in; refused: how many of them were answered with an error of the tree."""

    inputs: int = 0
    refused: int = 0
    slowest_s: float = 0.0


def fuzz(target: Target, count: int, first_seed: int, tally: Tally, progress: Callable[[], None]) -> None:
    """Raises Crash with the smallest input that hypothesis could find."""

    @seed(first_seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def one(data: bytes) -> None:
        before_s = time.monotonic()
        try:
            target.take(data)
        except SmartBinError:
            tally.refused += 1
        except Exception as error:  # noqa: BLE001  # a crash is whatever else comes out
            _crash(data, error)
        took_s = time.monotonic() - before_s
        tally.inputs += 1
        tally.slowest_s = max(tally.slowest_s, took_s)
        if took_s > LONGEST_S:
            _crash(data, TimeoutError(f"{took_s:.1f} s"))
        progress()

    one()


def _crash(data: bytes, error: Exception) -> NoReturn:
    raise Crash(f"{type(error).__name__}: {error}; input: {data[:300]!r}") from error


def main(argv: list[str] | None = None) -> int:
    """Exit code 1 when something crashed."""
    parser = argparse.ArgumentParser(description="Throw damaged input at everything that takes input.")
    parser.add_argument("--count", type=int, default=100_000, help="inputs of all targets together (100000)")
    parser.add_argument("--seed", type=int, help="to have the same inputs again (by chance)")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # Pillow warns of much in broken files; the product does not care
    first_seed = random.randrange(2**32) if args.seed is None else args.seed
    print(f"seed {first_seed}", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, target in targets(Path(folder)).items():
            failed |= not _report(name, target, max(1, int(args.count * target.share)), first_seed)
    return int(failed)


def _report(name: str, target: Target, count: int, first_seed: int) -> bool:
    tally, began_s, told_s = Tally(), time.monotonic(), time.monotonic()

    def progress() -> None:
        nonlocal told_s
        if time.monotonic() - told_s > 10:
            told_s = time.monotonic()
            print(f"  {name}: {tally.inputs} of {count}", file=sys.stderr, flush=True)

    # in rounds: hypothesis remembers what it has tried, and gets slow and large with many thousands
    rounds = [5000] * (count // 5000) + [count % 5000] * (count % 5000 > 0)
    try:
        for number, size in enumerate(rounds):
            fuzz(target, size, first_seed + number, tally, progress)
    except Crash as crash:
        print(f"{name}: CRASH {crash}")
        return False
    took_s = time.monotonic() - began_s
    print(f"{name}: {tally.inputs} inputs, {tally.refused} refused, slowest {tally.slowest_s:.2f} s, {took_s:.0f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
