"""A soup of runs is better than each, leaves out what does not help, and is a run like any other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from convert import data, heldout, recipe, run, soup
from convert.cli import main
from convert.errors import DataError
from convert.split import MAIN, TRAIN, VALIDATION, Item
from edge.preprocess import fit

LABELS = ("metal", "paper", "plastic")
PLAN = recipe.Recipe.model_validate({"model": {"backbone": "efficientnet-lite2", "size": 32}})


def network(units: int = 8) -> keras.Model:
    image = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(units, 3, strides=4, activation="relu")(x)
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(x)
    return keras.Model(image, [keras.layers.Dense(len(LABELS), name="logits")(embedding), embedding])


def finished(folder: Path, prepared: Path, model: keras.Model, labels: tuple[str, ...] = LABELS) -> Path:
    run.write_finished(run.Run(folder, prepared, labels, PLAN, f"train {folder.name}"), model)
    return folder


@pytest.fixture(scope="module")
def good(small_set: Path) -> list[np.ndarray]:
    """Weights with which the pictures of the set are told apart."""
    keras.utils.set_random_seed(0)
    dataset, model = data.load(small_set), network()
    chosen = np.arange(len(dataset.truth))
    images = np.stack([fit(dataset.pictures[int(i)], 32, 32) for i in chosen]).astype(np.float32)
    student = keras.Model(model.input, model.outputs[0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    student.compile(keras.optimizers.Adam(0.03), loss)
    student.fit(images, dataset.truth, epochs=60, verbose=0)
    return list(model.get_weights())


def astray(weights: list[np.ndarray], sign: float) -> keras.Model:
    """A model that leans to the first label, or against it, so far that it is wrong."""
    model = network()
    bias = weights[-1] + np.array([sign * 40, 0, 0], np.float32)
    model.set_weights([*weights[:-1], bias])
    return model


def test_the_mean_of_two_that_err_in_opposite_ways_is_better_than_both(
    small_set: Path, good: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [finished(tmp_path / name, small_set, astray(good, sign)) for name, sign in (("over", 1), ("under", -1))]
    out = tmp_path / "soup"
    assert main(["soup", *map(str, folders), "--out", str(out)]) == 0
    made = run.load(out)
    dataset = made.pictures()
    alone = [heldout.scores(run.load(folder).model(), dataset, 32)[VALIDATION] for folder in folders]
    assert heldout.scores(made.model(), dataset, 32)[VALIDATION] > max(alone)
    assert "then 50% of" in capsys.readouterr().out


def test_what_does_not_help_stays_out(small_set: Path, good: list[np.ndarray], tmp_path: Path) -> None:
    model, broken = network(), network()
    model.set_weights(good)
    broken.set_weights([-a for a in good])
    kitchen = [
        run.load(finished(tmp_path / "broken", small_set, broken)),
        run.load(finished(tmp_path / "good", small_set, model)),
    ]
    made, used = soup.cook(kitchen, kitchen[0].pictures())
    assert used == [soup.Ingredient(tmp_path / "good", 1.0)]
    assert all(np.array_equal(a, b) for a, b in zip(made.get_weights(), good, strict=True))


@pytest.mark.parametrize("what", ["another network", "other labels"])
def test_only_runs_of_one_network_and_one_set_can_be_mixed(
    what: str, small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = finished(tmp_path / "first", small_set, network())
    labels = LABELS if what == "another network" else LABELS[::-1]
    second = finished(tmp_path / "second", small_set, network(8 if what == "other labels" else 9), labels)
    assert main(["soup", str(first), str(second), "--out", str(tmp_path / "soup")]) == 2
    assert f"{second}: " in (said := capsys.readouterr().err)
    assert what in said
    assert not (tmp_path / "soup").exists()


def test_a_run_that_was_trained_on_what_the_others_are_tasted_on_is_refused(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (finished(tmp_path / name, small_set, network()) for name in ("first", "second"))
    items = data.read_splits(small_set / data.SPLITS)
    data.write_splits(second, [replace(item, split=TRAIN) for item in items if item.split == VALIDATION])
    assert main(["soup", str(first), str(second), "--out", str(tmp_path / "soup")]) == 1
    assert f"{second}: was trained on" in capsys.readouterr().err


def test_a_soup_tells_what_its_runs_were_trained_on(small_set: Path, tmp_path: Path) -> None:
    first, second = (finished(tmp_path / name, small_set, network()) for name in ("first", "second"))
    dataset = data.load(small_set)
    data.write_splits(first, dataset.items)
    data.write_splits(second, [Item("elsewhere.jpg", "metal", MAIN, "5" * 64, 0, TRAIN)])
    assert main(["soup", str(first), str(second), "--out", str(tmp_path / "soup")]) == 0
    made = run.load(tmp_path / "soup")
    assert made.pictures().items
    trained = {item.sha256: item for item in dataset.items if item.split == TRAIN}
    for known in ("5" * 64, next(iter(trained))):
        held = replace(dataset.items[0], sha256=known, split=VALIDATION)
        with pytest.raises(DataError, match="was trained on 1 pictures that the set holds out"):
            made.check_held_out([held])


def test_it_is_measured_on_the_set_and_at_the_size_that_it_was_tasted_on(
    small_set: Path, good: list[np.ndarray], tmp_path: Path
) -> None:
    """Though the best run, whose recipe it has, is of another set and of larger pictures."""
    broken, model = network(), network()
    broken.set_weights([-a for a in good])
    model.set_weights(good)
    named_first, best = finished(tmp_path / "first", small_set, broken), tmp_path / "best"
    sized = PLAN.model.model_copy(update={"size": 64})
    plan = PLAN.model_copy(update={"model": sized, "seed": 7})
    run.write_finished(run.Run(best, tmp_path / "other set", LABELS, plan, "train best"), model)
    assert main(["soup", str(named_first), str(best), "--out", str(tmp_path / "soup")]) == 0
    made = run.load(tmp_path / "soup")
    assert made.dataset == small_set
    assert made.recipe.model.size == 32
    assert made.recipe.seed == 7


def test_a_soup_of_one_and_the_folder_of_another_run_are_refused(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (finished(tmp_path / name, small_set, network()) for name in ("first", "second"))
    assert main(["soup", str(first), str(first), "--out", str(tmp_path / "soup")]) == 2
    assert "two runs or more" in capsys.readouterr().err
    before = (first / run.MODEL).read_bytes()
    assert main(["soup", str(first), str(second), "--out", str(first)]) == 2
    assert "holds another run" in capsys.readouterr().err
    assert (first / run.MODEL).read_bytes() == before


def test_a_soup_is_not_written_over_a_set(small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [finished(tmp_path / name, small_set, network()) for name in ("first", "second")]
    assert main(["soup", *map(str, folders), "--out", str(small_set)]) == 2
    assert "holds a prepared set" in capsys.readouterr().err
    assert not (small_set / run.FILE).exists()


def test_the_soup_is_noted_as_what_it_is(small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [finished(tmp_path / name, small_set, network()) for name in ("first", "second")]
    words = ["soup", *map(str, folders), "--out", str(tmp_path / "soup")]
    monkeypatch.setattr("sys.argv", ["smartbin-convert", *words])
    assert main(words) == 0
    assert main(words) == 0, "the same again is fine"
    note = json.loads((tmp_path / "soup" / run.FILE).read_text())
    assert note["command"] == "smartbin-convert " + " ".join(words)
    assert note["labels"] == list(LABELS)
