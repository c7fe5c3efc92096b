from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tinymodel import COLOURS, tiny_tflite

from convert.modelfolder import Description, write
from edge import manifest
from edge.adapters.litert import LiteRtClassifier
from edge.errors import ModelError
from edge.manifest import Outputs, Provenance

_DESCRIPTION = Description(
    name="tiny-colours",
    version="2.0.0",
    created="2026-11-24T12:00:00Z",
    backbone="none",
    labels=tuple(COLOURS),
    licence="Apache-2.0",
    temperature=1.5,
    metrics={"test_label_accuracy": 0.95432, "test_pictures": 1000, "split": "by near-duplicate group"},
    provenance=Provenance(data=("ten colours",), licences=("CC0-1.0",), command="make colours", recipe={"seed": 0}),
)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_the_pi_takes_what_was_packaged(tmp_path: Path, dtype: str) -> None:
    folder = tmp_path / "models" / "tiny"

    written = write(tiny_tflite(dtype), _DESCRIPTION, folder)

    classifier = LiteRtClassifier(folder)
    assert classifier.manifest == written == manifest.load(folder)
    assert int(np.argmax(classifier.classify(np.full((9, 9, 3), (0, 0, 255), np.uint8)).logits)) == 7
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.json", "model.tflite"]
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"], "no scratch folder is left"


def test_what_the_file_says_itself_is_read_from_it(tmp_path: Path) -> None:
    written = write(tiny_tflite(), _DESCRIPTION, tmp_path / "tiny")

    assert (written.input.height, written.input.width, written.input.dtype) == (32, 32, "int8")
    assert written.outputs == Outputs(logits=0, embedding=1)


def test_the_logits_are_told_from_the_embedding_by_their_width(tmp_path: Path) -> None:
    twelve = Description("t", "1", "2026-11-24", "none", tuple("abcdefghijkl"), "Apache-2.0")

    assert write(tiny_tflite(), twelve, tmp_path / "tiny").outputs == Outputs(logits=1, embedding=0)


def test_the_card_says_what_was_measured_and_where_it_comes_from(tmp_path: Path) -> None:
    write(tiny_tflite(), _DESCRIPTION, tmp_path / "tiny")

    card = (tmp_path / "tiny" / "README.md").read_text()

    assert card.startswith("# tiny-colours 2.0.0\n")
    for text in ("| test_label_accuracy | 0.9543 |", "| test_pictures | 1000 |", "- ten colours", "- CC0-1.0"):
        assert text in card
    assert "    make colours\n" in card


def test_a_newer_package_replaces_the_older_one_whole(tmp_path: Path) -> None:
    write(tiny_tflite(), _DESCRIPTION, tmp_path / "tiny")
    (tmp_path / "tiny" / "verify.json").write_text("{}")

    write(tiny_tflite("float32"), _DESCRIPTION, tmp_path / "tiny")

    assert manifest.load(tmp_path / "tiny").input.dtype == "float32"
    assert not (tmp_path / "tiny" / "verify.json").exists(), "it measured another model"


@pytest.mark.parametrize(
    ("tflite", "labels", "complaint"),
    [
        (tiny_tflite(), tuple("abc"), r"\(1, 3\) logits.*its outputs are \(1, 10\), \(1, 12\)\. Check the labels"),
        (tiny_tflite(), ("a",) * 10, "labels: .*named twice: a"),
        (tiny_tflite("float32", nan=True), tuple(COLOURS), "answers NaN"),
        (tiny_tflite()[:500], tuple(COLOURS), "cannot be loaded"),
        (b"", tuple(COLOURS), "not a TensorFlow Lite model"),
    ],
)
def test_a_model_that_the_pi_would_refuse_replaces_nothing(
    tmp_path: Path, tflite: bytes, labels: tuple[str, ...], complaint: str
) -> None:
    write(tiny_tflite(), _DESCRIPTION, tmp_path / "tiny")
    before = _files(tmp_path / "tiny")

    with pytest.raises(ModelError, match=complaint):
        write(tflite, Description("new", "1", "2026-11-24", "none", labels, "Apache-2.0"), tmp_path / "tiny")

    assert _files(tmp_path / "tiny") == before
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()

    with pytest.raises(ModelError, match="photos: there is something that is not a model folder"):
        write(tiny_tflite(), _DESCRIPTION, tmp_path / "photos")

    assert _files(tmp_path / "photos") == {"1.jpg": b""}


def test_the_manifest_is_plain_json(tmp_path: Path) -> None:
    write(tiny_tflite(), _DESCRIPTION, tmp_path / "tiny")

    document = json.loads((tmp_path / "tiny" / "model.json").read_text())

    assert (document["schema"], document["temperature"], document["file"]) == (1, 1.5, "model.tflite")
    assert document["provenance"]["recipe"] == {"seed": 0}
