"""No pinned package has a known weakness that a newer version is without; and that the audit would find one.

pip-audit itself is run. Where no database of weaknesses can be reached, the real question is skipped; a database of
this computer, which speaks as OSV does, shows what the answers would bring.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from broker_fixtures import free_port

AUDIT = Path(__file__).resolve().parents[2] / "systemd" / "audit.py"
NO_ANSWER = 75
CANARY = ("urllib3", "1.24.1")
PINS = 'paho-mqtt==2.2.0 \\\n    --hash=sha256:00\nrich==15.0.0 ; python_version < "4" \\\n    --hash=sha256:00\n'

Reply = Callable[[str, str], tuple[int, Any]]


def audit(*arguments: object, timeout_s: float = 280) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(AUDIT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.mark.slow
def test_no_pinned_package_has_a_weakness_that_a_newer_one_is_without() -> None:
    try:
        done = audit()
    except subprocess.TimeoutExpired:
        pytest.skip("no database of weaknesses answered in time")
    if done.returncode == NO_ANSWER:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


# Against a database of one's own


def weak(package: str, fixed: str | None) -> dict[str, Any]:
    """As OSV writes it."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": "GHSA-test", "aliases": ["CVE-2026-1"], "summary": "bad", "affected": [affected]}


def knowing(package: str, fixed: str | None) -> Reply:
    """A database that knows of the canary, and of a weakness of one package."""

    def reply(name: str, version: str) -> tuple[int, Any]:
        if (name, version) == CANARY:
            return 200, {"vulns": [weak(name, "2.0")]}
        return 200, {"vulns": [weak(name, fixed)]} if name == package else {}

    return reply


@contextmanager
def database(reply: Reply) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Its address, and what it was asked: name and version."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((question["package"]["name"], question["version"]))
            status, found = reply(*asked[-1])
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of pins, of which one package has two versions."""
    (tmp_path / "a.txt").write_text(PINS)
    (tmp_path / "b.txt").write_text(PINS.replace("15.0.0", "14.0.0"))
    return [tmp_path / "a.txt", tmp_path / "b.txt"]


def asked_of(reply: Reply, files: list[Path], *more: object) -> subprocess.CompletedProcess[str]:
    with database(reply) as (url, _):
        return audit(*files, "--osv-url", url, *more)


def test_every_pinned_version_is_asked_about(files: list[Path]) -> None:
    with database(knowing("none", None)) as (url, asked):
        done = audit(*files, "--osv-url", url)
    assert done.returncode == 0, done.stderr
    assert sorted(asked) == [("paho-mqtt", "2.2.0"), ("rich", "14.0.0"), ("rich", "15.0.0"), CANARY]


def test_every_pin_of_ours_is_asked_about() -> None:
    with database(knowing("none", None)) as (url, asked):
        assert audit("--osv-url", url).returncode == 0
    pinned = {
        tuple(line.split()[0].split("=="))
        for path in AUDIT.parent.glob("requirements-*.txt")
        for line in path.read_text().splitlines()
        if "==" in line
    }
    assert len(pinned) > 20
    assert pinned <= set(asked)


def test_a_weakness_that_a_newer_version_is_without_fails_and_is_named(files: list[Path]) -> None:
    done = asked_of(knowing("paho-mqtt", "2.3.0"), files)
    assert done.returncode == 1
    assert "paho-mqtt 2.2.0: CVE-2026-1 (GHSA-test); fixed in 2.3.0" in done.stdout
    assert "make lock" in done.stdout


def test_a_weakness_without_a_fix_is_told_and_does_not_fail(files: list[Path]) -> None:
    done = asked_of(knowing("paho-mqtt", None), files)
    assert done.returncode == 0, done.stderr
    assert "no fix    paho-mqtt 2.2.0: CVE-2026-1" in done.stdout


def test_an_accepted_one_is_told_with_its_reason_and_does_not_fail(files: list[Path], tmp_path: Path) -> None:
    accepted = tmp_path / "accepted.toml"
    accepted.write_text('"CVE-2026-1" = "we never call it"\n')
    done = asked_of(knowing("paho-mqtt", "2.3.0"), files, "--accepted", accepted)
    assert done.returncode == 0, done.stderr
    assert "we never call it" in done.stdout
    accepted.write_text('"CVE-2026-1" = ""\n')
    assert asked_of(knowing("paho-mqtt", "2.3.0"), files, "--accepted", accepted).returncode == 2


@pytest.mark.parametrize(
    "reply",
    [
        lambda *_: (200, {}),
        lambda *_: (429, {}),
        lambda *_: (404, {}),
        lambda *_: (503, b"busy"),
        lambda *_: (200, b"<html>Log in to this network</html>"),
        lambda name, _: (200, {"vulns": [weak(name, "2.0")]}) if name == CANARY[0] else (429, {}),
    ],
    ids=["knows nothing", "too many requests", "not found", "busy", "a page", "gives up midway"],
)
def test_no_answer_is_neither_fine_nor_a_weakness(reply: Reply, files: list[Path]) -> None:
    done = asked_of(reply, files)
    assert done.returncode == NO_ANSWER, done.stdout + done.stderr
    assert "no database of weaknesses answers here" in done.stderr


def test_a_database_that_is_not_there_is_no_answer_either(files: list[Path]) -> None:
    assert audit(*files, "--osv-url", f"http://127.0.0.1:{free_port()}/v1/query").returncode == NO_ANSWER


def test_a_file_that_is_not_there_is_no_weakness(tmp_path: Path) -> None:
    done = audit(tmp_path / "requirements.txt")
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path / 'requirements.txt'}: No such file or directory\n"


def test_a_file_without_pins_is_no_clean_file(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("paho-mqtt>=2\n")
    done = audit(tmp_path / "none.txt", "--osv-url", "http://127.0.0.1:1/")
    assert (done.returncode, "nothing is pinned" in done.stderr) == (2, True)
