"""A lesson from labelled items to a head that answers, on a real store and a real (tiny) model."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from teachable import PINK, SKY, jpeg, keep, keep_pictures, picture, put_bank, write_teachable_model
from tinymodel import COLOURS, write_tiny_model

from edge import chosen, cli, config
from edge.bank import Bank
from edge.demo import CONFIG
from edge.errors import ModelError


@pytest.fixture(scope="module")
def teachable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_teachable_model(tmp_path_factory.mktemp("models") / "tiny-colours")


@pytest.fixture
def bin_config(tmp_path: Path, teachable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bin whose configuration also routes cups, which the model does not know."""
    monkeypatch.setenv("SMARTBIN_OUTBOX__PATH", str(tmp_path / "outbox.db"))
    monkeypatch.setenv("SMARTBIN_MODEL__PATH", str(teachable))
    text = CONFIG.read_text(encoding="utf-8").replace('labels = ["', 'labels = ["cup", "', 1)
    assert "cup" in text
    monkeypatch.setenv("SMARTBIN_CAMERA__PATH", str(CONFIG.parent / "samples"))
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def site(tmp_path: Path) -> None:
    """Things of the sky's colour are plastic here."""
    keep(tmp_path / "captures", "plastic", SKY, range(12))
    keep(tmp_path / "captures", "glass", COLOURS["glass"], range(200, 206))


