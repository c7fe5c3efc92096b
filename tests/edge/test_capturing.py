"""The observer that keeps items: what of a running bin ends up on disk, and that it never holds the loop up."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broker_fixtures import wait_until
from fakebin import ITEM, Bin
from site_items import opened

from edge.adapters.capturing import FULL, MOST_WAITING, Capturing
from edge.adapters.site_store import SiteCounts, SiteStore
from edge.capture import CaptureRules
from edge.errors import SiteError
from edge.images import read_image
from edge.model import Box, Correction, Phase, Prediction, Signal
from edge.site_item import SiteItem, Why
from edge.testing import FakeFlap, FakeOutbox, blank_frame

RULES = CaptureRules(random_share=0.5, margin_below=0.25, routes={"glass": "recycling", "battery": "hazard"})
BOX = Box(0.25, 0.25, 0.25, 0.25)
SETTLED = Signal(Phase.SETTLED, BOX)
PLACED: list[Signal | Phase] = [Phase.EMPTY, SETTLED, SETTLED, SETTLED, Phase.EMPTY]
UNSURE = Prediction(np.zeros(2, np.float32), np.array([1.0, 2.0], np.float32), 1.0)


def capturing(store: SiteStore, *, drawn: float = 1.0, blurred: bool = False, tend_every_s: float = 60.0) -> Capturing:
    return Capturing(store, RULES, margin=0.25, blurred=blurred, random=lambda: drawn, tend_every_s=tend_every_s)


def run(bin_: Bin, observer: Capturing) -> None:
    bin_.observers = [observer]
    bin_.run()
    observer.close()


def kept(folder: Path) -> list[SiteItem]:
    store = opened(folder)
    items = list(store.items())
    store.close()
    return items


def test_a_hard_item_is_kept_with_its_event_its_embedding_and_its_picture(tmp_path: Path) -> None:
    run(Bin(PLACED, answers=[UNSURE]), capturing(opened(tmp_path)))
    (item,) = kept(tmp_path)
    assert item.why == (Why.ABSTAINED, Why.LOW_MARGIN)
    assert (item.item_id, item.bin_id, item.day, item.usefulness) == ("id-0", "b", "2026-01-01", 1.0)
    assert item.event is not None
    assert item.event.seq == 1
    assert item.embedding is not None
    assert (item.embedding.model_sha256, item.embedding.vector.tolist()) == ("0" * 64, [1.0, 2.0])
    store = opened(tmp_path)
    assert read_image(store.picture("id-0")).shape == (24, 24, 3), "16 x 12 px, made square, 25 % on each side"
    store.close()


def test_of_sure_items_the_drawn_ones_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    run(Bin(ITEM), capturing(opened(folder), drawn=0.9))
    assert not folder.exists(), "nothing is made before it is needed"
    run(Bin(ITEM), capturing(opened(folder), drawn=0.1))
    assert [item.why for item in kept(folder)] == [(Why.RANDOM,)]


def say(observer: Capturing, label: str, item_id: str = "id-0") -> None:
    observer.corrected(Correction(item_id, "b", "2026-01-01T00:01:00.000Z", True, label))


def test_a_sure_one_that_was_wrong_is_kept_once_somebody_says_so(tmp_path: Path) -> None:
    observer = capturing(opened(tmp_path), drawn=0.9)
    bin_ = Bin(PLACED)
    bin_.observers = [observer]
    bin_.run()
    say(observer, "battery")
    say(observer, "cup")  # and then thinks again
    observer.close()
    (item,) = kept(tmp_path)
    assert (item.item_id, item.label, item.labelled_by, item.why) == ("id-0", "cup", "correction", (Why.CORRECTED,))
    assert (item.labelled_at, item.usefulness, item.revision) == ("2026-01-01T00:01:00.000Z", 1.0, 2)
    store = opened(tmp_path)
    assert read_image(store.picture("id-0")).shape == (24, 24, 3)
    store.close()


def test_a_kept_one_gets_the_label_and_one_of_long_ago_nothing(tmp_path: Path) -> None:
    observer = capturing(opened(tmp_path))
    bin_ = Bin(PLACED, answers=[UNSURE])
    bin_.observers = [observer]
    bin_.run()
    say(observer, "battery", "long-ago")
    say(observer, "battery")
    observer.close()
    assert observer.trouble is None
    (item,) = kept(tmp_path)
    assert (item.label, item.why[-1]) == ("battery", Why.CORRECTED)


def test_a_correction_does_not_overtake_its_item(tmp_path: Path) -> None:
    """Both come while the disk is still at the item before."""

    class Busy(SiteStore):
        def add(self, item: SiteItem, jpeg: bytes) -> bool:
            if item.item_id == "id-0":
                observer.decided(frame, BOX, [UNSURE], decision)
                observer.handled(replace(first, event_id="id-1"), frame)
                say(observer, "battery", "id-1")
            return super().add(item, jpeg)

    bin_ = Bin(PLACED, answers=[UNSURE])
    (first,) = bin_.run()
    observer = capturing(Busy(tmp_path, 50_000_000, 0.5))
    ((_, _, decision),), frame = bin_.observer.decisions, blank_frame()
    observer.decided(frame, BOX, [UNSURE], decision)
    observer.handled(first, frame)
    wait_until((tmp_path / "2026-01-01" / "id-1.json").exists)
    observer.close()
    assert [(item.item_id, item.label) for item in kept(tmp_path)] == [("id-0", None), ("id-1", "battery")]


def test_only_the_last_ones_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.adapters.capturing.HELD", 2)
    observer = capturing(opened(tmp_path), drawn=0.9)
    bin_ = Bin(PLACED * 3)
    bin_.observers = [observer]
    bin_.run()
    for number in range(3):
        say(observer, "battery", f"id-{number}")
    observer.close()
    assert [item.item_id for item in kept(tmp_path)] == ["id-1", "id-2"]


def test_jams_and_flap_errors_are_kept_however_sure_the_bin_was(tmp_path: Path) -> None:
    run(Bin([*ITEM[:-1], *[Phase.SETTLED] * 60]), capturing(opened(tmp_path / "jam")))
    run(Bin([*ITEM[:-1], *[Phase.SETTLED] * 60], flap=FakeFlap(fails={1})), capturing(opened(tmp_path / "flap")))
    assert [item.why for item in kept(tmp_path / "jam")] == [(Why.JAM,)]
    assert [item.why for item in kept(tmp_path / "flap")] == [(Why.FLAP_ERROR,)]


def test_what_cannot_be_blurred_is_not_kept(tmp_path: Path) -> None:
    run(Bin(ITEM, answers=[UNSURE]), capturing(opened(tmp_path / "nowhere"), blurred=True))
    assert not kept(tmp_path / "nowhere"), "where the item lies is not known"
    run(Bin(PLACED, answers=[UNSURE]), capturing(opened(tmp_path / "placed"), blurred=True))
    assert kept(tmp_path / "placed")


class Slow(SiteStore):
    """A disk that takes nothing until it is told to, or that fails."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 50_000_000, 0.5)
        self.go_on = threading.Event()
        self.fails = False
        self.has_room = True

    def add(self, item: SiteItem, jpeg: bytes) -> bool:
        assert self.go_on.wait(60)
        if self.fails:
            raise SiteError("the disk is full")
        return self.has_room and super().add(item, jpeg)


