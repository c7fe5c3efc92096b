"""What the page shows now, as the bin last told it, and who is to be told when it changes. For one event loop."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from edge.feed import Kind, Packet
from edge.web.tray import Tray

PICTURES_KEPT = 50
MOST_VIEWERS = 64
BEHIND = 20  # messages that a slow viewer may be behind; then it misses some
BEAT_S = 15.0

Told = tuple[str, str]  # event and data of a server-sent event


@dataclass
class View:
    """Fed by take(). on_item, on_correction: who is given every one. pictures: JPEGs of the last items by event_id."""

    on_item: Sequence[Callable[[dict[str, Any]], None]]
    tray: Tray
    on_correction: Callable[[dict[str, Any]], None] = lambda _: None
    state: dict[str, Any] | None = None
    pictures: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    replies: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _viewers: set[asyncio.Queue[Told | None]] = field(default_factory=set)
    _seen: str | None = None

    def take(self, packet: Packet) -> None:
        """One packet from the bin."""
        match packet.kind:
            case Kind.STATE:
                self.state = json.loads(packet.text)
                self._tell("state", packet.text)
            case Kind.ITEM:
                event = json.loads(packet.text)
                self._keep(event["event_id"], packet.data)
                for hear in self.on_item:
                    hear(event)
                self._tell("item", packet.text)
            case Kind.CORRECTION:
                self.on_correction(json.loads(packet.text))
                self._tell("correction", packet.text)
            case Kind.SEEN if (text := packet.text.decode()) != self._seen:
                self._seen = text
                self._tell("seen", packet.text)
            case Kind.TRAY:
                self.tray.take(packet.data)
            case Kind.REPLY:
                self._answer(json.loads(packet.text))

    @property
    def crowded(self) -> bool:
        """Whether no further viewer is let in."""
        return len(self._viewers) >= MOST_VIEWERS

    async def live(self) -> AsyncIterator[bytes]:
        """Server-sent events: the state first, then all that happens; a beat where nothing does: silence is a fault."""
        with self._viewer() as queue:
            yield b"retry: 2000\n\n"
            while True:
                try:
                    async with asyncio.timeout(BEAT_S):
                        told = await queue.get()
                except TimeoutError:
                    yield b"event: beat\ndata: {}\n\n"
                    continue
                if told is None:
                    return
                await asyncio.sleep(0)  # a line that was cut is noticed; else asyncio warns of each message into it
                yield f"event: {told[0]}\ndata: {told[1]}\n\n".encode()

    def end(self) -> None:
        """Nobody is told anything more."""
        for queue in self._viewers:
            _put(queue, None)

    @contextmanager
    def _viewer(self) -> Iterator[asyncio.Queue[Told | None]]:
        queue: asyncio.Queue[Told | None] = asyncio.Queue(BEHIND)
        if self.state is not None:
            queue.put_nowait(("state", json.dumps(self.state)))
        if self._seen is not None:
            queue.put_nowait(("seen", self._seen))
        self._viewers.add(queue)
        try:
            yield queue
        finally:
            self._viewers.discard(queue)

    def _tell(self, event: str, data: bytes) -> None:
        for queue in self._viewers:
            _put(queue, (event, data.decode()))

    def _keep(self, event_id: str, picture: bytes) -> None:
        self.pictures[event_id] = picture
        while len(self.pictures) > PICTURES_KEPT:
            self.pictures.popitem(last=False)

    def _answer(self, reply: dict[str, Any]) -> None:
        waiting = self.replies.pop(str(reply.get("id")), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)


def _put(queue: asyncio.Queue[Told | None], told: Told | None) -> None:
    """In the place of the oldest where the viewer is behind."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(told)
