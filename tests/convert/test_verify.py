from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tinymodel import COLOURS, SIDE_PX, write_tiny_model

from convert.cli import main
from convert.errors import DataError, RecipeError
from convert.figures import Figures, load
from convert.floatmodel import FloatModel, keras_model
from convert.samples import Sample, read_samples
from convert.summary import to_text
from convert.verify import Plan, verify
from edge.errors import ImageError, ModelError
from edge.manifest import Input

_P = ParamSpec("_P")
_T = TypeVar("_T")

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
def samples(data: Path) -> tuple[Sample, ...]:
    return read_samples(data / "splits.csv", data, "test")


def _here(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Where it is measured makes no difference to the figures; a fresh process takes a second (test_measure)."""
    return function(*args, **kwargs)


def _verify(
    folder: Path, samples: tuple[Sample, ...], float_model: FloatModel | None = None, locate: bool = False
) -> Figures:
    return verify(folder, Plan("test", samples, locate=locate), float_model, _here)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


def test_only_the_asked_for_part_is_read(samples: tuple[Sample, ...], data: Path) -> None:
    assert [(s.path, s.label) for s in samples][:1] == [(data / "metal" / "0.png", "metal")]
    assert len(samples) == len(_SHOWN)


def test_the_figures(model: Path, samples: tuple[Sample, ...]) -> None:
    found = _verify(model, samples)

    assert (found.main.label.right, found.main.label.total) == (4, 6)
    assert (found.main.compartment.right, found.main.compartment.total) == (5, 6)
    scores = {score.label: score for score in found.labels}
    metal = scores["metal"]
    assert (metal.pictures, metal.named, metal.precision, metal.recall, metal.f1) == (3, 2, 1.0, 2 / 3, 0.8)
    assert (scores["paper"].precision, scores["paper"].recall) == (0.5, 1.0)
    assert (scores["shoes"].pictures, scores["shoes"].precision, scores["shoes"].recall) == (0, None, None)
    names = sorted(COLOURS)
    assert found.confusion[names.index("metal")][names.index("paper")] == 1
    assert found.confusion[names.index("battery")][names.index("trash")] == 1
    assert sum(map(sum, found.confusion)) == 6
    assert 0 < found.runtime.latency_median_ms <= found.runtime.latency_p95_ms
    assert found.runtime.name.startswith("ai-edge-litert ")
    assert (found.main.float_model, found.robustness, found.unknown, found.sources) == (None, None, None, ())


def test_what_no_bin_was_asked_cannot_be_compared(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_words(model, data, "--before", str(model))) != 0
    assert "no picture of the test part is from a bin" in capsys.readouterr().err


def test_each_bin_is_judged_by_itself_and_against_an_earlier_model(
    model: Path, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    at_bins = tuple(replace(s, bin=("lobby", "", "cafe")[i % 3]) for i, s in enumerate(samples))
    without_metal = {"metal": "other", "trash": "metal"}  # the earlier model calls by other names
    labels = tuple(without_metal.get(label, label) for label in COLOURS)
    earlier = write_tiny_model(tmp_path / "earlier", labels=labels)
    found = verify(model, Plan("test", at_bins, before=earlier), None, _here)
    assert [(at.scores.name, at.scores.label.right, at.scores.label.total) for at in found.bins] == [
        ("cafe", 0, 2),
        ("lobby", 2, 2),
    ]
    assert [at.before.label.right if at.before else None for at in found.bins] == [0, 1]
    assert "lobby" in to_text(found)
    assert not verify(model, Plan("test", samples), None, _here).bins


def test_the_mistakes_are_named_below_the_folder_they_share(model: Path, samples: tuple[Sample, ...]) -> None:
    worst, second = _verify(model, samples).mistakes

    assert (worst.picture, worst.truth, worst.answer) == ("battery/5.png", "battery", "trash")
    assert worst.wrong_compartment
    assert worst.confidence > 0.99
    assert (second.picture, second.answer, second.wrong_compartment) == ("metal/2.png", "paper", False)


def test_the_temperature_shows_in_the_calibration_error(tmp_path: Path, samples: tuple[Sample, ...]) -> None:
    folder = write_tiny_model(tmp_path / "warm", temperature=1000.0)

    found = _verify(folder, samples).main

    # Four answers of six are right. By itself the tiny model is always sure; that warm, it claims one chance in ten.
    assert found.ece_raw == pytest.approx(1 - 4 / 6, abs=0.01)
    assert found.ece == pytest.approx(4 / 6 - 1 / 10, abs=0.02)


def test_the_text_names_counts_and_intervals(model: Path, samples: tuple[Sample, ...]) -> None:
    text = to_text(_verify(model, samples))

    assert "labels right        66.67% (4 of 6; 95 %: 30.00% to 90.32%)" in text
    assert "compartments right  83.33% (5 of 6;" in text
    assert "float" not in text
    rows = text.splitlines()
    assert any(row.split() == ["metal", "3", "100.0%", "66.7%", "80.0%"] for row in rows)
    assert any(row.split() == ["shoes", "0", "-", "-", "-"] for row in rows)
    assert any(row.split() == ["battery", "1", *["."] * 8, "1"] for row in rows)


def test_other_sources_unknown_things_and_corruptions(model: Path, data: Path, samples: tuple[Sample, ...]) -> None:
    for name, colour in (("bin-camera/plastic/1.png", "plastic"), ("bin-camera/plastic/2.png", "glass")):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), COLOURS[colour]).save(data / name)
    robust = tuple(Sample(path, "plastic") for path in sorted((data / "bin-camera").rglob("*.png")))
    # Half way between two colours, the tiny model is not sure.
    Image.new("RGB", (40, 30), (64, 64, 64)).save(data / "odd.png")

    found = verify(model, Plan("test", samples, robust, unknown=(data / "odd.png",), corrupted=3), run=_here)

    assert [(s.name, s.label.right, s.label.total) for s in found.sources] == [("bin-camera", 1, 2)]
    assert found.main.label.total == 6, "the others are not among the part's own pictures"
    assert found.unknown is not None
    assert (found.unknown.abstained.right, found.unknown.separation) == (1, 1.0)
    assert found.robustness is not None
    assert (found.robustness.clean.total, len(found.robustness.cells)) == (3, 30)
    text = to_text(found)
    assert "unknown abstained   100.00% (1 of 1;" in text
    assert any(row.split()[:2] == ["bin-camera", "2"] for row in text.splitlines())
    assert "corrupted (clean:" in text


def _float_model(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Nearest colour, without any rounding, but never paper: white is metal, which is right once and wrong once."""
    colours = np.array(list(COLOURS.values()), dtype=np.float32)
    logits = -((batch.mean(axis=(1, 2))[:, None] - colours) ** 2).sum(axis=2)
    logits[:, list(COLOURS).index("paper")] -= 1e6
    return np.asarray(logits * 0.0006, dtype=np.float32)


def test_the_float_model_sees_the_same_pictures(model: Path, samples: tuple[Sample, ...]) -> None:
    shapes: list[tuple[int, ...]] = []

    def watched(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.append(batch.shape)
        assert batch.dtype == np.float32
        assert batch[0, 0, 0].tolist() == list(COLOURS["metal"])
        return _float_model(batch)

    compared = _verify(model, samples, watched).main.float_model

    assert shapes == [(6, SIDE_PX, SIDE_PX, 3)]
    assert compared is not None
    assert compared.agreement.right == 4, "both papers are called something else"
    assert compared.label.right == 4
    assert compared.agreement.total == 6


def test_the_comparison_is_in_the_text(model: Path, samples: tuple[Sample, ...]) -> None:
    text = to_text(_verify(model, samples, _float_model))

    assert "float labels        66.67% (4 of 6;" in text
    assert "same label as float 66.67% (4 of 6;" in text


def test_looking_at_the_item_only(tmp_path: Path) -> None:
    folder = write_tiny_model(
        tmp_path / "model", input=Input(height=SIDE_PX, width=SIDE_PX, dtype="int8", crop_margin=0)
    )
    rgb = np.full((200, 200, 3), 255, np.uint8)
    rgb[80:120, 80:120] = COLOURS["plastic"]
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    samples = (Sample(tmp_path / "photo.png", "plastic"),)

    whole, item = (_verify(folder, samples, locate=locate) for locate in (False, True))

    assert (whole.crop, whole.main.label.right) == ("whole", 0)
    assert (item.crop, item.main.label.right) == ("item", 1)


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


def test_a_label_that_the_model_does_not_have(model: Path, samples: tuple[Sample, ...]) -> None:
    with pytest.raises(DataError, match=r"no label wood; it has battery, "):
        _verify(model, (*samples, Sample(samples[0].path, "wood")))


def test_a_picture_that_is_gone(model: Path, samples: tuple[Sample, ...]) -> None:
    samples[3].path.unlink()

    with pytest.raises(ImageError, match=r"paper/3\.png: No such file"):
        _verify(model, samples)


def test_a_model_that_is_gone(model: Path, samples: tuple[Sample, ...]) -> None:
    shutil.rmtree(model)

    with pytest.raises(ModelError, match=r"model\.json: No such file"):
        _verify(model, samples)


def _words(model: Path, data: Path, *more: str) -> list[str]:
    return ["verify", str(model), "--splits", str(data / "splits.csv"), "--data", str(data), *more]


def test_the_step_prints_the_figures_and_writes_them_beside_the_model(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_words(model, data, "--corrupted", "0")) == 0

    said = capsys.readouterr().out
    assert "labels right        66.67% (4 of 6;" in said
    assert f"written to {model / 'verify.json'};" in said
    assert said.endswith(f"  smartbin-convert report {model} --pictures {data} --out report.html\n")
    written = load(model / "verify.json")
    assert (written.part, written.crop, written.main.label.right) == ("test", "whole", 4)
    assert str(data) not in (model / "verify.json").read_text(), "where the pictures lie is nobody's business"


def test_another_place_for_the_figures(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_words(model, data, "--corrupted", "0", "--out", str(data / "new" / "figures.json"))) == 0
    assert load(data / "new" / "figures.json").part == "test"
    assert not (model / "verify.json").exists()

    (model / "verify.json").mkdir()
    assert main(_words(model, data, "--corrupted", "0")) == 2
    assert "verify.json: Is a directory. Choose another place with --out." in capsys.readouterr().err


def test_the_step_says_what_is_wrong(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (model / "model.tflite").read_bytes()
    for arguments, code, complaint in (
        (["--corrupted", "-1"], 2, "--corrupted: 0 or more"),
        (["--unknown", str(data / "none")], 1, "none: No such file"),
        (["--splits", str(data / "none.csv")], 1, "none.csv: No such file"),
    ):
        assert main(_words(model, data, *arguments)) == code
        assert complaint in capsys.readouterr().err
    (model / "model.tflite").write_bytes(content[:-100])
    assert main(_words(model, data)) == 4
    assert "model.tflite: sha256 is" in capsys.readouterr().err


def test_a_float_model_of_something_else(model: Path, samples: tuple[Sample, ...]) -> None:
    with pytest.raises(RecipeError, match=r"answers \(3,\), not one logit for each of the 10 labels"):
        _verify(model, samples, lambda batch: np.zeros((len(batch), 3), np.float32))


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
