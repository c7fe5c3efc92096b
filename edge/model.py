"""The values that pass from step to step. Frozen; no behaviour beyond what a value knows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # who only tells what happened, as the page does, needs none of numpy's memory
    import numpy as np
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class Box:
    """Where an item lies, as fractions (0..1) of the frame, so that it fits the luma and the colour image alike."""

    x: float
    y: float
    width: float
    height: float


WHOLE_FRAME = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of the tray.

    rgb: uint8 (height, width, 3), RGB, already cut to the camera's roi.
    luma: uint8 (h, w), small (about 160 px wide), the same view; the trigger looks at this one.
    at_s: when it was taken, in seconds of the camera's own monotonic clock.
    source: the file it came from, when it came from a file.
    """

    rgb: Pixels
    luma: Pixels
    at_s: float
    source: str | None = None


class Problem(StrEnum):
    """What can be wrong, by names that do not change: alerts and scripts rely on them. docs/FAULTS.md explains each."""

    CAMERA_LOST = "camera_lost"
    CAMERA_FROZEN = "camera_frozen"
    CAMERA_BLACK = "camera_black"
    TRIGGER_FAILED = "trigger_failed"
    MODEL_FAILED = "model_failed"
    MODEL_CHANGED = "model_changed"
    MODEL_PUT_BACK = "model_put_back"
    FLAP_FAILED = "flap_failed"
    HAND_IN_CHUTE = "hand_in_chute"
    DOOR_OPEN = "door_open"
    JAM = "jam"
    COMPARTMENT_FULL = "compartment_full"
    FILL_UNKNOWN = "fill_unknown"
    DISK_FAILED = "disk_failed"
    DATABASE_REPLACED = "database_replaced"
    CONFIG_REJECTED = "config_rejected"
    BROKER_AWAY = "broker_away"
    OVERHEATED = "overheated"
    UNDER_VOLTAGE = "under_voltage"
    CAPTURE_FAILED = "capture_failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something is wrong and may heal.

    part: what heals: camera, flap, disk, ...
    message: what to check.
    problem: its name.
    """

    part: str
    message: str
    problem: Problem


class Phase(StrEnum):
    """What the trigger makes of the tray in one frame."""

    LEARNING = "learning"  # no background yet, or the light just changed: nothing can be said
    EMPTY = "empty"
    MOVING = "moving"  # something is there and not yet still: a hand, a rolling can
    SETTLED = "settled"  # an item lies still; said for every frame while it does


@dataclass(frozen=True, slots=True)
class Signal:
    """The trigger's answer for one frame. box is set when SETTLED. change: share (0..1) of the tray that is new.

    items: the box of each, when several things lie clearly apart; box is around them all.
    """

    phase: Phase
    box: Box | None = None
    change: float = 0.0
    items: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One answer of the classifier, not yet calibrated.

    logits: float32 (labels,), in the order of the manifest's labels.
    embedding: float32 (features,) that the logits came from, or None where the model does not give it.
    """

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32] | None
    inference_ms: float


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """One label with its calibrated probability (0..1)."""

    label: str
    p: float


class Outcome(StrEnum):
    """How the handling of one item ended."""

    SORTED = "sorted"
    ABSTAINED = "abstained"  # dropped into the default compartment, `reason` says why
    JAM = "jam"  # the item did not fall, also not at the second try
    FLAP_ERROR = "flap_error"
    INTERRUPTED = "interrupted"  # the program ended between the intent and its outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the item goes. outcome is SORTED or ABSTAINED; reason is set exactly when it abstained."""

    outcome: Outcome
    label: str
    confidence: float
    compartment: str
    compartment_confidence: float
    reason: str | None
    top: tuple[LabelProbability, ...]  # every label, best first
    votes: int


@dataclass(frozen=True, slots=True)
class FlapReport:
    """What a flap did. ok is False when the move failed, took too long or was stopped; problem says which."""

    ok: bool
    ms: float
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of monotonic time. total runs from the frame that showed something new to the flap back at rest."""

    settle: float = 0.0
    inference: float = 0.0
    decide: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answered."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SortEvent:
    """One item, as it is stored and published.

    event_id: the same whenever the event comes again.
    seq: one more for each item of a bin; a gap means a loss.
    time: RFC 3339, UTC.
    clock_synced: whether to believe the time.
    label: the likeliest one.
    confidence: how likely the label is (0..1).
    compartment: where it went.
    compartment_confidence: how likely it belongs there (0..1).
    reason: why it is not simply sorted; null where it is.
    top: every label, the likeliest first.
    votes: how many pictures were looked at.
    flap: what the flap did; null where none moved.
    image: null; kept for later.
    """

    event_id: str
    bin_id: str
    seq: int
    time: str
    clock_synced: bool
    outcome: Outcome
    label: str
    confidence: float
    compartment: str
    compartment_confidence: float
    reason: str | None
    top: tuple[LabelProbability, ...]
    votes: int
    flap: FlapReport | None
    timing_ms: Timing
    model: ModelId
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """What an item really was, as somebody said afterwards. Of several for one event the newest counts.

    event_id: of the event that it corrects.
    time: when it was said; RFC 3339, UTC.
    clock_synced: whether to believe the time.
    label: what it was; not-an-item where it was none.
    """

    event_id: str
    bin_id: str
    time: str
    clock_synced: bool
    label: str
