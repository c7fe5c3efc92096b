"""Taught heads: the file, the store of them, and the classifier that answers with one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.adapters.head_store import KEPT, HeadStore
from edge.errors import ModelError, UpdateError
from edge.head import About, Head, from_bytes, to_bytes
from edge.lesson import Compared, Share
from edge.manifest import Input, Manifest, Outputs, Unknown
from edge.model import Prediction
from edge.taught import TaughtClassifier
from edge.teach import Layer
from edge.testing import FakeClassifier

SHA = "ab" * 32
COMPARED = Compared(Share(1, 4), Share(3, 4), Share(2, 4), Share(4, 4))
ABOUT = About(SHA, ("glass", "metal", "cup"), 0.7, "2026-11-26T10:00:00Z", 24, COMPARED, COMPARED)
LAYER = Layer.unchanged(np.arange(12, dtype=np.float32).reshape(3, 4), np.array([0, 1, 2], np.float32))
HEAD = Head(ABOUT, LAYER)
MODEL = Manifest(
    name="m",
    version="1.0.0",
    created="2026-11-24",
    backbone="none",
    sha256=SHA,
    labels=("glass", "metal"),
    input=Input(height=4, width=4, dtype="uint8"),
    outputs=Outputs(logits=0, embedding=1),
    unknown=Unknown(sha256=SHA, threshold=0.5),
    licence="none",
)


@pytest.fixture
def store(tmp_path: Path) -> HeadStore:
    return HeadStore(tmp_path / "heads", SHA)


def test_a_head_comes_back_from_its_file() -> None:
    found = from_bytes(to_bytes(HEAD))

    assert found.about == ABOUT
    assert np.array_equal(found.layer.weights, LAYER.weights)
    assert np.array_equal(found.layer.bias, LAYER.bias)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"PK\x03\x04 nothing",
        to_bytes(HEAD)[:-30],
        to_bytes(replace(HEAD, about=replace(ABOUT, labels=("glass", "metal")))),
        to_bytes(replace(HEAD, about=replace(ABOUT, temperature=0.0))),
        to_bytes(replace(HEAD, layer=replace(LAYER, bias=np.array([0, np.nan, 0], np.float32)))),
        to_bytes(replace(HEAD, layer=replace(LAYER, bias=np.zeros(5, np.float32)))),
    ],
)
def test_a_damaged_head_is_no_head(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_bytes(damaged)


@pytest.mark.parametrize("bit", range(8))
def test_a_head_in_which_one_bit_is_wrong_is_read_or_refused(bit: int) -> None:
    """As large as those of real models, of which numpy looks at the beginning before zipfile has seen the end."""
    sound = to_bytes(Head(ABOUT, Layer.unchanged(np.ones((3, 1280), np.float32), LAYER.bias)))
    for at in (*range(1000), *range(len(sound) - 1000, len(sound))):
        with suppress(ValueError):
            from_bytes(bytes([*sound[:at], sound[at] ^ 1 << bit, *sound[at + 1 :]]))


def test_the_taught_layer_answers_in_place_of_the_models_own() -> None:
    seen = np.array([1, 0, 0, 2], np.float32)
    inner = FakeClassifier([Prediction(np.zeros(2, np.float32), seen, 1.5)])

    classifier = TaughtClassifier(inner, MODEL, "0003", HEAD)

    answer = classifier.classify(np.zeros((4, 4, 3), np.uint8))
    assert answer.logits.tolist() == [6, 19, 32]
    assert answer.inference_ms == 1.5
    assert classifier.manifest.labels == ABOUT.labels
    assert classifier.manifest.temperature == 0.7
    assert classifier.manifest.version == "1.0.0+head.0003"
    assert classifier.manifest.sha256 == SHA, "embeddings are the same model's"


def test_a_threshold_of_the_lesson_takes_the_place_of_the_models() -> None:
    taught = Head(replace(ABOUT, threshold=0.8), LAYER)

    found = TaughtClassifier(FakeClassifier([]), MODEL, "0001", taught).manifest.unknown

    assert found is not None
    assert found.threshold == 0.8


def test_a_head_of_another_model_is_refused() -> None:
    with pytest.raises(ModelError, match="another model"):
        TaughtClassifier(FakeClassifier([]), MODEL, "0001", Head(replace(ABOUT, model_sha256="cd" * 32), LAYER))


def test_a_bin_that_was_never_taught_has_no_head(store: HeadStore) -> None:
    assert not store.numbers()
    assert store.chosen() == "base"


def test_heads_are_numbered_and_one_is_chosen(store: HeadStore) -> None:
    assert [store.add(HEAD), store.add(HEAD)] == ["0001", "0002"]
    assert store.chosen() == "base", "kept, but not used"

    store.use("0002")

    assert store.chosen() == "0002"
    assert store.load("0002").about == ABOUT
    store.use("base")
    assert store.chosen() == "base"


def test_each_model_has_heads_of_its_own(store: HeadStore, tmp_path: Path) -> None:
    store.use(store.add(HEAD))

    other = HeadStore(tmp_path / "heads", "cd" * 32)

    assert other.chosen() == "base"
    assert not other.numbers()


def test_the_oldest_heads_go_but_never_the_one_that_answers(store: HeadStore) -> None:
    store.use(store.add(HEAD))

    for _ in range(KEPT + 5):
        store.add(HEAD)

    assert len(store.numbers()) == KEPT + 1
    assert store.numbers()[0] == "0001"
    assert store.numbers()[-1] == f"{KEPT + 6:04d}"


def test_heads_that_are_kept_at_once_have_numbers_of_their_own(store: HeadStore) -> None:
    with ThreadPoolExecutor(KEPT) as threads:
        numbers = list(threads.map(lambda _: store.add(HEAD), range(KEPT)))

    assert sorted(numbers) == list(store.numbers())


def test_one_that_is_not_there_or_damaged_is_not_used(store: HeadStore) -> None:
    store.use(store.add(HEAD))
    (store.folder / "0002.npz").write_bytes(b"half of")

    with pytest.raises(UpdateError, match="no head '0009' here; name one of 0001, 0002, base"):
        store.use("0009")
    with pytest.raises(ModelError, match=r"0002\.npz.*damaged; teach the bin again"):
        store.use("0002")

    assert store.chosen() == "0001"


@pytest.mark.parametrize("written", ["", "../../etc/passwd", "7", "\xff\xfe"])
def test_nonsense_in_the_choice_is_the_models_own_layer(store: HeadStore, written: str) -> None:
    store.add(HEAD)
    (store.folder / "chosen").write_text(written, encoding="latin-1")

    assert store.chosen() == "base"


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("a file where the folder should be")

    with pytest.raises(UpdateError, match="cannot be written"):
        HeadStore(tmp_path / "heads", SHA).add(HEAD)
