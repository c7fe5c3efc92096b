from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tinymodel import COLOURS

from edge.adapters.litert import LiteRtClassifier
from edge.classify import Judge, expand, verdicts
from edge.decision import Policy
from edge.errors import ImageError, ModelError
from edge.testing import FakeClassifier
from edge.verdict import VerdictOutcome, to_json_dict

_COMPARTMENTS = {
    "recycling": ["cardboard", "glass", "metal", "paper", "plastic"],
    "organic": ["biological"],
    "textile": ["clothes", "shoes"],
    "hazard": ["battery"],
    "landfill": ["trash"],
}
_ROUTES = {label: name for name, labels in _COMPARTMENTS.items() for label in labels}


@pytest.fixture
def judge(tiny_model: Path) -> Iterator[Judge]:
    classifier = LiteRtClassifier(tiny_model)
    manifest = classifier.manifest
    policy = Policy(manifest.labels, _ROUTES, "landfill", manifest.temperature)
    yield Judge(classifier, policy, manifest.id, manifest.input.crop_margin)
    classifier.close()


def _save(path: Path, colour: tuple[int, int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), colour).save(path)
    return path


@pytest.mark.parametrize("label", COLOURS)
def test_every_label_reaches_its_compartment(judge: Judge, tmp_path: Path, label: str) -> None:
    verdict = judge.verdict(_save(tmp_path / "photo.png", COLOURS[label]), "photo.png")

    assert verdict.outcome is VerdictOutcome.SORTED
    assert (verdict.file, verdict.label, verdict.compartment) == ("photo.png", label, _ROUTES[label])
    assert verdict.reason is None
    assert verdict.confidence is not None
    assert verdict.confidence > 0.9


def test_the_item_is_looked_at_not_the_table(judge: Judge, tmp_path: Path) -> None:
    rgb = np.full((300, 300, 3), 255, np.uint8)
    rgb[120:180, 120:180] = COLOURS["plastic"]
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    tight = Judge(judge.classifier, judge.policy, judge.model, crop_margin=0.0)

    assert tight.verdict(tmp_path / "photo.png", "photo.png").label == "plastic"


def test_it_is_looked_at_as_often_as_a_bin_votes_and_in_other_lays(judge: Judge, tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    clear, otherwise = (
        judge.classifier.classify(rgb) for rgb in (np.full_like(rgb, COLOURS[x]) for x in ("metal", "trash"))
    )
    classifier = FakeClassifier([clear, otherwise, otherwise])
    twice_trash = Judge(classifier, judge.policy, judge.model, crop_margin=0.0, votes=3)

    verdict = twice_trash.verdict(tmp_path / "photo.png", "photo.png")

    assert verdict.label == "trash"
    for seen, lay in zip(classifier.pictures, (rgb, rgb[:, ::-1], rgb[::-1, ::-1]), strict=True):
        np.testing.assert_array_equal(seen, lay)


def test_between_two_compartments_it_abstains(judge: Judge, tmp_path: Path) -> None:
    between = tuple((a + b) // 2 for a, b in zip(COLOURS["biological"], COLOURS["trash"], strict=True))

    verdict = judge.verdict(_save(tmp_path / "a.png", (between[0], between[1], between[2])), "a.png")

    assert (verdict.outcome, verdict.compartment) == (VerdictOutcome.ABSTAINED, "landfill")
    assert verdict.reason is not None
    assert verdict.reason.startswith("unsure: ")


def test_what_cannot_be_read_is_rejected_and_the_others_are_not(judge: Judge, tmp_path: Path) -> None:
    good = _save(tmp_path / "good.png", COLOURS["metal"])
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff")

    answers = list(verdicts([good, bad, tmp_path / "gone.png", good], judge))

    assert [a.outcome for a in answers] == ["sorted", "rejected", "rejected", "sorted"]
    assert [a.file for a in answers] == [str(good), str(bad), str(tmp_path / "gone.png"), str(good)]
    assert answers[1].reason is not None
    assert answers[1].reason.startswith(f"{bad}: ")
    assert (answers[1].label, answers[1].compartment, answers[1].top) == (None, None, ())


def test_the_content_of_an_upload(judge: Judge, tmp_path: Path) -> None:
    content = _save(tmp_path / "a.png", COLOURS["shoes"]).read_bytes()

    assert judge.verdict(content, "upload.png").label == "shoes"
    assert judge.verdict(b"", "upload.png").reason == "upload.png: empty (0 bytes)."


def test_a_broken_model_is_not_the_fault_of_the_picture(judge: Judge, tmp_path: Path) -> None:
    judge.classifier.close()

    with pytest.raises(ModelError):
        judge.verdict(_save(tmp_path / "a.png", COLOURS["metal"]), "a.png")


def test_json_of_a_verdict(judge: Judge, tmp_path: Path) -> None:
    document = to_json_dict(judge.verdict(_save(tmp_path / "a.png", COLOURS["metal"]), "a.png"))

    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "file",
        "outcome",
        "label",
        "confidence",
        "compartment",
        "compartment_confidence",
        "reason",
        "top",
        "model",
    ]
    assert (document["outcome"], document["label"], document["reason"]) == ("sorted", "metal", None)
    top = document["top"]
    assert isinstance(top, list)
    assert len(top) == 10
    assert isinstance(top[0], dict)
    assert list(top[0]) == ["label", "p"]
    assert document["model"] == {
        "name": "tiny-colours",
        "version": "1.0.0",
        "sha256": judge.model.sha256,
    }


def test_json_of_a_rejected_picture(judge: Judge) -> None:
    document = to_json_dict(judge.verdict(b"", "a.png"))

    assert (document["outcome"], document["label"], document["confidence"]) == ("rejected", None, None)
    assert document["top"] == []


def test_folders_are_searched_in_sorted_order(tmp_path: Path) -> None:
    expected = [_save(tmp_path / name, (0, 0, 0)) for name in ("a/1.png", "a/2.JPG", "b.webp", "c/d/e.png")]
    (tmp_path / "a" / "notes.txt").touch()
    (tmp_path / "a" / "._1.png").touch()

    assert expand([tmp_path]) == expected


def test_what_is_named_keeps_its_place_and_may_have_any_suffix(tmp_path: Path) -> None:
    inside = _save(tmp_path / "folder" / "1.png", (0, 0, 0))
    named, gone = tmp_path / "photo", tmp_path / "gone.png"

    assert expand([named, tmp_path / "folder", gone, named]) == [named, inside, gone, named]


def test_a_folder_with_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(ImageError, match=r"empty: no image in this folder \(looked for \.avif, "):
        expand([tmp_path / "empty"])
