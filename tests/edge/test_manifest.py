from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tinymodel import write_tiny_model

from edge import manifest
from edge.errors import ModelError


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