def test_a_slow_disk_holds_nothing_up_and_what_is_lost_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Slow(tmp_path)
    observer = capturing(store)
    bin_ = Bin(PLACED * 20, answers=[UNSURE])
    bin_.observers = [observer]
    assert len(bin_.run()) == 20, "while the disk takes nothing"
    assert 20 - observer.dropped in (MOST_WAITING, MOST_WAITING + 1)
    assert "not_kept" in caplog.text
    store.go_on.set()
    observer.close()
    assert len(kept(tmp_path)) == 20 - observer.dropped


def test_a_full_disk_is_told_and_forgotten_once_it_takes_something(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    store.go_on.set()
    store.fails = True
    observer = capturing(store)
    bin_ = Bin(PLACED, answers=[UNSURE])
    bin_.observers = [observer]
    bin_.run()
    wait_until(lambda: observer.trouble == "the disk is full")
    store.fails = False
    bin_ = Bin(PLACED, answers=[UNSURE])
    bin_.observers = [observer]
    bin_.run()
    wait_until(lambda: observer.trouble is None)
    assert isinstance(observer.counts, SiteCounts)
    assert observer.counts.total == 1
    observer.close()


def test_a_quota_full_of_labels_is_told(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    store.go_on.set()
    store.has_room = False
    observer = capturing(store, tend_every_s=0.01)
    run(Bin(PLACED, answers=[UNSURE]), observer)
    assert observer.trouble == FULL


class Tended(SiteStore):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 50_000_000, 0.5)
        self.tended = threading.Event()

    def tend(self) -> None:
        self.tended.set()


def test_it_looks_after_the_quota_while_nothing_happens(tmp_path: Path) -> None:
    store = Tended(tmp_path)
    observer = capturing(store, tend_every_s=0.01)
    store.tended.clear()
    assert store.tended.wait(30)
    observer.close()
    observer.close()


def test_it_looks_after_the_quota_while_there_is_no_pause(tmp_path: Path) -> None:
    store = Tended(tmp_path)
    observer = capturing(store, tend_every_s=0.5)
    wait_until(store.tended.is_set)
    store.tended.clear()
    until_s = time.monotonic() + 30
    while not store.tended.is_set() and time.monotonic() < until_s:
        say(observer, "battery", "long-ago")
    observer.close()
    assert store.tended.is_set()


def test_an_item_decided_on_twice_is_kept_once(tmp_path: Path) -> None:
    outbox = FakeOutbox()
    outbox.full = True
    looks = iter(range(100))

    def look() -> bool:
        outbox.full = next(looks) < 7
        return False

    bin_ = Bin([Phase.EMPTY, *[SETTLED] * 9, Phase.EMPTY], answers=[UNSURE], outbox=outbox)
    observer = capturing(opened(tmp_path))
    bin_.observers = [observer]
    bin_.run(look)
    observer.close()
    assert len(bin_.observer.decisions) > 1, "the disk refused the intent at first"
    assert len(kept(tmp_path)) == 1
