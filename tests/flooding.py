"""Many clients of a server at a time, all honest or none of them: for tests of floods and to measure one."""

from __future__ import annotations

import asyncio
import resource
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

PATIENCE_S = 120.0  # of one client: a line that was refused is tried again by the kernel for about a minute
PROBLEM = b"content-type: application/problem+json"
Told = Counter[str]


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """As it goes over the line, which ends after its answer."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}Connection: close\r\n\r\n".encode() + body


def flood(port: int, requests: Sequence[bytes], count: int, addresses: int = 200) -> Told:
    """`count` connections at once, the requests in turn, from so many addresses. How often each status came.

    "wrong 503": one without a problem or the time to wait. "reset", "silent": a line that ended without an answer.
    """
    told: Told = Counter()
    deadline_s = time.monotonic() + PATIENCE_S
    with selectors.DefaultSelector() as waiting:
        for number, said in enumerate(islice(cycle(requests), count)):
            place = number % addresses
            _begin(waiting, port, f"127.0.{1 + place // 250}.{1 + place % 250}", said, told)
            _go_on(waiting, told, 0.0)  # who is let in speaks at once, as if it were a machine of its own
        while waiting.get_map() and time.monotonic() < deadline_s:
            _go_on(waiting, told, 0.1)
        for key in list(waiting.get_map().values()):
            told["silent"] += 1
            _end(waiting, key.data.line)
    return told


@dataclass
class _Client:
    line: socket.socket
    to_say: memoryview
    heard: bytes = b""


def _begin(waiting: selectors.BaseSelector, port: int, address: str, said: bytes, told: Told) -> None:
    line = socket.socket()
    line.setblocking(False)
    try:
        line.bind((address, 0))
        line.connect_ex(("127.0.0.1", port))
    except OSError as error:
        told[f"not asked ({error.strerror})"] += 1
        line.close()
        return
    waiting.register(line, selectors.EVENT_WRITE, _Client(line, memoryview(said)))


def _go_on(waiting: selectors.BaseSelector, told: Told, within_s: float) -> None:
    for key, _ in waiting.select(within_s):
        client: _Client = key.data
        try:
            if client.to_say:
                client.to_say = client.to_say[client.line.send(client.to_say) :]
                if not client.to_say:
                    waiting.modify(client.line, selectors.EVENT_READ, client)
                continue
            if heard := client.line.recv(65536):
                client.heard += heard
                continue
            told[_judged(client.heard)] += 1
        except ConnectionError:
            told["reset"] += 1
        _end(waiting, client.line)


def _end(waiting: selectors.BaseSelector, line: socket.socket) -> None:
    waiting.unregister(line)
    line.close()


def _judged(answer: bytes) -> str:
    head = answer.partition(b"\r\n\r\n")[0].lower()
    status = head[9:12].decode()
    if status in ("429", "503") and not (PROBLEM in head and b"\nretry-after:" in head):
        return f"wrong {status}"
    return status or "silent"


async def dribble(port: int, beginnings: Sequence[bytes], count: int, stop: asyncio.Event) -> None:
    """So many lines on which a request begins, goes on by a byte a second and never ends; again where one is cut."""

    async def one(said: bytes) -> None:
        while not stop.is_set():
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(5):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(said)
                while not stop.is_set() and not writer.is_closing():
                    await asyncio.sleep(1)
                    writer.write(b"x")
                    await writer.drain()
                writer.close()

    await asyncio.gather(*(one(said) for said in islice(cycle(beginnings), count)))


@contextmanager
def many_files(wanted: int) -> Iterator[int]:
    """Lets this process open so many, as far as the system lets it. Yields how many it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    may = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (may, hard))
    try:
        yield may
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def files_of(pid: int) -> int:
    """How many it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children_of(pid: int) -> list[int]:
    """Those that it has started and not yet buried."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


def family_mb(pid: int) -> float:
    """The memory of a process and of all that came from it, each as pss_mb()."""
    return pss_mb(pid) + sum(map(family_mb, children_of(pid)))


def pss_mb(pid: int) -> float:
    """Its memory, a share of what it has in common with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
