"""A classifier that raises or gives NaN, and a model file that is replaced or damaged under a bin that runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakebin import BATTERY, GLASS, ITEM, Bin
from tinymodel import COLOURS, write_tiny_model

from edge import manifest
from edge.adapters.litert import LiteRtClassifier
from edge.adapters.model_watch import ModelWatch
from edge.errors import ModelError
from edge.model import Outcome, Phase, Prediction, Problem


def test_a_classifier_that_raises_moves_nothing_is_told_and_recovers() -> None:
    sick = Bin([*ITEM[:-1], *[Phase.SETTLED] * 3, *[Phase.EMPTY] * 2], answers=[ModelError("broken")] * 3 + [GLASS] * 2)
    told: list[list[str]] = []

    def look() -> bool:
        told.append([fault.problem.value for fault in sick.reporter.state.faults])
        return False

    (event,) = sick.run(should_stop=look)
    assert (event.outcome, event.label, event.votes) == (Outcome.SORTED, "glass", 3)
    assert ["model_failed"] in told
    assert told[-1] == []
    assert sick.flap.moves == ["recycling"], "once, when it could say what it is"


def test_an_error_in_the_middle_of_a_vote_does_not_count_as_a_vote() -> None:
    answers: list[Prediction | ModelError] = [BATTERY, ModelError("broken"), BATTERY, BATTERY]
    (event,) = Bin([*ITEM[:-1], Phase.SETTLED, Phase.EMPTY], answers=answers).run()
    assert (event.votes, event.compartment) == (3, "hazard")


def test_a_real_model_that_gives_nan_is_a_model_error_and_never_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # it must get past its trial at start, as one does whose memory goes bad later
    monkeypatch.setattr(LiteRtClassifier, "_warm_up", lambda self: None)
    sick = LiteRtClassifier(write_tiny_model(tmp_path, "float32", nan=True))
    bin_ = Bin(ITEM, classifier=sick)
    assert bin_.run() == []
    assert bin_.flap.moves == []
    assert [fault.problem for fault in bin_.reporter.state.faults] == [Problem.MODEL_FAILED]
    sick.close()


def picture(label: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((120, 160, 3), COLOURS[label], np.uint8)


def names(classifier: LiteRtClassifier, label: str) -> str:
    return classifier.manifest.labels[int(classifier.classify(picture(label)).logits.argmax())]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.mark.parametrize("accident", ["cut", "bit", "removed", "emptied"])
def test_what_happens_to_the_file_changes_no_answer_is_told_and_heals_when_it_is_back(
    folder: Path, accident: str
) -> None:
    file = folder / "model.tflite"
    sound = file.read_bytes()
    running = LiteRtClassifier(folder)
    watch = ModelWatch(file, running.manifest.sha256)
    assert watch.trouble() is None
    match accident:
        case "cut":
            file.write_bytes(sound[: len(sound) // 2])
        case "bit":
            flip_a_bit(file)
        case "removed":
            file.unlink()
        case "emptied":
            file.write_bytes(b"")
    assert names(running, "glass") == "glass", "it answers from memory"
    trouble = watch.trouble() or ""
    assert str(file) in trouble
    assert ("gone" if accident == "removed" else "not the file that is in memory") in trouble
    with pytest.raises(ModelError):
        manifest.load(folder)  # what a reload asks first: it would not be taken over
    file.write_bytes(sound)
    assert watch.trouble() is None
    running.close()


def test_the_file_is_read_again_only_when_it_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "model.tflite"
    watch = ModelWatch(file, manifest.load(folder).sha256)
    assert watch.trouble() is None
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("it was read"))
    assert watch.trouble() is None


def test_a_new_model_in_the_same_place_is_taken_by_whoever_loads_next(folder: Path, tmp_path: Path) -> None:
    running = LiteRtClassifier(folder)
    new = write_tiny_model(tmp_path / "new", "float32")
    for name in ("model.tflite", "model.json"):
        (new / name).replace(folder / name)
    assert ModelWatch(folder / "model.tflite", running.manifest.sha256).trouble() is not None
    after = LiteRtClassifier(folder)
    assert after.manifest.sha256 == json.loads((folder / "model.json").read_text())["sha256"]
    assert after.manifest.sha256 != running.manifest.sha256
    assert names(running, "battery") == names(after, "battery") == "battery"
    running.close()
    after.close()
