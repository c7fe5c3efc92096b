"""What the loop needs from the world, one small Protocol a role.

edge.testing has a fake of each, edge.adapters the real ones.

Every port is a context manager or has close(); closing twice is fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge.model import (
    Box,
    Correction,
    Decision,
    Fault,
    FlapReport,
    Frame,
    Pixels,
    Prediction,
    Problem,
    Signal,
    SortEvent,
)


class Camera(Protocol):
    """Looks at the tray."""

    def open(self) -> None:
        """Take the device. Raises CameraError when it is not there."""

    def frames(self) -> Iterator[Frame | Fault]:
        """Frames for as long as there are any.

        While the camera does not deliver, a Fault comes about once a second instead, so that the loop keeps turning;
        the adapter reopens the device by itself. Ends only when the source does (a replay that does not loop).
        """

    def close(self) -> None:
        """Give the device back."""


class Trigger(Protocol):
    """Says whether an item lies on the tray."""

    def observe(self, frame: Frame) -> Signal:
        """Take in one frame and say what it shows. Raises TriggerError where that cannot be told now."""

    def close(self) -> None:
        """Give back pins, if any."""


class Classifier(Protocol):
    """Says what an item is."""

    def classify(self, rgb: Pixels) -> Prediction:
        """rgb: uint8 (height, width, 3) of any size, already cut to the item. Raises ModelError."""

    def close(self) -> None:
        """Free the interpreter."""


class Flap(Protocol):
    """All flaps of the bin, addressed by compartment."""

    def sort(self, compartment: str) -> FlapReport:
        """Open the way to a compartment, let the item fall, return to rest. Returns within the configured maximum.

        A move that fails or takes too long is reported as ok=False, with the flaps driven to rest. A hand in the chute
        or an opened door stops it at once, with nothing driven at all: rest() once it is gone.
        """

    @property
    def at_rest(self) -> bool:
        """Whether every flap is where nothing falls. At start it is not while something is in the way."""

    def rest(self) -> bool:
        """Drive every flap to rest. Safe at any moment. False when one did not get there, or may not move."""

    def blocked(self) -> Problem | None:
        """What is in the way of every move: a hand in the chute, an open door. Cheap; asked with every frame."""

    def close(self) -> None:
        """rest(), then give the pins back."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message waiting in the outbox: its number and the JSON to publish below the bin's prefix.

    seq: of an event its own; of a correction, which has none, a number below 0.
    """

    seq: int
    payload: bytes
    topic: str = "event"


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """queued: events that wait for the broker. dropped: events lost to the size cap since the outbox was made.

    damage: what happened to a file that had to be set aside since this program started. since_emptied: items that fell
    into each compartment since somebody emptied it; a compartment without one is not named.
    """

    queued: int
    dropped: int
    last_seq: int
    damage: str | None = None
    since_emptied: Mapping[str, int] = field(default_factory=dict)


class Outbox(Protocol):
    """Events on disk until the broker has acknowledged them. Every method raises OutboxError when the disk fails."""

    def begin(self, event: SortEvent) -> SortEvent:
        """Commit the intent to sort; the flap may move once this returned. Gives the event its seq.

        An intent that never gets finish() is found at the next start and becomes ready as `interrupted`.
        """

    def finish(self, event: SortEvent) -> None:
        """Commit the outcome of an intent; from now on it is ready. Calling it again with the same event is fine."""

    def correct(self, correction: Correction) -> None:
        """Commit what somebody said of an event; it is ready at once."""

    def ready(self, after_seq: int, limit: int) -> Sequence[Stored]:
        """Finished events with seq > after_seq, oldest first; after them, where the limit allows, corrections."""

    def remove(self, seqs: Sequence[int]) -> None:
        """Forget what the broker acknowledged."""

    def emptied(self, compartment: str | None) -> None:
        """Commit that a compartment, or with None every one, holds nothing any more."""

    def stats(self) -> OutboxStats:
        """Cheap; called every few seconds."""

    def close(self) -> None:
        """Flush and close."""


class Publisher(Protocol):
    """A broker connection that never blocks the loop. Connects and reconnects by itself in the background."""

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance now."""

    @property
    def connects(self) -> int:
        """How often it has connected so far. When this changes, what is retained is due again."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with the connection and what to check; None while it is fine."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Hand over one message at QoS 1; the topic is relative to the bin's prefix.

        Returns a token, or None when the message cannot be taken now.
        """

    def acknowledged(self) -> Sequence[int]:
        """Tokens that the broker acknowledged since the last call. Refused ones come back from refused() instead."""

    def refused(self) -> Sequence[int]:
        """Tokens that failed or whose connection was lost for good: publish them again later."""

    def close(self) -> None:
        """Publish `offline`, disconnect cleanly, within a second."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message on cmd/<name>. retained: the broker kept it from earlier. payload: may be cut when far too long."""

    name: str
    payload: bytes
    retained: bool = False


class Inbox(Protocol):
    """Commands for the bin. Never blocks."""

    def take(self) -> Received | None:
        """The oldest one that was not taken yet."""

    def reply(self, name: str, payload: bytes) -> bool:
        """Publish on reply/<name>. False when it cannot be taken now: try again later."""

    def show(self, jpeg: bytes) -> bool:
        """Publish the tray on `picture`, not retained. False when it cannot be taken now."""


class Keeper(Protocol):
    """Keeps what somebody shows the bin in teach mode."""

    def keep(self, frame: Frame, box: Box, prediction: Prediction, label: str) -> str:
        """Put the item within the box on disk, with its label. Returns its id; within seconds, for the loop waits.

        Raises SiteError: the disk does not take it.
        """


class Notifier(Protocol):
    """Tells the service manager how things are."""

    def ready(self, status: str) -> None:
        """Start-up is over."""

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""

    def progress(self) -> None:
        """A frame was handled: feed the watchdog (rate-limited by the adapter)."""

    def stopping(self) -> None:
        """A clean stop began."""


class Observer(Protocol):
    """Watches, and cannot stop or change anything: the terminal view, later the page. Must return at once."""

    def saw(self, frame: Frame, signal: Signal) -> None:
        """Called for every frame."""

    def decided(self, frame: Frame, box: Box, votes: Sequence[Prediction], decision: Decision) -> None:
        """Called once it is known where an item goes, before anything moves; frame is the one of the last vote.

        box: where on it the item lies, the whole of it where that is not known. Called again for the same item when
        the disk refused the intent.
        """

    def handled(self, event: SortEvent, frame: Frame) -> None:
        """Called when an item was dealt with; frame is the one it was last classified on."""
