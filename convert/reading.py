"""Picture files -> pixels as a set stores them: decoded, without bars, small. On all cores."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path

from convert import data
from convert.bars import Bars, find_bars, strip
from edge.errors import ImageError
from edge.images import read_image
from edge.model import Pixels

# A model looks at some 224 x 224 pixels: less than this is a guess, and stretched to a square a long strip is one, too.
MIN_SIDE_PX, MAX_ASPECT = 32, 8
PREVIEW_PX = 96
_NAME = "file"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A picture to be stored. sha256: of the file. before: a small picture of it with its bars, where it had any."""

    rgb: Pixels
    sha256: str
    bars: Bars
    before: Pixels | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a file is not in the set."""

    reason: str


def read_all(paths: Sequence[Path]) -> Iterator[Read | Refused]:
    """What became of each file, in order."""
    with _pool() as pool:
        yield from pool.imap(read, paths, chunksize=16)


def read(path: Path) -> Read | Refused:
    """One file, decoded; bars go first, for what they leave decides about the rest."""
    try:
        if trouble := _trouble(path):
            return Refused(trouble)
        content = path.read_bytes()
        whole = read_image(content, name=_NAME)
    except OSError as error:
        return Refused(f"cannot be read: {error.strerror}")
    except ImageError as error:
        return Refused(str(error).removeprefix(f"{_NAME}: ").rstrip("."))
    bars = find_bars(whole)
    rgb = strip(whole, bars)
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        return Refused(f"too small: {width} x {height} pixels, at least {MIN_SIDE_PX} each are needed")
    if max(height, width) > MAX_ASPECT * min(height, width):
        return Refused(f"too long: {width} x {height} pixels, more than {MAX_ASPECT} to 1")
    before = data.shrink(whole, PREVIEW_PX) if bars else None
    return Read(data.shrink(rgb), hashlib.sha256(content).hexdigest(), bars, before)


def _trouble(path: Path) -> str | None:
    """Why a file is not even read."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is no UTF-8, and no table can hold it: give it another"
    if path.exists() and not path.is_file():
        return "a folder, a device or a pipe, not an image file"  # reading a pipe would wait for ever
    return None


def _pool() -> Pool:
    # "spawn": a forked child of a process with TensorFlow's or OpenCV's threads can hang.
    context = multiprocessing.get_context("spawn")
    context.Lock()  # starts Python's resource tracker, which would unblock what is blocked below
    # Processes inherit what is blocked: Ctrl-C is for this one alone, which then ends the others.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return context.Pool(min(8, os.cpu_count() or 1))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
