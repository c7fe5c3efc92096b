"""`smartbin serve` as a user starts it: a real process, real requests, more of them than it takes."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from broker_fixtures import wait_until
from flooding import Told, dribble, files_of, flood, many_files, pss_mb, request

from edge.cli import main
from edge.web.serving import address

SAMPLES = Path(__file__).resolve().parents[2] / "edge" / "samples"


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and where it listens."""
    command = [sys.executable, "-m", "edge", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.match(r"(http://\S+)/", line)
            assert found, (line, process.stderr.read() if process.stderr else "")
            yield process, found[1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving() as (_, url):
        yield url


def post(url: str, content: bytes) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/classify", content), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.slow
def test_it_answers_as_the_command_does(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = SAMPLES / "glass-green-bottle.jpg"
    assert main(["classify", "--json", str(picture)]) == 0
    printed = json.loads(capsys.readouterr().out)
    status, verdict = post(server, picture.read_bytes())
    assert (status, verdict) == (200, {**printed, "file": "image"})


@pytest.mark.slow
def test_a_flood_gets_answers_or_is_told_to_wait_and_it_lives_on(server: str) -> None:
    picture = (SAMPLES / "metal-drink-can.jpg").read_bytes()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: post(server, picture)[0], range(300)))
    assert set(answers) <= {200, 429, 503}
    assert answers.count(200) >= 20
    with urllib.request.urlopen(f"{server}/healthz", timeout=60) as answer:
        assert answer.read() == b"ok\n"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_more_at_once_than_it_may_have_files_are_all_told_something(tiny_model: Path) -> None:
    many = [request("GET", "/api/v1/model"), request("POST", "/api/v1/classify", b"no picture" * 5000)]
    with many_files(3000) as may, serving("--model", str(tiny_model)) as (process, url):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (700, 700))
        port = int(url.rpartition(":")[2])
        files, memory = files_of(process.pid), pss_mb(process.pid)
        told = flood(port, many, min(1500, may - 200))
        assert set(told) <= {"200", "415", "429", "503"}, told
        assert told["200"], told
        wait_until(lambda: files_of(process.pid) <= files + 2, 30)
        assert pss_mb(process.pid) < memory + 150
        assert post(url, b"x")[0] in (415, 429)


@pytest.mark.slow
def test_slow_clients_keep_nobody_out(tiny_model: Path) -> None:
    async def attacked(port: int) -> Told:
        stop = asyncio.Event()
        head = b"POST /api/v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n"
        slow = asyncio.create_task(dribble(port, [head, head + b"\r\n"], 400, stop))
        told: Told = Counter()
        for _ in range(5):
            told += await asyncio.to_thread(flood, port, [request("GET", "/api/v1/model"), request("GET", "/")], 20)
        stop.set()
        await slow
        return told

    with many_files(3000), serving("--model", str(tiny_model)) as (_, url):
        assert asyncio.run(attacked(int(url.rpartition(":")[2]))) == {"200": 100}


@pytest.mark.slow
def test_nonsense_on_the_line_ends_that_line_only(server: str) -> None:
    host, port = server.removeprefix("http://").split(":")
    for nonsense in (
        b"\0" * 1000,
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(nonsense)
            assert line.recv(100).startswith(b"HTTP/1.1 400")
    with urllib.request.urlopen(f"{server}/healthz", timeout=60) as answer:
        assert answer.status == 200


@pytest.mark.slow
def test_no_path_leads_to_a_file_that_is_no_page(server: str) -> None:
    """As it goes over the line: a client of a library would tidy them up."""
    port = int(server.rpartition(":")[2])
    up = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "....//", "%252e%252e%252f", "./../")
    paths = [
        f"/pages/{step * times}{name}" for step in up for times in (1, 3, 8) for name in ("server.py", "etc/passwd")
    ]
    paths += ["/pages//etc/passwd", "/pages/%2fetc%2fpasswd", "/pages/app.css%00.py", "/pages/app.css/..", "/pages/."]
    paths += [
        "//etc/passwd",
        "/../../etc/passwd",
        "http://127.0.0.1/pages/../server.py",
        "/pages/texts.en.json/../../x",
    ]
    assert flood(port, [request("GET", path) for path in paths], len(paths)) == {"404": len(paths)}
    assert flood(port, [request("GET", "/pages/app.css")], 1) == {"200": 1}


@pytest.mark.slow
def test_it_stops_when_asked_and_the_password_is_not_in_its_arguments(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("sesame\n")
    with serving("--password-file", str(secret)) as (process, url):
        assert post(url, b"x")[0] == 401
        assert "sesame" not in Path(f"/proc/{process.pid}/cmdline").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


def test_what_cannot_be_listened_on_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "(Address already in use); choose another --port or --host\n" in capsys.readouterr().err
    assert main(["serve", "--host", "bin..local"]) == 2
    assert "cannot listen on bin..local:8080 (" in capsys.readouterr().err
    assert main(["serve", "--rate", "0"]) == 2
    assert main(["serve", "--password-file", "/nowhere"]) == 2


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1", "http://127.0.0.1:{}/"),
        ("0.0.0.0", "http://localhost:{}/"),
        ("::1", "http://[::1]:{}/"),
        ("bin.local", "http://bin.local:{}/"),
    ],
)
def test_where_it_is_told_to_be_is_an_address_that_a_browser_takes(host: str, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert address(host, listener) == told.format(listener.getsockname()[1])
