"""What a bin is taught with: from a set to the folder of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from madeup import picture
from tinymodel import Colour, tiny_tflite

from convert import bank, data, modelfolder
from convert.cli import main
from convert.modelfolder import Description
from convert.split import VALIDATION
from edge import manifest
from edge.adapters.litert import LiteRtClassifier
from edge.errors import ModelError
from edge.model import Pixels, Prediction
from edge.preprocess import fit
from edge.teach import own_layer

_PALETTE: dict[str, Colour] = {"metal": (150, 160, 170), "paper": (220, 210, 190), "plastic": (60, 110, 200)}


def _packaged(folder: Path, labels: Sequence[str] = tuple(_PALETTE)) -> Path:
    draft = Description("made-up", "1.2.3", "2026-11-24", "none", tuple(labels), "Apache-2.0")
    modelfolder.write(tiny_tflite(palette=_PALETTE), draft, folder)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return _packaged(tmp_path / "model")


def test_the_step_gives_a_bank_to_a_model_and_leaves_the_rest(small_set: Path, model: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    dataset = data.load(small_set)

    assert main(["bank", str(model), "--set", str(small_set)]) == 0

    found = manifest.load_bank(model, manifest.load(model))
    assert found is not None
    assert int(found.held_out.sum()) == len(dataset.indices(VALIDATION))
    assert {path.name for path in model.iterdir()} == {*before, "bank.npz"}
    assert all((model / name).read_bytes() == content for name, content in before.items() if name != "model.json")
    LiteRtClassifier(model).close()


def test_the_layer_in_it_answers_as_the_model_does(small_set: Path, model: Path) -> None:
    classifier, dataset = LiteRtClassifier(model), data.load(small_set)

    found = bank.bank(classifier, dataset)

    layer = own_layer(found, len(_PALETTE))
    for index in dataset.indices(VALIDATION):
        prediction = classifier.classify(dataset.pictures[int(index)])
        assert prediction.embedding is not None
        assert np.allclose(layer.logits(prediction.embedding[np.newaxis])[0], prediction.logits, atol=0.5)  # 8 bits
    classifier.close()


class Wide:
    """A classifier with more features than the set has pictures, as every real one with a small set."""

    def __init__(self, like: LiteRtClassifier) -> None:
        random = np.random.default_rng(0)
        self.manifest = like.manifest
        self._into = random.normal(size=(8 * 8 * 3, 100)).astype(np.float32)
        self.weights = random.normal(size=(100, len(_PALETTE))).astype(np.float32)

    def classify(self, rgb: Pixels) -> Prediction:
        embedding = np.maximum(fit(rgb, 8, 8).reshape(-1) / np.float32(255) @ self._into, 0)
        return Prediction(embedding @ self.weights, embedding, inference_ms=0)


def test_a_set_of_fewer_pictures_than_features_gives_the_layer_too(small_set: Path, model: Path) -> None:
    wide, dataset = Wide(LiteRtClassifier(model)), data.load(small_set)

    found = bank.bank(wide, dataset)  # type: ignore[arg-type] # it is all that is asked of one

    layer, unseen = own_layer(found, len(_PALETTE)), wide.classify(picture((90, 90, 90), np.random.default_rng(1)))
    assert unseen.embedding is not None
    assert np.allclose(layer.logits(unseen.embedding[np.newaxis])[0], unseen.logits, atol=0.1)


def test_a_second_bank_replaces_the_first(small_set: Path, model: Path) -> None:
    assert main(["bank", str(model), "--set", str(small_set)]) == 0
    assert main(["bank", str(model), "--set", str(small_set)]) == 0

    assert manifest.load_bank(model, manifest.load(model)) is not None


def test_labels_of_another_model_are_refused(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _packaged(tmp_path / "other", ["glass", "paper", "plastic"])

    assert main(["bank", str(other), "--set", str(small_set)]) == 2

    assert "not the model's" in capsys.readouterr().err
    assert not (other / "bank.npz").exists()


def test_a_model_that_was_imported_may_have_its_labels_in_another_order(small_set: Path, tmp_path: Path) -> None:
    other = _packaged(tmp_path / "other", tuple(_PALETTE)[::-1])
    assert main(["bank", str(other), "--set", str(small_set)]) == 0
    found, dataset = manifest.load_bank(other, manifest.load(other)), data.load(small_set)
    assert found is not None
    held = [dataset.items[int(i)].label for i in dataset.indices(VALIDATION)]
    assert [tuple(_PALETTE)[::-1][int(i)] for i in found.truth[found.held_out]] == held


def test_no_model_there_is_said(small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bank", str(tmp_path / "none"), "--set", str(small_set)]) == 4

    assert "model.json" in capsys.readouterr().err


def test_a_damaged_bank_is_refused(small_set: Path, model: Path) -> None:
    assert main(["bank", str(model), "--set", str(small_set)]) == 0
    (model / "bank.npz").write_bytes(b"nothing")

    with pytest.raises(ModelError, match=r"bank\.npz.*sha256"):
        manifest.load_bank(model, manifest.load(model))
