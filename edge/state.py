"""What a dashboard shows now. Frozen; every change is a pure function of the old state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.fill import is_full
from edge.model import Fault, ModelId, Outcome, Problem, SortEvent
from edge.shadow import Comparison, Limits

HOT_C, COOL_C = 80.0, 75.0  # a Pi throttles itself at 80 to 85 degrees; the gap keeps the warning from flickering

# what a bin goes on sorting with, or has nothing to sort in: said, but no fault
WARNINGS = frozenset(
    {
        Problem.CAMERA_BLACK,
        Problem.COMPARTMENT_FULL,
        Problem.FILL_UNKNOWN,
        Problem.MODEL_CHANGED,
        Problem.MODEL_PUT_BACK,
        Problem.DATABASE_REPLACED,
        Problem.CONFIG_REJECTED,
        Problem.BROKER_AWAY,
        Problem.OVERHEATED,
        Problem.UNDER_VOLTAGE,
        Problem.CAPTURE_FAILED,
    }
)
HOT = (
    f"the processor is hotter than {HOT_C:.0f} degrees C: it looks at fewer frames until it is below {COOL_C:.0f}; "
    "give it shade, air or a heat sink"
)
FULL = "{name} is nearly full: empty it"
SILENT = "the fill sensor of {name} hears no echo; check its wires, its supply of 5 V and that nothing covers it"
WEAK = "the supply voltage is too low: use the official power supply and a short cable"


@dataclass(frozen=True, slots=True)
class LastItem:
    """The item handled last."""

    event_id: str
    seq: int
    time: str
    outcome: Outcome
    label: str
    confidence: float
    compartment: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """How the computer is; null where it cannot be told.

    broker: what is wrong with the connection; null while it is fine.
    broker_connects: how often it has connected to the broker.
    under_voltage: the supply is too weak, now or a moment ago.
    throttled: the firmware slows the processor down now, for heat or a weak supply.
    model_file: what is wrong with the file on disk, which is not the one in memory.
    captures: why items are not kept that should be.
    head: why the taught head that was chosen does not answer.
    """

    temperature_c: float | None = None
    clock_synced: bool | None = None
    broker: str | None = None
    broker_connects: int = 0
    under_voltage: bool | None = None
    throttled: bool | None = None
    model_file: str | None = None
    captures: str | None = None
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Teaching:
    """What the bin has learnt where it stands.

    running: a lesson is under way.
    head: the number of the taught head that answers; null where it is the model's own layer.
    message: what became of the last lesson; null before one, and while one is under way.
    """

    running: bool = False
    head: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """levels: 0..1 by compartment with a sensor, None where it does not answer. alert_at: what counts as full."""

    levels: Mapping[str, float | None] = field(default_factory=dict)
    alert_at: float = 1.0


@dataclass(frozen=True, slots=True)
class Shadow:
    """A new model that answers beside the one that sorts, and moves nothing.

    package: name and version.
    result: comparing, or what came of it: fine, too_slow, abstains, failed.
    items: how many were compared so far.
    of: how many are to be; fewer where the time for it is over before.
    same_label, same_compartment: how often both said the same (0..1).
    unsure_old, unsure_new: how often each abstained (0..1).
    old_ms, new_ms: what an answer usually takes.
    """

    package: str
    result: str
    items: int
    of: int
    same_label: float
    same_compartment: float
    unsure_old: float
    unsure_new: float
    old_ms: float
    new_ms: float

    @staticmethod
    def of_comparison(comparison: Comparison, limits: Limits) -> Shadow:
        """For people and programs: shares instead of counts."""
        count = max(comparison.items, 1)
        return Shadow(
            package=comparison.package,
            result=comparison.result.value,
            items=comparison.items,
            of=limits.items,
            same_label=comparison.same_label / count,
            same_compartment=comparison.same_compartment / count,
            unsure_old=comparison.unsure_old / count,
            unsure_new=comparison.unsure_new / count,
            old_ms=comparison.old_ms,
            new_ms=comparison.new_ms,
        )


@dataclass(frozen=True, slots=True)
class Updates:
    """What is known of newer models.

    looking: the repository is looked at now.
    checked: when it was looked at last (RFC 3339); null where it never was.
    ok: whether that look went well.
    message: what came of it, or what went wrong and what to do.
    shadow: the last comparison of a new model; null where there was none.
    """

    looking: bool = False
    checked: str | None = None
    ok: bool = True
    message: str | None = None
    shadow: Shadow | None = None


@dataclass(frozen=True, slots=True)
class BinState:
    """What a dashboard shows. Counts run since the program started.

    version: of the program.
    state: starting, ready, fault or stopped.
    paused: no new item is taken.
    faults: what keeps the bin from sorting.
    warnings: what does not, and leaves `state` as it is.
    items: how many were handled.
    by_label, by_compartment, by_outcome: how many of each.
    by_problem: how often each began.
    corrections: how often somebody said that an item was something else.
    fill: 0..1 by compartment with a sensor, null where it does not answer.
    since_emptied: items by compartment, kept over restarts.
    queued: events that wait for the broker.
    dropped: events that no longer found room on the disk.
    updates: newer models; null where [update] is off.
    teaching: what was learnt on this site.
    """

    bin_id: str
    model: ModelId
    version: str
    state: str = "starting"
    paused: bool = False
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    items: int = 0
    by_label: Mapping[str, int] = field(default_factory=dict)
    by_compartment: Mapping[str, int] = field(default_factory=dict)
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    by_problem: Mapping[str, int] = field(default_factory=dict)
    corrections: int = 0
    last: LastItem | None = None
    fill: Mapping[str, float | None] = field(default_factory=dict)
    since_emptied: Mapping[str, int] = field(default_factory=dict)
    queued: int = 0
    dropped: int = 0
    uptime_s: int = 0
    health: Health = Health()
    updates: Updates | None = None
    teaching: Teaching = Teaching()


def ready(state: BinState) -> BinState:
    """Start-up is over."""
    return replace(state, state="fault" if state.faults else "ready")


def paused(state: BinState, on: bool) -> BinState:
    """Somebody asked the bin to take no new item, or to go on."""
    return replace(state, paused=on)


def stopped(state: BinState) -> BinState:
    """A clean stop."""
    return replace(state, state="stopped")


def counted(state: BinState, event: SortEvent) -> BinState:
    """One more item was handled."""
    last = LastItem(
        event_id=event.event_id,
        seq=event.seq,
        time=event.time,
        outcome=event.outcome,
        label=event.label,
        confidence=event.confidence,
        compartment=event.compartment,
        reason=event.reason,
    )
    return replace(
        state,
        items=state.items + 1,
        by_label=_plus_one(state.by_label, event.label),
        by_compartment=_plus_one(state.by_compartment, event.compartment),
        by_outcome=_plus_one(state.by_outcome, event.outcome.value),
        last=last,
    )


def corrected(state: BinState) -> BinState:
    """Somebody said what an item really was."""
    return replace(state, corrections=state.corrections + 1)


def with_fault(state: BinState, fault: Fault) -> BinState:
    """A part has a fault, or is worth a warning; a newer message of the same part replaces the older one."""
    known = any(f.part == fault.part and f.problem is fault.problem for f in (*state.faults, *state.warnings))
    state = healed(state, fault.part)
    if not known:
        state = replace(state, by_problem=_plus_one(state.by_problem, fault.problem.value))
    if fault.problem in WARNINGS:
        return replace(state, warnings=(*state.warnings, fault))
    return replace(state, faults=(*state.faults, fault), state="fault")


def healed(state: BinState, part: str) -> BinState:
    """A part works again."""
    faults = tuple(f for f in state.faults if f.part != part)
    warnings = tuple(f for f in state.warnings if f.part != part)
    if (faults, warnings) == (state.faults, state.warnings):
        return state
    healthier = replace(state, faults=faults, warnings=warnings)
    return ready(healthier) if faults != state.faults else healthier


def ailments(state: BinState, before: Health) -> dict[str, Fault | None]:
    """What the computer's health says of each part of it; None where all is well or nothing is known.

    before: the health looked at last. A broker must be away twice in a row: connecting takes a moment.
    """
    health = state.health
    broker = health.broker if before.broker else None
    return {
        "temperature": _hot(health.temperature_c, state),
        "power": _if(health.under_voltage, "power", Problem.UNDER_VOLTAGE, WEAK),
        "broker": _if(broker, "broker", Problem.BROKER_AWAY, broker),
        "captures": _if(health.captures, "captures", Problem.CAPTURE_FAILED, health.captures),
        "head": _if(health.head, "head", Problem.MODEL_PUT_BACK, health.head),
        "model_file": _if(health.model_file, "model_file", Problem.MODEL_CHANGED, health.model_file),
    }


def fill_ailments(state: BinState, alert_at: float) -> dict[str, Fault | None]:
    """What the fill level says of each compartment with a sensor; None where there is room."""
    return {f"fill {name}": _filled(state, f"fill {name}", name, level, alert_at) for name, level in state.fill.items()}


def _filled(state: BinState, part: str, name: str, level: float | None, alert_at: float) -> Fault | None:
    if level is None:
        return Fault(part, SILENT.format(name=name), Problem.FILL_UNKNOWN)
    was_full = any(f.part == part and f.problem is Problem.COMPARTMENT_FULL for f in state.warnings)
    return _if(is_full(level, alert_at, was_full), part, Problem.COMPARTMENT_FULL, FULL.format(name=name))


def has(state: BinState, problem: Problem) -> bool:
    """Whether the bin has this problem now."""
    return any(f.problem is problem for f in (*state.faults, *state.warnings))


def _hot(temperature_c: float | None, state: BinState) -> Fault | None:
    limit_c = COOL_C if has(state, Problem.OVERHEATED) else HOT_C
    too_hot = temperature_c is not None and temperature_c > limit_c
    return _if(too_hot, "temperature", Problem.OVERHEATED, HOT)


def _if(wrong: object, part: str, problem: Problem, message: str | None) -> Fault | None:
    return Fault(part, message or "", problem) if wrong else None


def summary(state: BinState) -> str:
    """One line for people: the service manager's status and the log."""
    if state.faults:
        return "fault: " + "; ".join(f"{f.part}: {f.message}" for f in state.faults)
    last = f", last {state.last.label} -> {state.last.compartment}" if state.last else ""
    warned = f"; look at: {', '.join(f.problem for f in state.warnings)}" if state.warnings else ""
    return (
        f"{'paused' if state.paused else state.state}: {state.items} items{last}, {state.queued} events queued{warned}"
    )


def _plus_one(counts: Mapping[str, int], key: str) -> Mapping[str, int]:
    return {**counts, key: counts.get(key, 0) + 1}
