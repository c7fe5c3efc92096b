"""Labelling what was kept, in real Chromium against the real web process: by keyboard, by tap, and two at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import headless
import numpy as np
import pytest
from broker_fixtures import WITHIN_S, wait_until
from playedbin import (
    PASSWORD,
    PlayedBin,
    axe_finds_nothing,
    give_password,
    loads,
    says,
    tab_reaches_everything,
    text_of,
)
from site_items import opened, site_item

from edge.snapshot import jpeg

ITEMS = 12
PICTURE = jpeg(np.full((48, 64, 3), 120, np.uint8))
SELECTED = "[aria-selected='true']"
CURRENT = "return [...document.querySelectorAll('.kept')].findIndex((card) => card.tabIndex === 0)"
SHIFT_RIGHT = "\ue008\ue014"
RIGHT, DOWN, LEFT, HOME = "\ue014", "\ue015", "\ue012", "\ue011"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)]


@pytest.fixture
def ids(played: PlayedBin) -> list[str]:
    """Of fresh items, in the order of the page."""
    store = opened(played.captures)
    for item in list(store.items()):
        store.remove(item.item_id)
    made = [site_item(number, usefulness=round(0.9 - number / 100, 4)) for number in range(ITEMS)]
    for item in made:
        store.add(item, PICTURE)
    store.close()
    return [item.item_id for item in made]


@pytest.fixture
def review(chromium: Any, played: PlayedBin, ids: list[str]) -> Any:
    wait_until(lambda: loads(chromium, f"{played.url}/review"), WITHIN_S)
    wait_until(lambda: len(chromium.find_elements("css selector", ".kept")) == len(ids), WITHIN_S)
    wait_until(lambda: "clothes" in text_of(chromium, "#labels").lower(), WITHIN_S)
    return chromium


def press(browser: Any, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def kept(played: PlayedBin, item_id: str) -> dict[str, Any]:
    (sidecar,) = played.captures.glob(f"*/{item_id}.json")
    return dict(json.loads(sidecar.read_text()))


def labels(played: PlayedBin, ids: list[str]) -> list[str | None]:
    return [kept(played, item_id)["label"] for item_id in ids]


def become(played: PlayedBin, ids: list[str], *wanted: str | None) -> Callable[[], bool]:
    return lambda: labels(played, ids[: len(wanted)]) == list(wanted)


def test_labels_by_keyboard_end_in_the_sidecars_and_are_taken_back(
    review: Any, played: PlayedBin, ids: list[str]
) -> None:
    press(review, "g")
    give_password(review, PASSWORD)
    wait_until(become(played, ids, "glass"), WITHIN_S)
    press(review, "p", "x", "c")
    wait_until(become(played, ids, "glass", "paper", "not-an-item", "cardboard"), WITHIN_S)
    says(review, "#count", f"4 of {ITEMS}")
    press(review, "u", "u")
    wait_until(become(played, ids, "glass", "paper", None, None), WITHIN_S)
    assert review.execute_script(CURRENT) == 2, "what was taken back is the next to be labelled"
    assert kept(played, ids[0])["labelled_by"] == "page"
    says(review, "#count", f"2 of {ITEMS}")


def test_several_are_labelled_at_once_and_a_class_is_new(review: Any, played: PlayedBin, ids: list[str]) -> None:
    press(review, RIGHT, SHIFT_RIGHT, SHIFT_RIGHT)
    assert len(review.find_elements("css selector", SELECTED)) == 3
    press(review, "n", "Coffee cup\n")
    give_password(review, PASSWORD)
    wait_until(become(played, ids, None, "coffee cup", "coffee cup", "coffee cup", None), WITHIN_S)
    says(review, "#labels", "Coffee cup")
    press(review, "u")
    wait_until(become(played, ids, None, None, None, None), WITHIN_S)


def test_who_is_slower_sees_what_it_is_now(review: Any, played: PlayedBin, ids: list[str]) -> None:
    store = opened(played.captures)
    store.label(ids[0], "metal", "page", "2026-11-26T00:00:00Z", 0)
    store.remove(ids[1])
    store.close()
    press(review, "g")
    give_password(review, PASSWORD)
    says(review, ".clash .now", "Metal")
    press(review, "g", "g")
    wait_until(lambda: kept(played, ids[2])["label"] == "glass", WITHIN_S)
    assert kept(played, ids[0])["label"] == "metal"
    wait_until(lambda: len(review.find_elements("css selector", ".kept")) == ITEMS - 1, WITHIN_S)
    says(review, "#count", f"2 of {ITEMS - 1}")


def test_without_the_password_nothing_is_labelled_and_the_page_says_so(
    review: Any, played: PlayedBin, ids: list[str]
) -> None:
    press(review, "g")
    wait_until(lambda: review.execute_script("return document.getElementById('login').open"), WITHIN_S)
    press(review, "\ue00c")
    says(review, "#said", "password")
    assert labels(played, ids) == [None] * ITEMS
    assert not review.find_elements("css selector", ".done")


def test_taps_select_and_a_button_labels(review: Any, played: PlayedBin, ids: list[str]) -> None:
    review.find_element("id", "several").click()
    cards = review.find_elements("css selector", ".kept")
    cards[0].click()
    cards[2].click()
    review.find_element("css selector", "#labels [aria-keyshortcuts='g']").click()
    give_password(review, PASSWORD)
    wait_until(become(played, ids, "glass", None, "glass"), WITHIN_S)


def test_one_label_is_shown_and_corrected(review: Any, played: PlayedBin, ids: list[str]) -> None:
    store = opened(played.captures)
    store.label(ids[4], "shoes", "page", "2026-11-26T00:00:00Z", 0)
    store.close()
    review.refresh()
    says(review, "#filter", "Shoes (1)")
    review.execute_script(
        "const f = document.getElementById('filter'); f.value = 'label shoes'; f.dispatchEvent(new Event('change'))"
    )
    wait_until(lambda: len(review.find_elements("css selector", ".kept")) == 1, WITHIN_S)
    review.execute_script("document.querySelector('.kept').focus()")
    press(review, "b")
    give_password(review, PASSWORD)
    wait_until(lambda: kept(played, ids[4])["label"] == "battery", WITHIN_S)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(review: Any, scheme: str) -> None:
    wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    review.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    press(review, " ")
    axe_finds_nothing(review)


def test_nothing_is_wider_than_a_phone(review: Any) -> None:
    size = {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    review.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert review.execute_script("return document.documentElement.scrollWidth") <= 360
    review.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_tab_key_reaches_all_that_can_be_used(review: Any) -> None:
    tab_reaches_everything(review)
