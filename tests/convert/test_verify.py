from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tinymodel import COLOURS, SIDE_PX, write_tiny_model

from convert.cli import main
from convert.errors import DataError, RecipeError
from convert.report import Share, share, to_text
from convert.verify import Sample, keras_model, read_samples, verify
from edge.errors import ImageError, ModelError
from edge.manifest import Input

_SHOWN = [
    ("metal", "metal"),
    ("metal", "metal"),
    ("metal", "paper"),  # a metal thing that looks like paper: the compartment is right all the same
    ("paper", "paper"),
    ("battery", "battery"),
    ("battery", "trash"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pictures in the colour of the second label, filed under the first, and a splits.csv."""
    folder = tmp_path / "data"
    rows = ["path,label,role,sha256,group,split"]
    for number, (label, colour) in enumerate(_SHOWN):
        path = folder / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), COLOURS[colour]).save(path)
        rows.append(f"{path.relative_to(folder)},{label},main,00,{number},test")
    rows.append("nowhere.png,metal,main,00,99,train")
    (folder / "splits.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def samples(data: Path) -> list[Sample]:
    return read_samples(data / "splits.csv", data, "test")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


def test_only_the_asked_for_part_is_read(samples: list[Sample], data: Path) -> None:
    assert [(s.path, s.label) for s in samples][:1] == [(data / "metal" / "0.png", "metal")]
    assert len(samples) == len(_SHOWN)


def test_the_figures(model: Path, samples: list[Sample]) -> None:
    report = verify(model, samples, "test")

    assert (report.label.right, report.label.total) == (4, 6)
    assert (report.compartment.right, report.compartment.total) == (5, 6)
    scores = {score.label: score for score in report.labels}
    assert (scores["metal"].pictures, scores["metal"].precision, scores["metal"].recall) == (3, 1.0, 2 / 3)
    assert (scores["paper"].precision, scores["paper"].recall) == (0.5, 1.0)
    assert (scores["shoes"].pictures, scores["shoes"].precision, scores["shoes"].recall) == (0, None, None)
    names = sorted(COLOURS)
    assert report.confusion[names.index("metal")][names.index("paper")] == 1
    assert report.confusion[names.index("battery")][names.index("trash")] == 1
    assert sum(map(sum, report.confusion)) == 6
    assert 0 < report.latency_median_ms <= report.latency_p95_ms
    assert report.float_model is None


def test_the_temperature_shows_in_the_calibration_error(tmp_path: Path, samples: list[Sample]) -> None:
    folder = write_tiny_model(tmp_path / "warm", temperature=1000.0)

    report = verify(folder, samples, "test")

    # Four answers of six are right. By itself the tiny model is always sure; that warm, it claims one chance in ten.
    assert report.ece_raw == pytest.approx(1 - 4 / 6, abs=0.01)
    assert report.ece_calibrated == pytest.approx(4 / 6 - 1 / 10, abs=0.02)


def test_it_is_written_beside_the_model(model: Path, samples: list[Sample]) -> None:
    report = verify(model, samples, "test")

    document = json.loads((model / "verify.json").read_text())

    assert document["label"]["right"] == 4
    assert document["model"]["sha256"] == report.model.sha256
    assert (document["part"], document["crop"]) == ("test", "whole")


def test_the_text_names_counts_and_intervals(model: Path, samples: list[Sample]) -> None:
    text = to_text(verify(model, samples, "test"))

    assert "labels right        66.67% (4 of 6; 95 %: 30.00% to 90.32%)" in text
    assert "compartments right  83.33% (5 of 6;" in text
    assert "float" not in text
    rows = text.splitlines()
    assert any(row.split() == ["metal", "3", "100.0%", "66.7%"] for row in rows)
    assert any(row.split() == ["shoes", "0", "-", "-"] for row in rows)
    assert any(row.split() == ["battery", "1", *["."] * 8, "1"] for row in rows)


def _float_model(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Nearest colour, without any rounding, but never paper: white is metal, which is right once and wrong once."""
    colours = np.array(list(COLOURS.values()), dtype=np.float32)
    logits = -((batch.mean(axis=(1, 2))[:, None] - colours) ** 2).sum(axis=2)
    logits[:, list(COLOURS).index("paper")] -= 1e6
    return np.asarray(logits * 0.0006, dtype=np.float32)


def test_the_float_model_sees_the_same_pictures(model: Path, samples: list[Sample]) -> None:
    shapes: list[tuple[int, ...]] = []

    def watched(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.append(batch.shape)
        assert batch.dtype == np.float32
        assert batch[0, 0, 0].tolist() == list(COLOURS["metal"])
        return _float_model(batch)

    compared = verify(model, samples, "test", watched).float_model

    assert shapes == [(6, SIDE_PX, SIDE_PX, 3)]
    assert compared is not None
    assert compared.agreement.right == 4, "both papers are called something else"
    assert compared.label.right == 4
    assert compared.agreement.total == 6


def test_the_comparison_is_in_the_text(model: Path, samples: list[Sample]) -> None:
    text = to_text(verify(model, samples, "test", _float_model))

    assert "float labels        66.67% (4 of 6;" in text
    assert "same label as float 66.67% (4 of 6;" in text


def test_looking_at_the_item_only(tmp_path: Path) -> None:
    folder = write_tiny_model(
        tmp_path / "model", input=Input(height=SIDE_PX, width=SIDE_PX, dtype="int8", crop_margin=0)
    )
    rgb = np.full((200, 200, 3), 255, np.uint8)
    rgb[80:120, 80:120] = COLOURS["plastic"]
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    samples = [Sample(tmp_path / "photo.png", "plastic")]

    whole, item = (verify(folder, samples, "test", locate=locate) for locate in (False, True))

    assert (whole.crop, whole.label.right) == ("whole", 0)
    assert (item.crop, item.label.right) == ("item", 1)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (950, 1000, 0.9347, 0.9619)]
)
def test_the_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    found = share(right, total)

    assert isinstance(found, Share)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.value == right / total


def test_a_share_of_nothing() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        share(0, 0)


def test_a_part_that_is_not_there(data: Path) -> None:
    with pytest.raises(DataError, match=r"no picture of part 'tset'; it has test, train"):
        read_samples(data / "splits.csv", data, "tset")


def test_a_table_that_is_not_there_or_is_none(data: Path) -> None:
    with pytest.raises(DataError, match=r"No such file.*prepare"):
        read_samples(data / "gone.csv", data, "test")
    (data / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"other\.csv: not a table with the columns path, label and split"):
        read_samples(data / "other.csv", data, "test")
    with pytest.raises(DataError, match="not a table"):
        read_samples(data / "metal" / "0.png", data, "test")


def test_a_label_that_the_model_does_not_have(model: Path, samples: list[Sample]) -> None:
    with pytest.raises(DataError, match=r"no label wood; it has battery, "):
        verify(model, [*samples, Sample(samples[0].path, "wood")], "test")


def test_a_picture_that_is_gone(model: Path, samples: list[Sample]) -> None:
    samples[3].path.unlink()

    with pytest.raises(ImageError, match=r"paper/3\.png: No such file"):
        verify(model, samples, "test")


def test_a_model_that_is_gone(model: Path, samples: list[Sample]) -> None:
    shutil.rmtree(model)

    with pytest.raises(ModelError, match=r"model\.json: No such file"):
        verify(model, samples, "test")


def test_a_folder_that_cannot_be_written(model: Path, samples: list[Sample]) -> None:
    (model / "verify.json").mkdir()

    with pytest.raises(RecipeError, match=r"verify\.json: Is a directory"):
        verify(model, samples, "test")


def test_the_step_prints_the_report(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(model), "--splits", str(data / "splits.csv"), "--data", str(data)]) == 0

    said = capsys.readouterr().out
    assert "labels right        66.67% (4 of 6;" in said
    assert said.endswith(f"written to {model / 'verify.json'}\n")


def test_the_step_says_what_is_wrong(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "model.tflite").write_bytes(b"")

    assert main(["verify", str(model), "--splits", str(data / "splits.csv"), "--data", str(data)]) == 4
    assert "model.tflite: sha256 is" in capsys.readouterr().err


# Keras 3.15 with NumPy 2 warns of itself while it saves.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.slow
def test_a_keras_model_and_what_is_none(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    image = keras.Input((SIDE_PX, SIDE_PX, 3))
    embedding = keras.layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, [keras.layers.Dense(10)(embedding), embedding])
    model.save(tmp_path / "model.keras")
    batch = np.random.default_rng(0).uniform(0, 255, (3, SIDE_PX, SIDE_PX, 3)).astype(np.float32)

    logits = keras_model(tmp_path / "model.keras")(batch)

    assert np.allclose(logits, model.predict_on_batch(batch)[0], atol=1e-4)
    (tmp_path / "none.keras").write_text("hello")
    for name in ("none.keras", "gone.keras"):
        with pytest.raises(RecipeError, match=rf"{name}: not a Keras model"):
            keras_model(tmp_path / name)
