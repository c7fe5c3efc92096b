"""An installed model package that cannot be run is put back, while the bin goes on with the one before it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import wait_until
from fakebin import quiet_reporter
from tinymodel import COLOURS, write_tiny_model

from edge import app, chosen, config, shadow
from edge.adapters import shadowing
from edge.adapters.model_keeper import FAILING_S, LOOK_EVERY_S, MOST_TRIALS, PROVEN_S, ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.config import Settings
from edge.errors import CameraError, ModelError
from edge.model import Fault, Problem
from edge.model_choice import SHIPPED
from edge.reload import Reload
from edge.shadow import Result
from edge.wire import parse_event

NAN = "the model answers NaN"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    folder = tmp_path / "models"
    for version in ("1", "2"):
        write_tiny_model(folder / f"tiny-{version}", version=version)
    store = ModelStore(folder)
    store.use("tiny-1")
    store.use("tiny-2")
    return store


def opened(keeper: ModelKeeper, bad: tuple[str, ...] = (), now_s: float = 0.0) -> str:
    def open_package(folder: Path) -> str:
        if folder.name in bad:
            raise ModelError(f"{folder.name} cannot be loaded")
        return folder.name

    return keeper.open(now_s, open_package, lambda: SHIPPED)


def test_the_one_before_it_runs_and_the_reason_is_kept(store: ModelStore) -> None:
    keeper, told = ModelKeeper(store), quiet_reporter()
    assert opened(keeper, bad=("tiny-2",)) == keeper.package == "tiny-1"
    assert not keeper.other_wanted(told, 1.0)
    (warning,) = told.state.warnings
    assert warning.problem is Problem.MODEL_PUT_BACK
    assert warning.message == (
        "tiny-2 was put back (tiny-2 cannot be loaded); tiny-1 runs. To take it again: `smartbin models use tiny-2`"
    )
    assert opened(ModelKeeper(store)) == "tiny-1", "also after the next start"


def test_with_every_package_bad_the_shipped_one_runs(store: ModelStore) -> None:
    assert opened(ModelKeeper(store), bad=("tiny-1", "tiny-2")) == SHIPPED


def test_a_disk_that_takes_nothing_does_not_keep_the_bin_from_starting(store: ModelStore) -> None:
    (store.folder / ".rejected.json.new").mkdir()
    (store.folder / ".trial.new").mkdir()
    keeper = ModelKeeper(store)
    assert opened(keeper, bad=("tiny-2",)) == "tiny-1"
    assert store.rejected() == {}
    assert not keeper.other_wanted(quiet_reporter(), LOOK_EVERY_S), "it is not tried again and again"


def test_a_program_that_dies_with_it_is_no_endless_loop(store: ModelStore) -> None:
    starts = [opened(ModelKeeper(store)) for _ in range(MOST_TRIALS + 1)]
    assert starts == ["tiny-2"] * MOST_TRIALS + ["tiny-1"]
    assert "ended 3 times" in store.rejected()["tiny-2"]


def test_power_cuts_are_no_failure_of_a_package_that_ran_well(store: ModelStore) -> None:
    keeper = ModelKeeper(store)
    opened(keeper)
    assert not keeper.other_wanted(quiet_reporter(), PROVEN_S + LOOK_EVERY_S)
    assert {opened(ModelKeeper(store)) for _ in range(10)} == {"tiny-2"}


def test_nor_are_clean_ends(store: ModelStore) -> None:
    for _ in range(10):
        keeper = ModelKeeper(store)
        assert opened(keeper) == "tiny-2"
        keeper.ended()


@pytest.fixture
def settings(tmp_path: Path, store: ModelStore) -> Settings:
    """Of a whole bin that is to run with tiny-2."""
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    text = config_text(write_tiny_model(tmp_path / "model"), pictures, 1, tmp_path, loop=True)
    return config.parse(text, {"SMARTBIN_MQTT__ENABLED": "false"}, base=tmp_path)


def test_nor_are_reloads(settings: Settings, store: ModelStore) -> None:
    wanted = ["reload"] * (MOST_TRIALS + 1)
    app.run(settings, {}, lambda: not wanted, reload=Reload(lambda: bool(wanted and wanted.pop()), lambda: settings))
    assert (store.usable(), store.rejected()) == ("tiny-2", {})


def test_nor_is_another_part_that_is_missing(settings: Settings, store: ModelStore) -> None:
    assert settings.camera.path is not None
    shutil.rmtree(settings.camera.path)
    for _ in range(MOST_TRIALS + 1):
        with pytest.raises(CameraError):
            app.run(settings, {}, lambda: True)
    assert (store.usable(), store.rejected()) == ("tiny-2", {})


def test_one_that_fails_while_it_runs_is_put_back_but_not_for_one_bad_picture(store: ModelStore) -> None:
    keeper, told = ModelKeeper(store), quiet_reporter()
    opened(keeper)
    told.fault(Fault("model", NAN, Problem.MODEL_FAILED))
    assert not keeper.other_wanted(told, LOOK_EVERY_S)
    told.healed("model")
    assert not keeper.other_wanted(told, 10.0)
    told.fault(Fault("model", NAN, Problem.MODEL_FAILED))
    assert not keeper.other_wanted(told, 10.0 + LOOK_EVERY_S)
    assert keeper.other_wanted(told, 11.0 + FAILING_S)
    assert opened(keeper) == "tiny-1"
    assert store.rejected() == {"tiny-2": NAN}


def test_what_somebody_chooses_is_taken_over_and_ends_the_warning(store: ModelStore) -> None:
    keeper, told = ModelKeeper(store), quiet_reporter()
    opened(keeper, bad=("tiny-2",))
    keeper.other_wanted(told, LOOK_EVERY_S)
    store.use("tiny-2")
    assert keeper.other_wanted(told, 2 * LOOK_EVERY_S)
    assert opened(keeper) == "tiny-2"
    told.healed("package")  # as when the parts are put together anew
    assert not keeper.other_wanted(told, 4 * LOOK_EVERY_S)
    assert not told.state.warnings


@pytest.mark.slow
def test_a_running_bin_changes_models_between_items_and_survives_a_bad_one(tmp_path: Path) -> None:
    """The real program: shipped, then a package, then one whose file is damaged; no restart of the process."""
    shipped = write_tiny_model(tmp_path / "model")
    store = ModelStore(tmp_path / "models")
    write_tiny_model(store.path("tiny-2"), version="2")
    write_tiny_model(store.path("tiny-3"), version="3")
    (store.path("tiny-3") / "model.tflite").write_bytes(b"no model")
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    process = BinProcess(tmp_path, config_text(shipped, pictures, 1, tmp_path, loop=True))
    process.start(SMARTBIN_MQTT__ENABLED="false")
    settings = config.load(process.config, {})

    def last_version() -> str:
        return parse_event(app.waiting_events(settings, 100_000)[-1].payload).model.version

    try:
        process.wait_for_items(2)
        assert last_version() == "1.0.0"
        store.use("tiny-2")
        wait_until(lambda: last_version() == "2", within_s=60)
        store.use("tiny-3")
        wait_until(lambda: "model_put_back" in process.log, within_s=60)
        items = process.items
        process.wait_for_items(items + 2)
        assert last_version() == "2"
        assert "sha256" in store.rejected()["tiny-3"]
    finally:
        process.kill()


@pytest.mark.slow
def test_a_running_bin_compares_a_new_model_and_takes_it_over(tmp_path: Path) -> None:
    """The real program, from the candidate to the first item that the new model sorted."""
    shipped = write_tiny_model(tmp_path / "model")
    store = ModelStore(tmp_path / "models")
    write_tiny_model(store.path("tiny-2"), version="2")
    store.propose("tiny-2")
    (tmp_path / "root.json").touch()
    update = f"""
