"""Many connections at once, and slow ones, against `smartbin serve` and a bin's page: `python tests/bench/flood.py`.

It says what they were told, what the server had open and how much memory it took, how long an item took the bin
meanwhile, and how soon an honest client was answered. Who floods runs here too, at a low priority.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import web
from bin_process import BinProcess, config_text
from broker_fixtures import free_port, wait_until
from flooding import Told, children_of, dribble, family_mb, files_of, flood, many_files, request

PICTURE = next(web.SAMPLES.glob("glass*.jpg")).read_bytes()
CLASSIFY = request("POST", "/api/v1/classify", PICTURE)
SLOW_HEAD = b"POST /api/v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n"
NICE = 10  # of who floods; a bin sorts at 0, and its page has 19
LIMIT = 1024  # files, as a service has them


def main() -> int:
    """Print some lines a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=2_000, help="connections that send a byte a second")
    parser.add_argument("--items", type=int, default=12, help="how many, alone and disturbed")
    args = parser.parse_args()
    with many_files(2 * max(args.connections, args.slow)) as may:
        count, slow = min(args.connections, may - 200), min(args.slow, may - 200)
        of_serve(count, slow)
        with tempfile.TemporaryDirectory() as folder:
            of_a_bin(Path(folder), count, slow, args.items)
    return 0


def of_serve(count: int, slow: int) -> None:
    """The API alone."""
    port = free_port()
    command = [sys.executable, "-m", "edge", "serve", "--port", str(port)]
    with web.running(command) as pid:
        wait_until(lambda: web.answers(port, "/healthz"), web.STARTS_WITHIN_S)
        limit_files(pid)
        attacked("serve", pid, port, [CLASSIFY, request("GET", "/api/v1/model")], count)
        dribbled("serve", port, "/api/v1/model", slow)


def of_a_bin(folder: Path, count: int, slow: int, items: int) -> None:
    """Its page, while it sorts."""
    port = free_port()
    text = config_text(web.MODEL, web.SAMPLES, 1, folder, loop=True).replace('pace = "fast"', 'pace = "real"\nfps = 10')
    bin_ = BinProcess(folder, text.replace("[mqtt]", f"[web]\nenabled = true\nport = {port}\n[mqtt]\nenabled = false"))
    bin_.start()
    os.nice(NICE)
    try:
        wait_until(lambda: web.answers(port, "/api/v1/state"), web.STARTS_WITHIN_S)
        bin_.wait_for_items(2)
        alone = web.sorted_next(bin_, port, items)
        pid = children_of(bin_.pid)[0]
        limit_files(pid)
        many = [CLASSIFY, request("GET", "/api/v1/state")]
        with again_and_again(lambda: attacked("page", pid, port, many, count)):
            beside = web.sorted_next(bin_, port, items)
        web.compare(alone, beside)
        with again_and_again(lambda: dribbled("page", port, "/api/v1/state", slow)):
            beside = web.sorted_next(bin_, port, items)
        web.compare(alone, beside)
    finally:
        bin_.kill()


def attacked(name: str, pid: int, port: int, many: list[bytes], count: int) -> None:
    """All at once."""
    before, most, over = (files_of(pid), family_mb(pid)), Counter[str](), Event()

    def look() -> None:
        while not over.wait(0.2):
            most["files"] = max(most["files"], files_of(pid))
            most["mb"] = max(most["mb"], round(family_mb(pid)))

    looking = Thread(target=look)
    looking.start()
    began_s = time.perf_counter()
    told = flood(port, many, count)
    took_s = time.perf_counter() - began_s
    over.set()
    looking.join()
    wait_until(lambda: files_of(pid) <= before[0] + 8, 30)
    print(f"{name}   {count} at once in {took_s:.1f} s: {said(told)}")
    print(f"{name}   files {before[0]}, at most {most['files']}, {files_of(pid)} afterwards")
    print(
        f"{name}   memory {before[1]:.0f} MB (PSS), at most {most['mb']} MB, {family_mb(pid):.0f} MB afterwards",
        flush=True,
    )


def dribbled(name: str, port: int, path: str, count: int) -> None:
    """Slow ones, and an honest client among them."""

    async def both() -> tuple[Told, list[float]]:
        stop, told, times_s = asyncio.Event(), Counter[str](), list[float]()
        slow = asyncio.create_task(dribble(port, [SLOW_HEAD, SLOW_HEAD + b"\r\n", b""], count, stop))
        await asyncio.sleep(5)  # until they are there
        for _ in range(20):
            began_s = time.perf_counter()
            told += await asyncio.to_thread(flood, port, [request("GET", path)], 1)
            times_s.append(time.perf_counter() - began_s)
        stop.set()
        await slow
        return told, times_s

    told, times_s = asyncio.run(both())
    half, most = statistics.median(times_s), max(times_s)
    print(f"{name}   among {count} slow ones: {said(told)} in {half:.2f} s (median), {most:.2f} s at most", flush=True)


@contextmanager
def again_and_again(what: Callable[[], None]) -> Iterator[None]:
    over = Event()

    def work() -> None:
        what()
        while not over.is_set():
            what()

    working = Thread(target=work)
    working.start()
    try:
        yield
    finally:
        over.set()
        working.join()


def said(told: Told) -> str:
    return ", ".join(f"{count} times {status}" for status, count in sorted(told.items()))


def limit_files(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


if __name__ == "__main__":
    sys.exit(main())
