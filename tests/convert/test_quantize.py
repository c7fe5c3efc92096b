"""The command: from a run to a file that passed the gate, with the table of what it cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from fragile import SIZE_PX, fragile

from convert import data, quantize
from convert.augment import Augment
from convert.cli import main
from convert.encode import encode
from convert.errors import RecipeError
from convert.split import TRAIN
from edge.preprocess import fit

MakeRun = Callable[[float], Path]


@pytest.fixture(scope="module")
def make_run(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """Of the size of block2a's huge channel: the folder of a run."""

    def make(huge: float) -> Path:
        folder = tmp_path_factory.mktemp("run")
        dataset = data.load(small_set)
        indices = dataset.indices(TRAIN)
        pictures = np.stack([fit(dataset.pictures[int(i)], SIZE_PX, SIZE_PX) for i in indices]).astype(np.float32)
        fragile(pictures, dataset.truth[indices], len(dataset.labels), huge).save(folder / "model.keras")
        note = {
            "dataset": str(small_set),
            "labels": dataset.labels,
            "recipe": {"model": {"backbone": "efficientnetv2s", "size": SIZE_PX}, "quantize": {"samples": 24}},
            "command": "made up",
        }
        (folder / "run.json").write_text(json.dumps(note))
        return folder

    return make


@pytest.fixture(scope="module")
def sturdy(make_run: MakeRun) -> Path:
    """A run whose model int8 does no harm."""
    return make_run(0.0)


@pytest.fixture(scope="module")
def broken(make_run: MakeRun) -> Path:
    """A run whose model is lost in int8 unless block2a stays in float."""
    return make_run(2000.0)


def test_every_format_in_one_go(sturdy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.tflite"
    assert main(["quantize", str(sturdy), "--format", "all", "--max-loss", "9", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    rows = json.loads((tmp_path / "model.formats.json").read_text())
    assert [row["form"] for row in rows] == ["float32", "float16", "dynamic", "int8", "selective", "int16x8"]
    for row in rows:
        assert (tmp_path / f"model-{row['form']}.tflite").stat().st_size == row["bytes"]
        assert row["form"] in said
        assert row["validation"]["label"] > 0.5
        assert 0 < row["latency_median_ms"] <= row["latency_p95_ms"]
        assert row["ops"]
    assert rows[0]["validation"]["agreement"] == 1.0
    assert rows[0]["loss"] == 0.0
    assert out.read_bytes() == (tmp_path / "model-int8.tflite").read_bytes()
    assert f"{out}: int8, 32 x 32" in said
    assert not list(tmp_path.glob("*.tmp"))


def test_the_gate_holds_back_int8_and_names_the_layer(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.tflite"
    out.write_bytes(b"the last good one")
    assert main(["quantize", str(broken), "--out", str(out)]) == 4
    captured = capsys.readouterr()
    assert "int8: loses" in captured.err
    assert "What suffers most: block2a (" in captured.err
    assert "--format selective" in captured.err
    assert out.read_bytes() == b"the last good one"
    assert "int8" in captured.out, "the table is shown all the same"


def test_selective_keeps_what_suffers_in_float(
    broken: Path, small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.tflite"
    assert main(["quantize", str(broken), "--format", "selective", "--out", str(out)]) == 0
    row = json.loads((tmp_path / "model.formats.json").read_text())[1]
    assert row["kept"][0] == "block2a"
    assert row["loss"] <= 0.3
    assert "selective keeps in float: block2a" in capsys.readouterr().out
    assert row["ops"]["DEPTHWISE_CONV_2D int8"] >= 1
    package = ["package", str(broken), str(out), "--name", "a", "--out", str(tmp_path / "a")]
    assert main(package) == 0, "the bin takes it"


def test_calibration_is_fair_to_classes_repeats_itself_and_shows_half_as_in_the_bin(small_set: Path) -> None:
    dataset = data.load(small_set)
    look = Augment()
    twice = [[read() for read in quantize.calibration(dataset, 12, 3, 32, look)] for _ in range(2)]
    np.testing.assert_array_equal(twice[0], twice[1])
    train = [fit(dataset.pictures[int(i)], 32, 32).tobytes() for i in dataset.indices(TRAIN)]
    labels = dataset.truth[dataset.indices(TRAIN)]
    plain = [labels[train.index(picture.tobytes())] for picture in twice[0] if picture.tobytes() in train]
    assert len(plain) == 6
    whole = [labels[train.index(read().tobytes())] for read in quantize.calibration(dataset, 12, 3, 32)]
    assert np.bincount(whole).tolist() == [4, 4, 4]


def test_an_untrained_efficientnetv2s_becomes_a_loadable_int8_file(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "untrained.tflite"
    network = ["--backbone", "efficientnetv2s", "--weights", "none", "--size", "64", "--labels", "7"]
    calibration = ["--images", str(class_folders), "--samples", "4"]
    assert main(["quantize", *network, *calibration, "--out", str(out)]) == 0
    interpreter = Interpreter(model_path=str(out))
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    assert (given["dtype"], given["shape"].tolist()) == (np.uint8, [1, 64, 64, 3])
    assert {tuple(d["shape"]) for d in interpreter.get_output_details()} == {(1, 7), (1, 1280)}
    # 20 million weights, a byte each
    assert out.stat().st_size < 30e6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--out x.tflite", "Give either a RUN"),
        ("nowhere --out x.tflite", "nowhere"),
        ("nowhere --max-loss -1 --out x.tflite", "--max-loss"),
        ("--backbone efficientnetv2s --weights none --out x.tflite", "--images"),
        ("--backbone efficientnetv2s --weights none --size 3 --out x.tflite", "--size"),
        ("--backbone efficientnetv2s --weights missing.h5 --images . --out x.tflite", "missing.h5"),
    ],
)
def test_what_is_missing_is_named(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["quantize", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    out = tmp_path / "model.tflite"
    out.write_bytes(b"old")
    (tmp_path / "model.tflite.tmp").symlink_to(full)
    with pytest.raises(RecipeError, match="No space left on device"):
        quantize.write(out, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    assert out.read_bytes() == b"old"


def test_ctrl_c_keeps_the_files_that_are_finished(
    sturdy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = encode

    def interrupted(content: bytes, form: str, *rest: object) -> bytes:
        if form == "int8":
            raise KeyboardInterrupt
        return made(content, form, *rest)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(quantize, "encode", interrupted)
    assert main(["quantize", str(sturdy), "--format", "all", "--out", str(tmp_path / "model.tflite")]) == 130
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model-float32.tflite", "model-float16.tflite", "model-dynamic.tflite"}
