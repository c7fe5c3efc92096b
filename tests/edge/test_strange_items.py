"""A model that tells unknown things, from its folder to what the commands say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinymodel import COLOURS, SIDE_PX, write_tiny_model

from edge import novelty
from edge.cli import main
from edge.manifest import Unknown
from edge.novelty import Statistics

# It was "trained" on blue alone, and looks at the mean colour of four quarters.
_BLUE = np.tile([0, 0, 0.5], 4).astype(np.float32)
_STATISTICS = novelty.to_bytes(Statistics(_BLUE[:, np.newaxis]))
_CONFIG = """
[bin]
id = "test"
[camera]
source = "replay"
path = "."
[model]
path = "model"
[policy]
{policy}
[flaps]
driver = "mock"
[compartments.recycling]
labels = ["cardboard", "glass", "metal", "paper", "plastic", "biological", "clothes", "shoes"]
pin = 12
[compartments.hazard]
labels = ["battery"]
pin = 13
[compartments.landfill]
labels = ["trash"]
default = true
pin = 16
[mqtt]
enabled = false
"""


def write_strange_model(folder: Path, statistics: bytes = _STATISTICS) -> None:
    """A model that tells unknown things."""
    unknown = Unknown(sha256=hashlib.sha256(statistics).hexdigest(), threshold=0.5)
    write_tiny_model(folder, unknown=unknown)
    (folder / unknown.file).write_bytes(statistics)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_strange_model(tmp_path / "model")
    for label in ("plastic", "battery"):
        Image.fromarray(np.full((SIDE_PX, SIDE_PX, 3), COLOURS[label], np.uint8)).save(tmp_path / f"{label}.png")
    return tmp_path


def _classified(folder: Path, capsys: pytest.CaptureFixture[str], policy: str = "") -> list[dict[str, Any]]:
    (folder / "config.toml").write_text(_CONFIG.format(policy=policy))
    files = [str(folder / f"{label}.png") for label in ("plastic", "battery")]
    assert main(["classify", "--json", "--config", str(folder / "config.toml"), *files]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_it_never_saw_goes_to_the_default_compartment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plastic, battery = _classified(folder, capsys)

    assert (plastic["outcome"], plastic["compartment"]) == ("sorted", "recycling")
    assert (battery["outcome"], battery["compartment"]) == ("abstained", "landfill")
    assert battery["reason"] == "unknown: like nothing it was trained on (2.00 above 1.00)"
    assert battery["label"] == "battery", "what it would have said is still told"


@pytest.mark.parametrize("policy", ["unknown = false", "unknown_above = 2.1"])
def test_the_configuration_can_let_it_pass(folder: Path, capsys: pytest.CaptureFixture[str], policy: str) -> None:
    assert [answer["outcome"] for answer in _classified(folder, capsys, policy)] == ["sorted", "sorted"]


def test_check_config_misses_the_statistics(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.toml").write_text(_CONFIG.format(policy=""))
    (folder / "model" / "unknown.npz").unlink()

    assert main(["check-config", "--config", str(folder / "config.toml")]) == 4
    assert "unknown.npz: No such file or directory" in capsys.readouterr().err


def test_statistics_of_another_model_are_said_before_the_first_item(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_strange_model(folder / "model", novelty.to_bytes(Statistics(np.eye(4, 2, dtype=np.float32))))
    (folder / "config.toml").write_text(_CONFIG.format(policy=""))

    assert main(["run", "--config", str(folder / "config.toml")]) == 4
    assert "of 4 features, the model gives 12" in capsys.readouterr().err
