"""The Containerfile's steps in a Debian as debootstrap makes it, as its user; then it is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from containerfile import Image, steps
from nspawn import NEEDED, SUITE, Card, rootfs_or_skip, wait_until

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
SAMPLE = "edge/samples/glass-green-bottle.jpg"
ASK = f"""
import sys, urllib.request
picture = open("{SAMPLE}", "rb").read()
sys.stdout.write(urllib.request.urlopen("http://127.0.0.1:7860/api/v1/classify", picture).read().decode())
"""


def test_lines_are_joined_and_comments_left_out() -> None:
    assert list(steps("# no\nFROM a\nRUN b \\\n  c\n\ncmd [1]")) == [("FROM", "a"), ("RUN", "b    c"), ("CMD", "[1]")]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip would fetch, for the Python in there."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += project["project"]["optional-dependencies"]["desktop"]
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--python-version", PYTHONS[SUITE], *wanted]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def image(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with Card(rootfs_or_skip(), tmp_path_factory.mktemp("card")) as card:
        made = Image(card.root, CHECKOUT, wheels)
        made.build((CHECKOUT / "Containerfile").read_text())
        yield made


@contextmanager
def started(image: Image) -> Iterator[subprocess.Popen[bytes]]:
    """CMD, in there; ended afterwards."""
    with subprocess.Popen(image.inside(*image.command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as nspawn:
        try:
            yield nspawn
        finally:
            nspawn.terminate()


def within(nspawn: subprocess.Popen[bytes]) -> list[int]:
    """The processes out here that process 1 has begun in there; while it starts also helpers that soon end."""
    return [pid for init in begun_by(nspawn.pid) for pid in begun_by(init)]


def begun_by(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []


def ask(pid: int, image: Image, *command: str) -> subprocess.CompletedProcess[str]:
    clean = ("env", "-i", *(f"{key}={value}" for key, value in image.environ.items()))
    inside = ("nsenter", "-a", "-t", str(pid), f"--wdns={image.folder}", *clean)
    return subprocess.run([*inside, *command], text=True, capture_output=True, check=False, timeout=60)


class TestBuilt:
    pytestmark = NEEDED

    def test_it_is_healthy_and_classifies_as_a_user_who_may_little(self, image: Image) -> None:
        assert image.port == 7860
        with started(image) as nspawn:
            wait_until(lambda: any(ask(pid, image, *image.health).returncode == 0 for pid in within(nspawn)), 60)
            (pid,) = within(nspawn)
            status = Path(f"/proc/{pid}/status").read_text()
            assert re.findall(r"^Uid:\s+(\d+)", status, re.M) == ["1000"]
            done = ask(pid, image, "python", "-c", ASK)
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["label"] == "glass"
            assert re.findall(r"0\.0\.0\.0|00000000:1EB4", Path(f"/proc/{pid}/net/tcp").read_text()), "for everybody"
