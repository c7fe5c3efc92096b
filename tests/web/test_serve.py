"""`smartbin serve` as a user starts it: a real process, real requests, more of them than it takes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.cli import main

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
    assert "choose another --port" in capsys.readouterr().err
    assert main(["serve", "--rate", "0"]) == 2
    assert main(["serve", "--password-file", "/nowhere"]) == 2
