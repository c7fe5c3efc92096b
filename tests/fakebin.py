"""A bin of fakes that runs through a list of frames, for tests of the loop and of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from edge import loop
from edge.decision import Policy
from edge.delivery import Delivery
from edge.errors import ModelError, TriggerError, UpdateError
from edge.model import Correction, Fault, Frame, ModelId, Phase, Prediction, Signal, SortEvent
from edge.parts import Clock, Parts, Rules
from edge.ports import Camera, Classifier, Inbox, Keeper, Observer, Outbox
from edge.reporter import Reporter
from edge.state import BinState, Fill, Health
from edge.testing import (
    FakeCamera,
    FakeClassifier,
    FakeClock,
    FakeFlap,
    FakeNotifier,
    FakeObserver,
    FakeOutbox,
    FakePublisher,
    FakeTrigger,
    blank_frame,
    prediction_for,
)

LABELS = ("glass", "battery")
GLASS, BATTERY = prediction_for(0, 2), prediction_for(1, 2)
ITEM = [Phase.EMPTY, Phase.MOVING, Phase.SETTLED, Phase.SETTLED, Phase.SETTLED, Phase.EMPTY]
MODEL = ModelId("m", "1", "0" * 64)


def quiet_reporter() -> Reporter:
    """Of a bin named lobby; tells nobody."""
    return Reporter(
        BinState("lobby", MODEL, "1"),
        publish=lambda state: None,
        notifier=FakeNotifier(),
        queue=FakeOutbox().stats,
        health=Health,
        now_s=0.0,
    )


@dataclass
class Bin:
    """A bin of fakes."""

    signals: Iterable[Signal | Phase | TriggerError]
    answers: Sequence[Prediction | ModelError] = (GLASS,)
    flap: FakeFlap = field(default_factory=FakeFlap)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    seen: Iterable[Frame | Fault] | None = None
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    observer: FakeObserver = field(default_factory=FakeObserver)
    states: list[BinState] = field(default_factory=list)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    health: Callable[[], Health] = Health
    wall: Callable[[], str] = lambda: "2026-01-01T00:00:00.000Z"
    camera: Camera | None = None
    classifier: Classifier | None = None
    store: Outbox | None = None  # instead of `outbox`; run() then returns nothing
    inbox: Inbox | None = None
    keeper: Keeper | None = None
    emptied_by_door: bool = False
    pictures: bool = False
    reloads: int = 0
    reload_trouble: str | None = None
    ask_update: Callable[[], str | None] | None = None
    models: list[str] = field(default_factory=list)  # that were asked for; "teach" for a lesson
    model_trouble: str | None = None
    fill: Callable[[], Fill] = Fill
    observers: Sequence[Observer] = ()  # beside `observer`
    corrected: list[Correction] = field(default_factory=list)
    clock: FakeClock = field(default_factory=lambda: FakeClock(step_s=0.001))

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> list[SortEvent]:
        frames = self.seen or [blank_frame(i / 10, f"{i}.jpg") for i, _ in enumerate(list(self.signals))]
        self.asked = FakeClassifier(self.answers)
        store = self.store or self.outbox
        delivery = Delivery(store, self.publisher)
        self.reporter = Reporter(
            BinState("b", MODEL, "1"),
            publish=self.states.append,
            notifier=self.notifier,
            queue=store.stats,
            health=self.health,
            now_s=0.0,
            fill=self.fill,
        )
        ids = iter(range(1000))
        parts = Parts(
            camera=self.camera or FakeCamera(frames),
            trigger=FakeTrigger(self.signals),
            classifier=self.classifier or self.asked,
            flap=self.flap,
            outbox=store,
            delivery=delivery,
            reporter=self.reporter,
            notifier=self.notifier,
            policy=Policy(LABELS, {"glass": "recycling", "battery": "hazard"}, default="landfill"),
            rules=Rules(
                bin_id="b",
                votes=3,
                margin=0.25,
                clear_s=1.0,
                emptied_by_door=self.emptied_by_door,
                pictures=self.pictures,
            ),
            model=MODEL,
            clock=Clock(self.clock, self.wall, lambda: False),
            new_id=lambda: f"id-{next(ids)}",
            observers=[self.observer, *self.observers],
            inbox=self.inbox,
            ask_reload=self._reload,
            keeper=self.keeper,
            ask_update=self.ask_update,
            corrected=[self.corrected.append],
            teach=lambda: self._use("teach"),
            use_model=self._use,
        )
        loop.run(parts, should_stop)
        return [self.outbox.events[seq] for seq in sorted(self.outbox.finished)]

    def _reload(self) -> str | None:
        self.reloads += 1
        return self.reload_trouble

    def _use(self, model: str) -> None:
        self.models.append(model)
        if self.model_trouble is not None:
            raise UpdateError(self.model_trouble)
