"""The pinned packages are those that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted((CHECKOUT / "systemd").glob("requirements-*.txt"))
AGAIN = "run `make lock`"


def test_there_is_a_file_for_each_raspberry_pi_os() -> None:
    assert [path.name for path in FILES] == ["requirements-3.11.txt", "requirements-3.13.txt"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_every_dependency_is_pinned_with_a_hash(path: Path) -> None:
    text = path.read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE))
    assert len(pinned) == text.count("=="), "each has its hash"
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    for wanted in map(Requirement, project["dependencies"]):
        assert wanted.name in pinned, f"{wanted.name}: {AGAIN}"
        assert wanted.specifier.contains(pinned[wanted.name]), f"{wanted}: {AGAIN}"
    assert "numpy" not in pinned, "apt's, beside which OpenCV and picamera2 are built"
    assert not {"tensorflow", "tensorflow-cpu", "keras", "torch"} & set(pinned), "a Pi trains nothing"
