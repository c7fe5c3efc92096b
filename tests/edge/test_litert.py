from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinymodel import COLOURS, write_tiny_model

from edge.adapters import litert
from edge.adapters.litert import LiteRtClassifier
from edge.errors import ModelError
from edge.manifest import Input, Outputs
from edge.model import Pixels


def _plain(colour: tuple[int, int, int], height: int = 48, width: int = 64) -> Pixels:
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_it_names_colours_whatever_the_type(tmp_path: Path, dtype: str) -> None:
    classifier = LiteRtClassifier(write_tiny_model(tmp_path, dtype))

    predictions = [classifier.classify(_plain(colour)) for colour in COLOURS.values()]

    assert [classifier.manifest.labels[int(np.argmax(p.logits))] for p in predictions] == list(COLOURS)
    assert all(p.logits.dtype == np.float32 and p.logits.shape == (10,) for p in predictions)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_the_embedding_is_real_values(tmp_path: Path, dtype: str) -> None:
    embedding = LiteRtClassifier(write_tiny_model(tmp_path, dtype)).classify(_plain((255, 128, 0))).embedding

    assert embedding is not None
    assert embedding.dtype == np.float32
    assert embedding.tolist() == [255, 128, 0] * 4


def test_int8_and_float_agree(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (100, 80, 3), dtype=np.uint8)
    answers = [LiteRtClassifier(write_tiny_model(tmp_path / t, t)).classify(noise).logits for t in ("int8", "float32")]

    assert np.abs(answers[0] - answers[1]).max() < 2.0


def test_a_model_without_embedding(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, outputs=Outputs(logits=0))

    assert LiteRtClassifier(folder).classify(_plain((0, 0, 0))).embedding is None


def test_the_answer_is_kept_when_the_next_one_comes(tiny_model: Path) -> None:
    classifier = LiteRtClassifier(tiny_model)

    first = classifier.classify(_plain((255, 0, 0)))
    before = first.logits.copy()
    classifier.classify(_plain((0, 0, 255)))

    assert np.array_equal(first.logits, before)


def test_it_has_run_before_the_first_item(tiny_model: Path) -> None:
    ticks = iter(range(100))

    LiteRtClassifier(tiny_model, clock=lambda: float(next(ticks)))

    assert next(ticks) == 2, "one answer, timed at both ends"


def test_the_time_is_in_milliseconds(tiny_model: Path) -> None:
    ticks = iter([0.0, 1.0, 5.0, 5.25])

    assert LiteRtClassifier(tiny_model, clock=lambda: next(ticks)).classify(_plain((0, 0, 0))).inference_ms == 250


def test_zero_threads_means_every_core(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = litert._runtime()

    def interpreter(model_content: bytes, num_threads: int) -> object:
        seen.append(num_threads)
        return real(model_content=model_content, num_threads=num_threads)

    monkeypatch.setattr(litert, "_runtime", lambda: interpreter)
    LiteRtClassifier(tiny_model, threads=0)
    LiteRtClassifier(tiny_model, threads=1)

    assert seen == [len(os.sched_getaffinity(0)), 1]


def test_a_file_replaced_while_running_changes_nothing(tmp_path: Path) -> None:
    classifier = LiteRtClassifier(write_tiny_model(tmp_path))
    (tmp_path / "model.tflite").write_bytes(b"")

    assert int(np.argmax(classifier.classify(_plain((255, 0, 0))).logits)) == 0


def test_several_threads_get_their_own_answers(tiny_model: Path) -> None:
    classifier = LiteRtClassifier(tiny_model)
    wrong: list[str] = []

    def ask(label: str) -> None:
        for _ in range(30):
            if classifier.manifest.labels[int(np.argmax(classifier.classify(_plain(COLOURS[label])).logits))] != label:
                wrong.append(label)

    threads = [threading.Thread(target=ask, args=(label,)) for label in COLOURS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_closing_twice_is_fine_and_asking_then_is_not(tiny_model: Path) -> None:
    classifier = LiteRtClassifier(tiny_model)
    classifier.close()
    classifier.close()

    with pytest.raises(ModelError, match="closed"):
        classifier.classify(_plain((0, 0, 0)))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"input": Input(height=224, width=32, dtype="int8")},
            r"input shape: .* \(1, 224, 32, 3\), .* \(1, 32, 32, 3\)",
        ),
        ({"input": Input(height=32, width=32, dtype="uint8")}, "input type: model.json says uint8, the file has int8"),
        ({"labels": tuple("abcdefghi")}, r"number of labels .*\(1, 9\), the file has \(1, 10\)"),
        ({"outputs": Outputs(logits=1, embedding=0)}, r"number of labels .*\(1, 10\), the file has \(1, 12\)"),
        ({"outputs": Outputs(logits=2)}, r"outputs\.logits is 2 .* the file has 2 outputs"),
        ({"outputs": Outputs(logits=0, embedding=2)}, r"outputs\.embedding is 2 .* the file has 2 outputs"),
        ({"outputs": Outputs(logits=0, embedding=0)}, r"outputs\.embedding .*other than the logits"),
    ],
)
def test_a_file_that_is_not_what_model_json_says(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ModelError, match=rf"model\.tflite: {complaint}.*package the model again"):
        LiteRtClassifier(write_tiny_model(tmp_path, **changes))


def _with_content(folder: Path, content: bytes) -> Path:
    """A folder whose model.json vouches for any content."""
    write_tiny_model(folder, sha256=hashlib.sha256(content).hexdigest())
    (folder / "model.tflite").write_bytes(content)
    return folder


@pytest.mark.parametrize("content", [b"", b"TFL3", b"<html>404</html>" * 50, bytes(4096)])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.tflite: not a TensorFlow Lite model"):
        LiteRtClassifier(_with_content(tmp_path, content))


@pytest.mark.parametrize("keep", [8, 9, 64, 700, 1200])
def test_a_cut_model_that_was_hashed_after_the_cut(tmp_path: Path, tiny_model: Path, keep: int) -> None:
    content = (tiny_model / "model.tflite").read_bytes()[:keep]

    with pytest.raises(ModelError, match=r"model\.tflite: cannot be loaded .*upgrade ai-edge-litert"):
        LiteRtClassifier(_with_content(tmp_path, content))


def test_an_answer_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.tflite: the model answers NaN"):
        LiteRtClassifier(write_tiny_model(tmp_path, "float32", nan=True))


def test_the_second_runtime_serves_where_the_first_is_missing(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    first, second = litert._RUNTIMES
    monkeypatch.setattr(litert, "_RUNTIMES", ("not_installed.interpreter", first))
    assert LiteRtClassifier(tiny_model).manifest.name == "tiny-colours"
    assert second == "tflite_runtime.interpreter"


def test_no_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    monkeypatch.setattr(litert, "_RUNTIMES", ("not_installed.interpreter",))

    with pytest.raises(ModelError, match="pip install ai-edge-litert"):
        LiteRtClassifier(tiny_model)


def test_the_shipped_model_loads_and_answers(model_dir: Path) -> None:
    classifier = LiteRtClassifier(model_dir)

    prediction = classifier.classify(_plain((200, 180, 150)))

    assert prediction.logits.shape == (10,)
    assert prediction.embedding is not None
    assert prediction.embedding.shape == (1280,)
