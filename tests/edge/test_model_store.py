"""Which model runs: the shipped one, an installed package, or the one before it."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tinymodel import write_tiny_model

from edge import model_choice
from edge.adapters.arrivals import Arrivals
from edge.adapters.model_store import ModelStore
from edge.errors import UpdateError
from edge.model_choice import SHIPPED, Choice


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    folder = tmp_path / "models"
    for version in ("1.0.0", "1.1.0"):
        write_tiny_model(folder / f"tiny-{version}", version=version)
    return ModelStore(folder)


def test_without_a_choice_the_shipped_one_runs(tmp_path: Path, store: ModelStore) -> None:
    assert ModelStore(tmp_path / "nowhere").usable() == SHIPPED
    assert store.usable() == SHIPPED
    assert store.installed() == ["tiny-1.0.0", "tiny-1.1.0"]


def test_what_was_chosen_runs_and_what_ran_before_is_kept_for_the_way_back(store: ModelStore) -> None:
    store.use("tiny-1.0.0")
    store.use("tiny-1.1.0")
    assert store.choice() == Choice("tiny-1.1.0", fallback="tiny-1.0.0")
    store.reject("tiny-1.1.0", "it answers NaN")
    assert store.usable() == "tiny-1.0.0"
    assert store.rejected() == {"tiny-1.1.0": "it answers NaN"}
    store.reject("tiny-1.0.0", "so does this")
    assert store.usable() == SHIPPED


def test_what_a_person_wants_again_is_no_longer_rejected(store: ModelStore) -> None:
    store.reject("tiny-1.0.0", "too slow")
    store.use("tiny-1.0.0")
    assert (store.usable(), store.rejected()) == ("tiny-1.0.0", {})


def test_two_who_write_at_once_both_write_it_whole(store: ModelStore) -> None:
    store.folder.mkdir(exist_ok=True)

    def write(letter: str) -> set[str]:
        seen = set[str]()
        for _ in range(100):
            store.write("note", letter * 5000)
            seen.add(store.read("note"))
        return seen

    with ThreadPoolExecutor(3) as threads:
        seen = set[str]().union(*threads.map(write, "abc"))
    assert seen <= {letter * 5000 for letter in "abc"}


def test_of_two_who_put_packages_back_at_once_neither_is_lost(store: ModelStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: store.reject(f"bad-{number}", "slow"), range(12)))
    assert set(store.rejected()) == {f"bad-{number}" for number in range(12)}


def test_what_is_not_there_cannot_be_used(store: ModelStore) -> None:
    with pytest.raises(UpdateError, match=r"no model 'tiny-9' here; name one of shipped, tiny-1\.0\.0"):
        store.use("tiny-9")


@pytest.mark.parametrize(
    "text", ["", "\n\n", "../../etc\n", ".incoming\n", "tiny-9.9\ngone-1\n", "\x00\xff\n/", "shipped\n"]
)
def test_a_damaged_choice_is_the_shipped_one(store: ModelStore, text: str) -> None:
    (store.folder / "current").write_text(text, encoding="latin-1")
    (store.folder / "rejected.json").write_text("{")
    assert store.usable() == SHIPPED


def test_a_package_that_cannot_be_looked_at_is_passed_over(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    names = store.installed()
    is_file = Path.is_file

    def look(path: Path) -> bool:
        if path.parent.name == names[0]:
            raise OSError(errno.EIO, "Input/output error")  # a card that fails
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", look)
    assert store.installed() == names[1:]


def test_a_removed_package_is_gone_all_at_once(store: ModelStore) -> None:
    store.use("tiny-1.0.0")
    Arrivals(store).remove("tiny-1.0.0")
    assert store.installed() == ["tiny-1.1.0"]
    assert store.usable() == SHIPPED


def test_a_choice_is_read_as_it_was_written() -> None:
    choice = Choice("a-1", "b-2")
    assert model_choice.parse(model_choice.dump(choice)) == choice
    assert model_choice.after_use(choice, "a-1") == choice, "the way back stays"
    assert model_choice.after_failure(choice, "b-2") == Choice("a-1", SHIPPED)