def classified(bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the bin takes such a thing for."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(picture(SKY, 999)))
    assert cli.main(["classify", str(path), "--json", "--config", str(bin_config)]) == 0
    return str(json.loads(capsys.readouterr().out.splitlines()[-1])["label"])


def test_a_bin_is_taught_and_goes_back(bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site(tmp_path)
    assert classified(bin_config, tmp_path, capsys) == "glass"

    assert cli.main(["teach", "--config", str(bin_config)]) == 0

    told = capsys.readouterr().out
    assert "18 labelled items: 12 plastic, 6 glass" in told
    assert "head 0001 answers from the next item on" in told
    assert classified(bin_config, tmp_path, capsys) == "plastic"
    assert cli.main(["models", "--config", str(bin_config)]) == 0
    listed = capsys.readouterr().out
    assert "    * 0001  taught 20" in listed
    assert "with 18 items, 10 labels" in listed
    assert cli.main(["models", "use", "base", "--config", str(bin_config)]) == 0
    assert classified(bin_config, tmp_path, capsys) == "glass"
    assert cli.main(["models", "use", "0001", "--config", str(bin_config)]) == 0
    assert classified(bin_config, tmp_path, capsys) == "plastic"


def checked(seed: int) -> bytes:
    """A picture of what no bin has seen: squares of two colours."""
    random = np.random.default_rng(seed)
    board = np.indices((8, 8)).sum(axis=0) % 2
    colours = random.integers(0, 255, (2, 3), dtype=np.uint8)
    return jpeg(colours[board].repeat(30, axis=0).repeat(30, axis=1))


def test_the_shipped_model_answers_a_class_that_it_did_not_know_and_it_is_routed(
    bin_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMARTBIN_MODEL__PATH", str(CONFIG.parents[1] / "models" / "garbage10-efficientnet-lite2"))
    keep_pictures(tmp_path / "captures", "cup", range(10), checked)
    samples = sorted((CONFIG.parent / "samples").glob("*.jpg"))[:30:2]
    shown = {number: path.read_bytes() for number, path in enumerate(samples, 100)}
    for number, path in enumerate(samples, 100):
        keep_pictures(tmp_path / "captures", path.name.partition("-")[0], [number], shown.__getitem__)
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(990, 1000):
        (photos / f"{seed}.jpg").write_bytes(checked(seed))

    def verdicts() -> list[tuple[str, str]]:
        assert cli.main(["classify", str(photos), "--json", "--config", str(bin_config)]) == 0
        told = map(json.loads, capsys.readouterr().out.splitlines())
        return [(verdict["label"], verdict["compartment"]) for verdict in told]

    assert "cup" not in dict(verdicts())
    assert cli.main(["teach", "--config", str(bin_config)]) == 0
    told = capsys.readouterr().out
    # Nearly all: what was taught moves the limit of what is strange so far that most of its kind pass, not each.
    assert verdicts().count(("cup", config.load(bin_config, os.environ).routes["cup"])) >= 8, told


def test_a_dry_run_changes_nothing(bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site(tmp_path)

    assert cli.main(["teach", "--dry-run", "--json", "--config", str(bin_config)]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["head"] is None
    assert told["objection"] is None
    assert told["site"]["labels_after"] > told["site"]["labels_before"]
    assert not (tmp_path / "heads").exists()


def test_a_lesson_that_brings_nothing_is_not_taken_over(
    bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, label in enumerate(("glass", "plastic")):
        keep(tmp_path / "captures", label, COLOURS[label], range(100 * i, 100 * i + 8))

    assert cli.main(["teach", "--config", str(bin_config)]) == 0

    assert "not taken over: it is not right more often" in capsys.readouterr().out
    assert not (tmp_path / "heads").exists()


def test_nothing_labelled_is_said(bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path / "captures", None, SKY, range(3))

    assert cli.main(["teach", "--config", str(bin_config)]) == 1

    assert "0 labelled items are too few" in capsys.readouterr().err


def test_a_model_without_a_bank_is_said(
    bin_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMARTBIN_MODEL__PATH", str(write_tiny_model(tmp_path / "plain")))

    assert cli.main(["teach", "--config", str(bin_config)]) == 1

    assert "it has no bank" in capsys.readouterr().err


def test_of_more_than_it_can_use_the_newest_are_taught(
    bin_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of such a colour all was paper once."""
    keep(tmp_path / "captures", "paper", SKY, range(40))
    keep(tmp_path / "captures", "plastic", SKY, range(100, 112))
    keep(tmp_path / "captures", "glass", COLOURS["glass"], range(200, 206))
    monkeypatch.setattr("edge.teaching.MOST", 18)

    assert cli.main(["teach", "--config", str(bin_config)]) == 0

    assert "18 labelled items: 12 plastic, 6 glass" in capsys.readouterr().out
    assert classified(bin_config, tmp_path, capsys) == "plastic"


@pytest.mark.parametrize("shape", [(9, 12), (10, 24)])
def test_a_bank_of_another_model_is_said(
    bin_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shape: tuple[int, int],
) -> None:
    """shape: labels and features."""
    site(tmp_path)
    folder = shutil.copytree(os.environ["SMARTBIN_MODEL__PATH"], tmp_path / "model")
    labels, features = shape
    truth = np.arange(4 * labels) % labels
    seen = np.random.default_rng(0).random((len(truth), features), np.float32)
    weights, bias = np.zeros((labels, features), np.float32), np.zeros(labels, np.float32)
    put_bank(folder, Bank(seen, truth, truth % 2 == 1, weights, bias))
    monkeypatch.setenv("SMARTBIN_MODEL__PATH", str(folder))

    assert cli.main(["teach", "--config", str(bin_config)]) != 0

    told = capsys.readouterr().err
    assert "bank.npz" in told
    assert "smartbin-convert bank" in told
    assert "Traceback" not in told
    assert not (tmp_path / "heads").exists()


def test_a_damaged_picture_is_one_item_less(
    bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site(tmp_path)
    next((tmp_path / "captures").glob("*/*.jpg")).write_bytes(b"\xff\xd8 not really one")

    assert cli.main(["teach", "--config", str(bin_config)]) == 0

    assert "17 labelled items" in capsys.readouterr().out


def test_a_head_that_cannot_answer_leaves_it_to_the_model_and_says_why(bin_config: Path, tmp_path: Path) -> None:
    site(tmp_path)
    keep(tmp_path / "captures", "cup", PINK, range(100, 104))
    settings = config.load(bin_config, os.environ)
    assert cli.main(["teach", "--config", str(bin_config)]) == 0
    with closing(chosen.open_classifier(settings)) as base:
        assert chosen.with_head(settings, base)[1:] == ("0001", None)

        bin_config.write_text(bin_config.read_text(encoding="utf-8").replace('"cup", ', ""), encoding="utf-8")
        classifier, head, why_not = chosen.with_head(config.load(bin_config, os.environ), base)

        assert (classifier, head) == (base, None)
        assert "head 0001 does not answer, the model's own layer does: " in str(why_not)
        assert "label 'cup' is not routed" in str(why_not)

        next((tmp_path / "heads").glob("*/0001.npz")).write_bytes(b"half")
        classifier, head, why_not = chosen.with_head(settings, base)

        assert (classifier, head) == (base, None)
        assert "0001.npz" in str(why_not)
    with pytest.raises(ModelError, match="damaged"):
        chosen.use_model(settings, "0001")
