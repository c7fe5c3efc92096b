"""Clients that are slow, silent or many, against the real server on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.adapters.listening import listen
from edge.web.crowd import Crowd
from edge.web.door import MOST_CONNECTIONS, ROOM_FROM, Door
from edge.web.hearing import Hearing
from edge.web.patience import PatientProtocol
from edge.web.serving import Server, configured

ASKED = b"GET / HTTP/1.1\r\nHost: b\r\n\r\n"
WITHIN_S = 60.0


@dataclass(frozen=True)
class Running:
    server: Server
    port: int

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    async def connect(self, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(said)
        return reader, writer


@asynccontextmanager
async def running(app: ASGIApp, most: int = MOST_CONNECTIONS, room_from: int = ROOM_FROM) -> AsyncIterator[Running]:
    with listen("127.0.0.1", 0, "port") as listener:
        server = Server(configured(app), lambda: None, partial(Door, most=most, room_from=room_from))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield Running(server, listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving


def says(body: bytes) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    return app


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * WITHIN_S):
            await test()

    asyncio.run(bounded())


@contextmanager
def deaf(port: int) -> Iterator[socket.socket]:
    """A client that takes hardly anything."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", port))
        line.sendall(ASKED)
        yield line


def test_who_never_reads_the_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "read_within_s", 0.1)

    async def test() -> None:
        async with running(says(b"x" * 20_000_000)) as it:
            with deaf(it.port):
                await until(lambda: it.server.server_state.total_requests == 1)
                await until(lambda: it.connections == 0)

    run(test)


def test_who_reads_slowly_but_reads_gets_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "read_within_s", WITHIN_S)

    async def test() -> None:
        async with running(says(b"x" * 5_000_000)) as it:
            reader, writer = await it.connect(ASKED)
            got = 0
            while got < 5_000_000:
                got += len(await reader.read(50_000))
                await asyncio.sleep(0)
            writer.close()

    run(test)


def test_of_many_who_say_nothing_the_first_give_way_and_who_asks_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.door.PATIENCE_S", 0.0)

    async def test() -> None:
        async with running(says(b"fine"), room_from=4) as it:
            silent = [await it.connect() for _ in range(4)]
            await until(lambda: it.connections == 4)
            reader, writer = await it.connect(ASKED)
            assert (await reader.readline()).endswith(b"200 OK\r\n")
            assert await silent[0][0].read() == b"", "the one that waited longest"
            assert it.connections == 4
            for _, one in [*silent, (reader, writer)]:
                one.close()

    run(test)


def test_who_finds_no_room_waits_at_the_door_and_is_answered_when_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.door.AT_ONCE", 1)

    async def test() -> None:
        async with running(says(b"fine"), most=4) as it:
            silent = [await it.connect() for _ in range(4)]
            await until(lambda: it.connections == 4)
            late = [asyncio.create_task(asked(it)) for _ in range(20)]
            await asyncio.sleep(0)
            assert it.connections == 4
            silent[0][1].close()
            assert await asyncio.gather(*late) == [b"HTTP/1.1 200 OK"] * 20
            for _, one in silent:
                one.close()

    run(test)


async def asked(it: Running) -> bytes:
    reader, writer = await it.connect(ASKED)
    status = (await reader.readline()).strip()
    writer.close()
    return status


class Waiting:
    """A door.Guest."""

    def __init__(self, since_s: float | None, left: list[float | None]) -> None:
        self.waits_since_s, self._left = since_s, left

    def leave(self) -> None:
        self._left.append(self.waits_since_s)


def test_who_has_waited_longest_leaves_and_who_is_answered_or_has_just_come_does_not() -> None:
    left: list[float | None] = []
    guests = [Waiting(since_s, left) for since_s in (3.0, None, 1.0, 2.0, 9.5)]
    door = Door(lambda: guests, room_from=3)
    door.make_room(10.0, 1)
    assert left == [1.0]
    left.clear()
    door.make_room(10.0, 5)
    assert left == [1.0, 2.0], "no more than are too many"
    left.clear()
    Door(lambda: guests, room_from=0).make_room(10.0, 5)
    assert left == [1.0, 2.0, 3.0]
    left.clear()
    Door(lambda: guests, most=5, room_from=0).make_room(10.0, 5)
    assert left == [1.0, 2.0, 3.0, 9.5], "when it is full"


# An answer before the request has ended


def test_who_is_refused_while_still_sending_reads_why() -> None:
    body = b"x" * 3_000_000
    head = b"POST / HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def test() -> None:
        async with running(Hearing(says(b"no"))) as it:
            reader, writer = await it.connect(head + body)
            await writer.drain()
            assert (await reader.read()).endswith(b"\r\n\r\nno")
            writer.close()

    run(test)


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"])
def test_who_never_ends_is_answered_all_the_same(more: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.hearing.WITHIN_S", 60.0 if more else 0.01)

    async def test() -> None:
        async with running(Hearing(says(b"no"))) as it:
            reader, writer = await it.connect(b"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n" + more + b"\r\n")
            assert (await reader.readline()).endswith(b"200 OK\r\n")
            writer.close()

    run(test)


# How many are answered at a time


def test_nonsense_that_follows_an_answer_ends_the_line_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(says(b"no")) as there:  # reads nothing of the request
            reader, writer = await there.connect(ASKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
            assert (await reader.readuntil(b"no")).startswith(b"HTTP/1.1 200 ")
            writer.write(b"no chunk\r\n")
            assert await reader.read() == b""
            writer.close()
            await until(lambda: not there.connections)

    run(test)
    assert not caplog.records


def test_nonsense_that_comes_just_before_the_answer_has_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        ready = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await ready.wait()
            await says(b"no")(scope, receive, send)

        async with running(app) as there:
            reader, writer = await there.connect(ASKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
            await until(lambda: bool(there.server.server_state.tasks))
            (connection,) = there.server.server_state.connections
            assert isinstance(connection, PatientProtocol)
            ready.set()
            connection.data_received(b"no chunk\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()

    run(test)
    assert not caplog.records


def test_who_comes_to_a_crowd_is_told_to_come_back_and_the_next_is_answered() -> None:
    async def test() -> None:
        let_go = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await let_go.wait()
            await says(b"fine")(scope, receive, send)

        crowd = Crowd(slow, most=2)
        inside = [asyncio.create_task(ask(crowd, "/")) for _ in range(2)]
        await asyncio.sleep(0)
        told = await ask(crowd, "/")
        assert told[0]["status"] == 503
        assert dict(told[0]["headers"])[b"content-type"] == b"application/problem+json"
        assert dict(told[0]["headers"])[b"retry-after"] == b"2"
        well = asyncio.create_task(ask(crowd, "/healthz"))
        let_go.set()
        assert [(await task)[0]["status"] for task in (*inside, well)] == [200] * 3
        assert (await ask(crowd, "/"))[0]["status"] == 200

    run(test)


async def ask(app: ASGIApp, path: str) -> list[Message]:
    answer = list[Message]()

    async def send(message: Message) -> None:
        answer.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": "http", "path": path, "method": "GET", "headers": []}, receive, send)
    return answer


def test_who_is_not_answered_before_the_server_ends_is_told_to_come_back(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def test() -> None:
        async with running(Crowd(app)) as there:
            reader, writer = await there.connect(ASKED)
            await until(lambda: bool(there.server.server_state.tasks))
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"application/problem+json" in answer and b"\r\nretry-after: " in answer.lower()

    run(test)
    assert "Traceback" not in caplog.text
