from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinymodel import write_tiny_model

from edge import manifest, novelty
from edge.errors import ModelError
from edge.novelty import Statistics


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


def _change(folder: Path, **changes: Any) -> None:
    path = folder / manifest.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_dumped_is_loaded(folder: Path) -> None:
    loaded = manifest.load(folder)

    assert manifest.Manifest.model_validate_json(manifest.dump(loaded)) == loaded
    assert json.loads(manifest.dump(loaded))["schema"] == 1


def test_the_id_is_what_events_carry(folder: Path) -> None:
    loaded = manifest.load(folder)

    assert (loaded.id.name, loaded.id.version, loaded.id.sha256) == ("tiny-colours", "1.0.0", loaded.sha256)


def test_the_content_is_what_was_hashed(folder: Path) -> None:
    _, content = manifest.load_with_content(folder)

    assert content == (folder / "model.tflite").read_bytes()


@pytest.mark.parametrize("keep", [0, 100, 1303])
def test_a_cut_file_is_refused(folder: Path, keep: int) -> None:
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(ModelError, match=r"model\.tflite: sha256 is .* model\.json expects .* copy the whole"):
        manifest.load(folder)


def test_a_swapped_file_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other", "float32")
    (folder / "model.tflite").write_bytes((other / "model.tflite").read_bytes())

    with pytest.raises(ModelError, match="belongs to another model"):
        manifest.load(folder)


@pytest.mark.parametrize("name", ["model.tflite", "model.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(ModelError, match=rf"{name}: No such file.*check the path"):
        manifest.load(folder)


def test_a_file_instead_of_a_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match="Not a directory"):
        manifest.load(folder / "model.tflite")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}', "\xff"])
def test_text_that_is_no_manifest(folder: Path, text: str) -> None:
    (folder / "model.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(ModelError, match=r"model\.json: "):
        manifest.load(folder)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": 2}, "schema: Input should be 1"),
        ({"labels": ["a", "b", "a"]}, "labels: .*named twice: a"),
        ({"labels": ["a"]}, "labels: .*at least 2"),
        ({"labels": ["a", ""]}, r"labels\.1: "),
        ({"file": "../other/model.tflite"}, "file: "),
        ({"sha256": "ab12"}, "sha256: "),
        ({"temperature": 0}, "temperature: .*greater than 0"),
        ({"temperature": float("nan")}, "temperature: "),
        ({"input": {"height": 0, "width": 8, "dtype": "int8"}}, r"input\.height: "),
        ({"input": {"height": 8, "width": 8, "dtype": "int4"}}, r"input\.dtype: "),
        ({"input": {"height": 8, "width": 8, "dtype": "int8", "colour": "BGR"}}, r"input\.colour: .*'RGB'"),
        ({"input": {"height": 8, "width": 8, "dtype": "int8", "high": 1}}, r"input\.high: .*255"),
        ({"outputs": {"logits": -1}}, r"outputs\.logits: "),
        ({"lables": []}, "lables: Extra"),
    ],
)
def test_every_mistake_is_named(folder: Path, changes: dict[str, Any], complaint: str) -> None:
    _change(folder, **changes)

    with pytest.raises(ModelError, match=complaint):
        manifest.load(folder)


def test_all_mistakes_come_at_once(folder: Path) -> None:
    _change(folder, temperature=-1, labels=[])

    with pytest.raises(ModelError, match=r"labels: .*temperature: "):
        manifest.load(folder)


@pytest.fixture
def knowing(folder: Path) -> Path:
    """The same with statistics."""
    content = novelty.to_bytes(Statistics(np.eye(12, dtype=np.float32)[:, :3]))
    (folder / "unknown.npz").write_bytes(content)
    _change(folder, unknown={"sha256": hashlib.sha256(content).hexdigest(), "threshold": 0.4})
    return folder


def test_the_statistics_are_read(knowing: Path) -> None:
    found = manifest.load_novelty(knowing, manifest.load(knowing))

    assert found is not None
    assert (found.threshold, found.statistics.basis.shape) == (0.4, (12, 3))


def test_a_model_without_statistics_is_fine(folder: Path) -> None:
    assert manifest.load_novelty(folder, manifest.load(folder)) is None
    assert "unknown" in json.loads(manifest.dump(manifest.load(folder)))


def test_statistics_that_are_gone_are_missed(knowing: Path) -> None:
    (knowing / "unknown.npz").unlink()

    with pytest.raises(ModelError, match=r"unknown\.npz: No such file"):
        manifest.load(knowing)


def test_damaged_statistics_are_refused(knowing: Path) -> None:
    path = knowing / "unknown.npz"
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ModelError, match=r"unknown\.npz: sha256 is .* copy the whole"):
        manifest.load(knowing)


def test_something_else_in_their_place_is_refused(knowing: Path) -> None:
    (knowing / "unknown.npz").write_bytes(b"?")
    _change(knowing, unknown={"sha256": hashlib.sha256(b"?").hexdigest(), "threshold": 0.4})

    with pytest.raises(ModelError, match=r"unknown\.npz: not a \.npz .* Package the model again"):
        manifest.load(knowing)


def test_statistics_without_an_embedding_make_no_sense(knowing: Path) -> None:
    _change(knowing, outputs={"logits": 0})

    with pytest.raises(ModelError, match=r"outputs\.embedding is not given"):
        manifest.load(knowing)


def test_a_method_that_is_not_known_is_refused(knowing: Path) -> None:
    _change(knowing, unknown={"method": "guess", "sha256": "0" * 64, "threshold": 0.4})

    with pytest.raises(ModelError, match=r"unknown\.method"):
        manifest.load(knowing)
