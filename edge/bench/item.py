"""The whole item: what one costs from the camera's frame to the flap's command, in stages.

The real loop runs over the sample frames with the real trigger, classifier, outbox (a file) and flaps (mock pins), and
a stopwatch between them. Only the frames with a vote count: while an item settles the bin waits, it does not work.
Nobody waits for the flap either: the clock stops when the first pin was told.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from edge import demo, fittings
from edge.adapters.flaps import GpioFlaps
from edge.adapters.litert import LiteRtClassifier
from edge.adapters.no_publisher import NoPublisher
from edge.adapters.pins import mock_pins
from edge.adapters.replay import ReplayCamera
from edge.adapters.sqlite_outbox import SqliteOutbox
from edge.adapters.systemd_notify import SystemdNotifier
from edge.adapters.view import frame_of
from edge.decision import Policy
from edge.delivery import Delivery
from edge.flap_settings import FlapSettings, ServoFlap
from edge.ids import uuid7
from edge.loop import Sorter
from edge.manifest import Manifest
from edge.model import WHOLE_FRAME, Fault, SortEvent
from edge.parts import Clock, Parts, Rules
from edge.presence import Settings as PresenceSettings
from edge.presence import VisionTrigger
from edge.reporter import Reporter
from edge.state import BinState, Health

STAGES = FRAME, PRESENCE, CLASSIFY, DECIDE, INTENT, COMMAND, REST = (
    "frame (small luma image)",
    "presence",
    "classify (fit, quantise, run)",
    "decide",
    "intent on disk",
    "flap command",
    "cut and all between",
)
VOTES = 3
SAMPLES = demo.CONFIG.with_name("samples")
_DISK = Path("/var/tmp")  # where /tmp may be memory, this is the disk
_NO_SECOND_TRY_S = 1e6  # the pictures do not know that the flap has moved
_FLAPS = FlapSettings({"left": ServoFlap(pin=12), "right": ServoFlap(pin=13)})

Stages = dict[str, float]


class Stopwatch:
    """What the stages took, in ms, summed over the votes of an item. items: those that are done."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self.items: list[Stages] = []
        self._clock_s = clock_s
        self._item: Stages = dict.fromkeys(STAGES, 0.0)
        self._frame: Stages = {}
        self._intent_s = 0.0
        self._told_s: float | None = None

    @contextmanager
    def frame(self) -> Iterator[None]:
        """One frame, from the camera's hand to when the loop is done with it."""
        self._begin_frame()
        started_s = self._clock_s()
        yield
        ended_s = self._clock_s() if self._told_s is None else self._told_s
        if CLASSIFY in self._frame:
            self._frame[REST] = (ended_s - started_s) * 1000 - sum(self._frame.values())
            self._item = {name: ms + self._frame.get(name, 0.0) for name, ms in self._item.items()}
        if self._told_s is not None:
            self.items.append(self._item)
            self._item = dict.fromkeys(STAGES, 0.0)

    def _begin_frame(self) -> None:
        self._frame, self._told_s = {}, None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens inside is this stage of the frame."""
        started_s = self._clock_s()
        yield
        self.add(name, (self._clock_s() - started_s) * 1000)

    def add(self, name: str, ms: float) -> None:
        """This stage of the frame took so long, or longer by so much."""
        self._frame[name] = self._frame.get(name, 0.0) + ms

    def intent_written(self) -> None:
        """The flap's turn begins."""
        self._intent_s = self._clock_s()

    def flap_told(self, _hold_s: float) -> None:
        """In the place of sleep: the flap asks for it when it has told a pin. Only the first time in a move counts."""
        if self._told_s is None and INTENT in self._frame:
            self._told_s = self._clock_s()
            self.add(COMMAND, (self._told_s - self._intent_s) * 1000)


class _Timed:
    """Any port with one of its methods under the stopwatch."""

    def __init__(self, part: Any, method: str, stage: str, watch: Stopwatch) -> None:
        self._part, self._method, self._stage, self._watch = part, method, stage, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name != self._method:
            return found

        def timed(*arguments: Any) -> Any:
            with self._watch.stage(self._stage):
                return found(*arguments)

        return timed


class _Outbox(SqliteOutbox):
    """Tells the stopwatch how long deciding took, which the event knows, and when the intent was written."""

    def __init__(self, path: Path, watch: Stopwatch) -> None:
        super().__init__(path, 50_000_000)
        self._watch = watch

    def begin(self, event: SortEvent) -> SortEvent:
        self._watch.add(DECIDE, event.timing_ms.decide)
        with self._watch.stage(INTENT):
            begun = super().begin(event)
        self._watch.intent_written()
        return begun


def measure(
    folder: Path, threads: int, items: int, clock_s: Callable[[], float] = time.perf_counter
) -> tuple[Stages, ...]:
    """What each of so many items took, with the model in this folder. Raises ModelError."""
    watch = Stopwatch(clock_s)
    where = _DISK if os.access(_DISK, os.W_OK) else None
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartbin-bench-", dir=where)))
        classifier = stack.enter_context(closing(LiteRtClassifier(folder, threads)))
        outbox = stack.enter_context(closing(_Outbox(scratch / "outbox.db", watch)))
        pins = stack.enter_context(mock_pins())
        flaps = stack.enter_context(GpioFlaps(_FLAPS, pins, sleep=watch.flap_told))
        camera = ReplayCamera(SAMPLES, pace="fast", loop=True)
        camera.open()
        sorter = Sorter(_parts(camera, classifier, outbox, flaps, watch))
        for seen in camera.frames():
            assert not isinstance(seen, Fault), "a replay has none"
            with watch.frame():
                with watch.stage(FRAME):
                    frame = frame_of(seen.rgb, WHOLE_FRAME, seen.at_s)
                sorter.handle(frame)
            if len(watch.items) >= items:
                break
    return tuple(watch.items)


def _parts(
    camera: ReplayCamera, classifier: LiteRtClassifier, outbox: _Outbox, flaps: GpioFlaps, watch: Stopwatch
) -> Parts:
    notifier, model = SystemdNotifier({}), classifier.manifest
    timed_trigger: Any = _Timed(VisionTrigger(PresenceSettings()), "observe", PRESENCE, watch)
    timed_classifier: Any = _Timed(classifier, "classify", CLASSIFY, watch)
    return Parts(
        camera=camera,
        trigger=timed_trigger,
        classifier=timed_classifier,
        flap=flaps,
        outbox=outbox,
        delivery=Delivery(outbox, NoPublisher()),
        reporter=Reporter(
            BinState("bench", model.id, "0"),
            publish=lambda state: None,
            notifier=notifier,
            queue=outbox.stats,
            health=Health,
            now_s=time.monotonic(),
        ),
        notifier=notifier,
        policy=_policy(model),
        rules=Rules("bench", VOTES, model.input.crop_margin, _NO_SECOND_TRY_S),
        model=model.id,
        clock=Clock(time.monotonic, fittings.wall_time, lambda: True),
        new_id=lambda: uuid7(time.time_ns() // 1_000_000, os.urandom(10)),
    )


def _policy(model: Manifest) -> Policy:
    """Any labels will do: every other one goes to the left."""
    sides = itertools.cycle(_FLAPS.flaps)
    return Policy(model.labels, dict(zip(model.labels, sides, strict=False)), "right", model.temperature)
