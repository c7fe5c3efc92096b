"""What a viewer is told as it happens."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from test_patience import ASKED, Running, run, running, until

from edge.feed import Kind, Packet
from edge.testing import FakeClock
from edge.web import view
from edge.web.bin_pages import BinParts, routes
from edge.web.guard import Guard
from edge.web.history import History
from edge.web.tray import Tray
from edge.web.view import View


def test_a_viewer_hears_something_also_where_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "BEAT_S", 0.01)

    async def heard() -> list[bytes]:
        seen = View(on_item=(), tray=Tray(lambda: None, FakeClock()))
        seen.take(Packet(Kind.STATE, b'{"a":1}'))
        lines = seen.live()
        first = [await anext(lines) for _ in range(3)]
        seen.take(Packet(Kind.STATE, b'{"a":2}'))
        return [*first, await anext(lines)]

    beginning, state, beat, later = asyncio.run(heard())
    assert beginning.startswith(b"retry: ")
    assert state == b'event: state\ndata: {"a": 1}\n\n'
    assert beat == b"event: beat\ndata: {}\n\n", "with data, else no page hears it"
    assert later == b'event: state\ndata: {"a":2}\n\n'


@asynccontextmanager
async def page(folder: Path) -> AsyncIterator[Running]:
    """Of a bin, its API alone; the model's card is `card` in the folder."""
    seen = View(on_item=(), tray=Tray(lambda: None, FakeClock()))
    seen.take(Packet(Kind.STATE, b'{"a":1}'))
    with closing(History(folder / "history.db")) as history:
        parts = BinParts(seen, history, lambda _: True, Guard(None), folder / "card")
        async with running(Starlette(routes=routes(parts))) as there:
            yield there


def ask(method: str, path: str) -> bytes:
    return f"{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def test_who_asks_for_the_head_alone_is_no_viewer(tmp_path: Path) -> None:
    async def test() -> None:
        async with page(tmp_path) as there:
            reader, writer = await there.connect(ask("HEAD", "live") + ask("GET", "state"))
            assert b"text/event-stream" in await reader.readuntil(b"\r\n\r\n")
            assert (await reader.readuntil(b'{"a":1}')).startswith(b"HTTP/1.1 200 ")
            writer.close()

    run(test)


@pytest.mark.parametrize(("card", "told"), [(b"Gl\xe4ser", "Gl\ufffdser"), (None, "This model has no card.")])
def test_a_card_is_shown_as_far_as_it_can_be_read(tmp_path: Path, card: bytes | None, told: str) -> None:
    if card is not None:
        (tmp_path / "card").write_bytes(card)

    async def test() -> None:
        async with page(tmp_path) as there:
            reader, writer = await there.connect(ask("GET", "card"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(len(told.encode())) == told.encode()
            writer.close()

    run(test)


def test_a_line_that_is_cut_while_much_is_told_is_not_written_into(caplog: pytest.LogCaptureFixture) -> None:
    seen = View(on_item=(), tray=Tray(lambda: None, FakeClock()))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(seen.live())(scope, receive, send)

    async def test() -> None:
        async with running(app) as there:
            reader, writer = await there.connect(ASKED)
            await reader.readuntil(b"retry: 2000\n\n")
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            writer.transport.abort()
            for number in range(view.BEHIND):
                seen.take(Packet(Kind.STATE, b'{"a":%d}' % number))
            await until(lambda: not there.connections)

    run(test)
    assert "socket.send()" not in caplog.text
