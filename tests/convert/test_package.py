"""From a run and a .tflite file to a model folder, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tinymodel import Colour, tiny_tflite

from convert import data
from convert.calibrate import calibrated
from convert.cli import main
from convert.modelfolder import Description
from convert.split import ROBUST, TEST, VALIDATION, Item
from edge import manifest
from edge.adapters.litert import LiteRtClassifier

_PALETTE: dict[str, Colour] = {"metal": (150, 160, 170), "paper": (220, 210, 190), "plastic": (60, 110, 200)}
_DRAFT = Description("made-up", "1.2.3", "2026-11-24", "none", tuple(_PALETTE), "Apache-2.0", metrics={"note": "tiny"})


@pytest.fixture(scope="module")
def tflite() -> bytes:
    return tiny_tflite(palette=_PALETTE)


def test_the_temperature_is_fitted_and_the_held_out_are_measured(small_set: Path, tflite: bytes) -> None:
    dataset = data.load(small_set)

    described = calibrated(tflite, _DRAFT, dataset)

    # The tiny model is far too sure of these pictures: its logits must be made milder.
    assert 1.5 < described.temperature <= 5.0
    assert described.metrics["note"] == "tiny"
    assert described.metrics["test_pictures"] == len(dataset.indices(TEST))
    label = described.metrics["test_label_accuracy"]
    assert isinstance(label, float)
    assert 0.4 < label < 1.0
    assert described.metrics["test_compartment_accuracy"] == 1.0, "all three go the same way"
    assert not any(name.startswith(("validation", "robust")) for name in described.metrics)


@pytest.mark.parametrize(("folder", "name"), [("bin-camera", "bin-camera"), ("test", "robust-test")])
def test_every_folder_of_robustness_pictures_is_measured_by_name(
    folder: str, name: str, small_set: Path, tflite: bytes
) -> None:
    dataset = data.load(small_set)
    elsewhere = [
        Item(f"{folder}/{i.label}/{n}.png", i.label, ROBUST, i.sha256, 1000 + n, ROBUST)
        for n, i in enumerate(dataset.items)
        if i.split == VALIDATION
    ]
    numbers = iter(elsewhere)
    moved = tuple(next(numbers) if i.split == VALIDATION and n % 2 else i for n, i in enumerate(dataset.items))
    mixed = data.Dataset(moved, dataset.labels, dataset.truth, dataset.pictures)

    metrics = calibrated(tflite, _DRAFT, mixed).metrics

    assert metrics[f"{name}_pictures"] == len(mixed.indices(ROBUST))
    assert metrics[f"{name}_compartment_accuracy"] == 1.0
    assert metrics["test_pictures"] == len(mixed.indices(TEST))


@pytest.fixture
def run(small_set: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    note = {
        "dataset": str(small_set),
        "labels": list(_PALETTE),
        "recipe": {"model": {"backbone": "efficientnet-lite2", "weights": "none"}},
        "command": "smartbin-convert train set --out run",
    }
    (folder / "run.json").write_text(json.dumps(note))
    return folder


def test_the_step_makes_a_folder_that_the_bin_takes(run: Path, tflite: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tflite)
    words = [
        "--name",
        "my-bin",
        "--version",
        "2.0.0",
        "--licence",
        "MIT",
        "--data",
        "blobs",
        "--data-licence",
        "CC0-1.0",
    ]

    code = main(["package", str(run), str(tmp_path / "model.tflite"), *words, "--out", str(tmp_path / "my-bin")])

    assert code == 0
    made = manifest.load(tmp_path / "my-bin")
    assert (made.name, made.version, made.licence, made.backbone) == ("my-bin", "2.0.0", "MIT", "efficientnet-lite2")
    assert (made.provenance.data, made.provenance.licences) == (("blobs",), ("CC0-1.0",))
    assert made.provenance.command == "smartbin-convert train set --out run"
    assert made.provenance.recipe["seed"] == 0
    assert made.temperature > 1.5
    answer = LiteRtClassifier(tmp_path / "my-bin").classify(np.full((9, 9, 3), _PALETTE["paper"], np.uint8))
    assert int(np.argmax(answer.logits)) == 1
    assert made.unknown is not None
    assert "| test_label_accuracy |" in (tmp_path / "my-bin" / "README.md").read_text()


def test_a_file_that_is_not_there(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["package", str(run), str(tmp_path / "gone.tflite"), "--name", "a", "--out", str(tmp_path / "a")]

    assert main(words) == 2
    assert "gone.tflite: No such file or directory. Give the file that `quantize` wrote." in capsys.readouterr().err


def test_a_model_of_other_labels(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ten.tflite").write_bytes(tiny_tflite())

    assert main(["package", str(run), str(tmp_path / "ten.tflite"), "--name", "a", "--out", str(tmp_path / "a")]) == 4
    assert "(1, 3) logits, one for each label" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_a_name_that_no_folder_or_topic_should_have(
    run: Path, tflite: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(tflite)

    code = main(["package", str(run), str(tmp_path / "model.tflite"), "--name", "my bin", "--out", str(tmp_path / "a")])

    assert code == 2
    assert "--name: letters, digits and . _ - alone, as my-bin, not 'my bin'." in capsys.readouterr().err