[update]
mode = "auto"
url = "{tmp_path}/stick"
root = "{tmp_path}/root.json"
shadow_items = 10
max_slower = 100.0
"""
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    process = BinProcess(tmp_path, config_text(shipped, pictures, 1, tmp_path, loop=True) + update)
    process.start(SMARTBIN_MQTT__ENABLED="false")
    settings = config.load(process.config, {})
    try:
        process.wait_for_items(1)

        def versions() -> list[str]:
            return [parse_event(stored.payload).model.version for stored in app.waiting_events(settings, 100_000)]

        wait_until(lambda: versions()[-1] == "2", within_s=120)
        assert versions()[:10] == ["1.0.0"] * 10
        compared = shadow.parse(store.read(shadowing.FILE))
        assert compared is not None
        assert (compared.result, compared.same_label) == (Result.FINE, compared.items), "it is the same model"
    finally:
        process.kill()


def test_a_package_whose_label_has_no_compartment_is_put_back_and_the_shipped_one_knows_fewer(tmp_path: Path) -> None:
    shipped = write_tiny_model(tmp_path / "model")
    store = ModelStore(tmp_path / "models")
    labels = (*list(COLOURS)[:-1], "cup")
    write_tiny_model(store.path("tiny-2"), version="2", labels=labels)
    text = config_text(shipped, tmp_path, 1, tmp_path)
    settings = config.parse(text, {}, base=tmp_path)
    store.use("tiny-2")
    keeper = ModelKeeper(store)
    running, classifier = chosen.open_chosen(settings, keeper)
    classifier.close()
    assert running.model.path == shipped
    assert "label 'cup' is not routed" in store.rejected()["tiny-2"]

    settings = config.parse(text.replace("'cardboard'", "'cardboard', 'cup'"), {}, base=tmp_path)
    store.use("tiny-2")
    running, classifier = chosen.open_chosen(settings, keeper)
    classifier.close()
    assert running.model.path == store.path("tiny-2")
    store.reject("tiny-2", "abstains too often")
    running, classifier = chosen.open_chosen(settings, keeper)
    classifier.close()
    assert running.model.path == shipped, "a routed label that it does not know does no harm"
