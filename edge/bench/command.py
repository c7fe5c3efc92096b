"""The measurement from start to end: open what can be opened, take turns, then the whole item."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bench import item
from edge.bench.process import Worker
from edge.bench.rounds import Figures, Turns, agreement, ratio, take_turns
from edge.bench.runtimes import LITERT, Candidate, importable, importable_in, plan
from edge.errors import ModelError
from edge.images import read_image
from edge.manifest import FILE_NAME

IMAGE = item.SAMPLES / "glass-clear-jar.jpg"
ITEMS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """threads: 0 takes every core. runs: timed answers of each. seconds: after so many no new round begins.

    python: another Python, asked for the runtimes that this one lacks.
    """

    models: tuple[Path, ...]
    threads: int = 0
    runs: int = 50
    seconds: float = 60.0
    python: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """load_before: how many processes wanted to run in the minute before (0: idle). missing: why something is not among
    the figures. item: the stages of each item, None without a model folder.
    """

    machine: str
    load_before: float
    threads: int
    image: str
    figures: tuple[Figures, ...]
    missing: tuple[str, ...]
    item: tuple[item.Stages, ...] | None
    item_model: str | None

    @property
    def busy(self) -> bool:
        """Whether others wanted enough of the machine to be seen in the figures."""
        return self.load_before > 0.5


def run(wishes: Wishes, clock: Callable[[], float], say: Say) -> Result:
    """Measure. say: told what is going on. Raises ModelError when there is nothing to measure."""
    load_before = os.getloadavg()[0]
    threads = wishes.threads or len(os.sched_getaffinity(0))
    other = None if wishes.python is None else (wishes.python, importable_in(wishes.python))
    planned = plan(wishes.models, importable, other)
    trouble = list(planned.missing)
    with ExitStack() as stack:
        workers = []
        for worker in _opened(planned.candidates, threads, trouble, say):
            workers.append(stack.enter_context(worker))
        if not workers:
            raise ModelError("nothing can be measured:\n" + "\n".join(trouble))
        say(f"{len(workers)} by turns, {wishes.runs} answers of each or {wishes.seconds:g} seconds")
        turns = take_turns(workers, wishes.runs, wishes.seconds, clock)
        figures = tuple(_figures(workers, turns))
    folder = next((path for path in wishes.models if (path / FILE_NAME).is_file()), None)
    if folder is None:
        trouble.append(f"the whole item needs a model folder with {FILE_NAME}: name one")
    else:
        say("the whole item")
    items = None if folder is None else item.measure(folder, threads, min(ITEMS, wishes.runs), clock)
    return Result(
        machine=machine(),
        load_before=load_before,
        threads=threads,
        image=IMAGE.name,
        figures=figures,
        missing=tuple(dict.fromkeys(trouble)),
        item=items,
        item_model=None if folder is None else folder.resolve().name,
    )


def machine() -> str:
    """What is being measured: board or processor, cores, operating system."""
    board = Path("/proc/device-tree/model")
    if board.exists():
        name = board.read_text().rstrip("\0\n")
    else:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "processor")
    return f"{name}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _opened(candidates: Sequence[Candidate], threads: int, trouble: list[str], say: Say) -> Iterator[Worker]:
    """Workers that have given a first answer. Why another could not is added to trouble."""
    picture, shapes = read_image(IMAGE), dict[str, tuple[int, ...]]()
    for candidate in candidates:
        say(f"open {candidate.model}/{candidate.path.name} in {candidate.runtime.name}")
        worker = None
        try:
            worker = Worker(candidate, threads)
            # who does not tell gets what the others got: of the same file, else of the same network
            known = worker.shape or shapes.get(str(candidate.path)) or shapes.get(candidate.model)
            if known is None:
                raise ModelError(
                    f"{candidate.runtime.name} does not tell what size {candidate.path} takes: "
                    "install onnxruntime, which does, or put the .tflite file beside it"
                )
            shapes[str(candidate.path)] = known
            shapes.setdefault(candidate.model, known)
            worker.show(picture, known)
        except ModelError as error:
            trouble.append(str(error))
            if worker is not None:
                worker.close()
            continue
        yield worker


def _figures(workers: Sequence[Worker], turns: Sequence[Turns]) -> Iterator[Figures]:
    for worker, mine in zip(workers, turns, strict=True):
        times = np.concatenate(mine)
        reference = _index(workers, worker.candidate.model, "int8")
        original = _index(workers, worker.candidate.model, "float")
        compared = reference if original is None else original
        yield Figures(
            model=worker.candidate.model,
            runtime=worker.candidate.runtime.name,
            version=worker.version,
            kind=worker.kind,
            file=worker.candidate.path.name,
            runs=len(times),
            median_ms=float(np.median(times)),
            p95_ms=float(np.percentile(times, 95)),
            load_s=worker.load_s,
            memory_mb=worker.memory_mb,
            ratio=None if reference is None else ratio(mine, turns[reference]),
            agreement=None if compared is None else agreement(worker.answers, workers[compared].answers),
        )


def _index(workers: Sequence[Worker], model: str, kind: str) -> int | None:
    """Where LiteRT with this network is, in 8 bits or floating."""
    wanted = (model, LITERT, kind)
    found = (i for i, w in enumerate(workers) if (w.candidate.model, w.candidate.runtime, w.kind) == wanted)
    return next(found, None)
