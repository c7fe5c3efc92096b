"""Cuts the power in the middle of an update: a process of its own does one, and ends at a chosen step.

A step is whatever changes the bin's folder, or the next piece of a download: files made, renamed, removed, synced.
SIGKILL comes just before it, and what was not synced by then loses its second half, as with a power cut.

python updatekills.py FOLDER steps          how many steps there are
python updatekills.py FOLDER kill N...      one JSON line a kill: see Kill
python updatekills.py FOLDER careless N...  the same of an update that forgets to sync what it unpacks
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelrepo import Publisher, bin_settings, store_of, works
from tinymodel import write_tiny_model

from edge import chosen, shadow, updater
from edge.adapters import archive, repository_files
from edge.adapters.model_keeper import ModelKeeper
from edge.adapters.shadowing import FILE
from edge.config import Settings
from edge.shadow import Comparison

OLD, NEW = "tiny-colours-1.5", "tiny-colours-2.0"
PIECE = 4096
WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")


@dataclass(frozen=True)
class Kill:
    """works: the version that a start then runs, "" where it runs none. ends: the same once the update was repeated."""

    number: int
    step: str
    works: str
    ends: str


def prepare(folder: Path) -> None:
    """A stick with a new model, and a bin that runs an installed package, with one that nobody needs beside it."""
    publisher = Publisher(folder / "publisher")
    publisher.add("2.0")
    home = folder / "template"
    home.mkdir()
    settings = settings_of(folder, home)
    store = store_of(settings)
    for package in ("tiny-colours-1.3", "tiny-colours-1.4", OLD):
        write_tiny_model(store.path(package), version=package.rpartition("-")[2])
        store.use(package)


def settings_of(folder: Path, home: Path) -> Settings:
    """Of the bin in `home`."""
    publisher = folder / "publisher"
    return bin_settings(home, str(publisher / "repository"), publisher / "root.json", mode="auto")


def update(settings: Settings) -> None:
    """All of it: fetch, verify, install, compare, take over, run."""
    updater.update(settings)
    store = store_of(settings)
    if store.candidate() is not None:
        store.write(FILE, shadow.dump(Comparison(NEW, "a" * 64, items=200)))
        store.use(NEW)
    keeper = ModelKeeper(store)
    chosen.open_chosen(settings, keeper)[1].close()
    store.proven(keeper.package)


class Steps:
    """Counts them, and ends the process at one. Only one a process: an audit hook stays."""

    def __init__(self, home: Path, kill_at: int = 0, report: Path | None = None) -> None:
        self.count = 0
        self._home = str(home)
        self._kill_at = kill_at
        self._report = report
        self._unsynced: set[str] = set()
        self._busy = False
        replace(os, "fsync", self._synced)
        replace(repository_files, "CHUNK", PIECE)
        read = repository_files.FolderFiles._chunks

        def pieces(files: repository_files.FolderFiles, url: str, begins: int) -> Iterator[bytes]:
            return self._pieces(read(files, url, begins), url)

        replace(repository_files.FolderFiles, "_chunks", pieces)
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: Sequence[Any]) -> None:
        if self._busy or not (event == "open" or event in CHANGES):
            return
        path = str(arguments[0])
        if not path.startswith(self._home) or (event == "open" and not int(arguments[2] or 0) & WRITING):
            return
        self._step(f"{event.removeprefix('os.')} {path.removeprefix(self._home)}")
        if event == "open":
            self._unsynced.add(path)
        elif event == "os.rename":  # also of a folder with all that is in it
            to = str(arguments[1])
            self._unsynced = {to + it[len(path) :] if f"{it}/".startswith(f"{path}/") else it for it in self._unsynced}

    def _synced(self, descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        self._step(f"sync {path.removeprefix(self._home)}")
        self._unsynced.discard(path)

    def _pieces(self, pieces: Iterator[bytes], url: str) -> Iterator[bytes]:
        for piece in pieces:
            self._step(f"fetch {Path(url).name}")
            yield piece

    def _step(self, name: str) -> None:
        self.count += 1
        if self.count != self._kill_at:
            return
        self._busy = True
        for path in self._unsynced:
            with suppress(OSError):
                os.truncate(path, Path(path).stat().st_size // 2)
        if self._report is not None:
            self._report.write_text(name)
        os.kill(os.getpid(), signal.SIGKILL)


def replace(owner: object, name: str, by: object) -> None:
    """For this process alone."""
    setattr(owner, name, by)


def kill(folder: Path, number: int) -> Kill:
    """The power goes at this step; then the bin starts, and the update is repeated."""
    home, report = folder / "bin", folder / "step"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(folder / "template", home)
    report.write_text("")
    settings = settings_of(folder, home)

    def killed(say: Callable[[str], None]) -> None:
        Steps(home, number, report)
        update(settings)

    def started(say: Callable[[str], None]) -> None:
        say(f"{works(settings)} ")
        update(settings)
        say(works(settings))

    in_a_child(folder, killed)
    first, _, then = in_a_child(folder, started).partition(" ")
    return Kill(number, report.read_text(), first, then)


def in_a_child(folder: Path, work: Callable[[Callable[[str], None]], None]) -> str:
    """All that it says before it ends. A fork: this process has loaded everything and run nothing."""
    with (folder / "said").open("w+") as said:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                work(lambda words: print(words, end="", file=said, flush=True))
            os._exit(0)
        os.waitpid(child, 0)
        said.seek(0)
        return said.read()


def count(folder: Path) -> int:
    """The steps of an update that nobody disturbs."""
    home = folder / "bin"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(folder / "template", home)
    settings = settings_of(folder, home)

    def counted(say: Callable[[str], None]) -> None:
        steps = Steps(home)
        update(settings)
        say(str(steps.count))

    return int(in_a_child(folder, counted))


def kills(folder: Path, numbers: Sequence[int], how: str = "kill") -> Iterator[Kill]:
    """Each in turn, from a process that forks: so none pays for the imports."""
    command = [sys.executable, __file__, str(folder), how, *map(str, numbers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield Kill(**json.loads(line))


def steps(folder: Path) -> int:
    """How many there are."""
    done = subprocess.run([sys.executable, __file__, str(folder), "steps"], check=True, capture_output=True, text=True)
    return int(done.stdout)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if sys.argv[2] == "steps":
        print(count(place))
    importlib.import_module("ai_edge_litert.interpreter")  # else every child does
    # what it is for is played here, and the disk of the test need not wait
    replace(os, "fsync", lambda descriptor: None)
    if sys.argv[2] == "careless":
        replace(archive, "write_synced", Path.write_bytes)
    for wanted in sys.argv[3:]:
        print(json.dumps(asdict(kill(place, int(wanted)))), flush=True)
