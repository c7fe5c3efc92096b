"""What the page and the API cost and carry, measured here and now: `python tests/bench/web.py`.

memory: of a bin's page (PSS): at rest, while it is asked about pictures (its second process has the model), and again
once that has ended.
sorting: how long an item takes, and the model's part of it, alone and with ten viewers and a flood of pictures.
serve: requests a second of `smartbin serve`, and of Flask with Keras's `predict` where those are installed.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bin_process import REPOSITORY, BinProcess, config_text
from broker_fixtures import free_port, wait_until
from flooding import children_of, family_mb, pss_mb

from edge.web.bin_server import TIDY_EVERY_S
from edge.web.judge_child import IDLE_S

SAMPLES = REPOSITORY / "edge" / "samples"
MODEL = REPOSITORY / "models" / "garbage10-efficientnet-lite2"
VIEWERS, FLOODERS = 10, 8
ASKING = 4  # clients at a time
STARTS_WITHIN_S = 120.0
GIVEN_BACK_WITHIN_S = IDLE_S + 3 * TIDY_EVERY_S


def main() -> int:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20, help="how many, alone and disturbed")
    parser.add_argument("--requests", type=int, default=60, help="for each server")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        of_a_bin(Path(folder), args.items)
    of_servers(args.requests)
    return 0


def of_a_bin(folder: Path, count: int) -> None:
    """Memory and sorting."""
    port = free_port()
    text = config_text(MODEL, SAMPLES, 1, folder, loop=True).replace('pace = "fast"', 'pace = "real"\nfps = 10')
    bin_ = BinProcess(folder, text.replace("[mqtt]", f"[web]\nenabled = true\nport = {port}\n[mqtt]\nenabled = false"))
    bin_.start()
    try:
        wait_until(lambda: answers(port, "/api/v1/state"), STARTS_WITHIN_S)
        bin_.wait_for_items(2)
        web = children_of(bin_.pid)[0]
        tell_memory("nothing asked yet", web)
        alone = sorted_next(bin_, port, count)
        with disturbed(port) as flood:
            beside = sorted_next(bin_, port, count)
            tell_memory(f"with {VIEWERS} viewers and the flood", web)
        tell_memory("with the model, the flood is over", web)
        wait_until(lambda: not children_of(web), GIVEN_BACK_WITHIN_S)
        tell_memory("given back", web)
    finally:
        bin_.kill()
    compare(alone, beside)
    print(f"flood   {', '.join(f'{n} times {status}' for status, n in sorted(flood.items()))}", flush=True)


def tell_memory(when: str, web: int) -> None:
    """Of the web process, and of the one that it has for pictures."""
    print(f"memory  {family_mb(web):6.1f} MB (PSS), {pss_mb(web):.1f} MB of it the web process: {when}", flush=True)


def compare(alone: list[dict[str, Any]], beside: list[dict[str, Any]]) -> None:
    """How long the items took: all of it, and the classifier's part."""
    for name in ("total", "inference"):
        before, after = (statistics.median(event["timing_ms"][name] for event in events) for events in (alone, beside))
        print(f"{name:9} {before:7.1f} ms alone, {after:7.1f} ms disturbed: ratio {after / before:.2f}", flush=True)


def sorted_next(bin_: BinProcess, port: int, count: int) -> list[dict[str, Any]]:
    """The events of the next items."""
    bin_.wait_for_items(bin_.items + count, 60 + 10.0 * count)
    status, content = ask(port, "GET", f"/api/v1/events?limit={count}")
    assert status == 200, content
    events: list[dict[str, Any]] = json.loads(content)["events"]
    return events


@contextmanager
def disturbed(port: int) -> Iterator[dict[int, int]]:
    """Viewers and a flood of pictures, each flooder from an address of its own. Yields the answers by status."""
    stop, counts, picture = threading.Event(), dict[int, int](), next(SAMPLES.glob("glass*.jpg")).read_bytes()

    def view() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/api/v1/live")
        with connection.getresponse() as stream:
            while not stop.is_set() and stream.readline():
                pass

    def flood(number: int) -> None:
        while not stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                status, _ = ask(port, "POST", "/api/v1/classify", picture, source=f"127.0.0.{number + 2}")
                counts[status] = counts.get(status, 0) + 1

    threads = [threading.Thread(target=view) for _ in range(VIEWERS)]
    threads += [threading.Thread(target=flood, args=(number,)) for number in range(FLOODERS)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(35)


def of_servers(count: int) -> None:
    """Requests a second, in turn on the same machine."""
    ports = free_port(), free_port()
    serve = [sys.executable, "-m", "edge", "serve", "--port", str(ports[0]), "--rate", "100000"]
    with running(serve):
        wait_until(lambda: answers(ports[0], "/healthz"), STARTS_WITHIN_S)
        ours = per_second(count, lambda: post_form(ports[0], "/api/v1/classify"))
    print(f"serve   {ours:6.1f} requests a second of `smartbin serve`, {ASKING} clients", flush=True)
    if not all(importlib.util.find_spec(name) for name in ("flask", "keras", "tensorflow")):
        print("serve   not compared: Flask and Keras are not installed (pip install '.[bench]')")
        return
    with running([sys.executable, str(Path(__file__).with_name("flask_server.py")), str(ports[1])]):
        wait_until(lambda: answers(ports[1], "/"), STARTS_WITHIN_S)
        theirs = per_second(count, lambda: post_form(ports[1], "/predict"))
    print(f"serve   {theirs:6.1f} of Flask with Keras, EfficientNetV2S: {ours / theirs:.1f} times as many")


@contextmanager
def running(command: Sequence[str]) -> Iterator[int]:
    """Its process."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def per_second(count: int, one: Callable[[], int]) -> float:
    """After two to warm up. Every answer must be 200."""
    assert {one(), one()} == {200}
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(one() for _ in range(count // ASKING))) for _ in range(ASKING)
    ]
    began_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(threads) * (count // ASKING), "a request failed"
    return len(statuses) / (time.perf_counter() - began_s)


def post_form(port: int, path: str) -> int:
    """One sample as the field `file`. Returns the status."""
    boundary = uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
    picture = next(SAMPLES.glob("glass*.jpg")).read_bytes()
    body = head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + picture + f"\r\n--{boundary}--\r\n".encode()
    return ask(port, "POST", path, body, kind=f"multipart/form-data; boundary={boundary}")[0]


def ask(
    port: int, method: str, path: str, body: bytes | None = None, *, source: str = "127.0.0.1", kind: str = "image/jpeg"
) -> tuple[int, bytes]:
    """Status and content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, body, {"Content-Type": kind} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answers(port: int, path: str) -> bool:
    """Whether there is a server yet, and it does not say that it is not ready."""
    with suppress(OSError):
        return ask(port, "GET", path)[0] < 500
    return False


if __name__ == "__main__":
    sys.exit(main())
