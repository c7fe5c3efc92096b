"""Teach mode in real Chromium, the real web process behind it: it pauses, has items kept, takes back, goes on."""

from __future__ import annotations

from typing import Any

import headless
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
from site_items import JPEG, opened, site_item

from edge.site_item import Why
from edge.state import BinState, ready

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)]


@pytest.fixture
def teach(chromium: Any, played: PlayedBin) -> Any:
    played.become(ready(BinState("lobby-1", played.state.model, "1")))
    if text_of(chromium, "#word"):  # else the page of the test before has the bin go on as it is left, at any moment
        says(chromium, "#word", "Ready")
    played.answers.clear()
    wait_until(lambda: loads(chromium, f"{played.url}/teach"), WITHIN_S)
    says(chromium, "#classes", "Glass")
    says(chromium, "#word", "Ready")
    played.asked.clear()
    played.wanted.clear()
    return chromium


def tap(browser: Any, words: str) -> None:
    (one,) = [button for button in browser.find_elements("css selector", "button") if button.text.startswith(words)]
    one.click()


def begin(browser: Any) -> None:
    tap(browser, "Begin")
    give_password(browser, PASSWORD)
    says(browser, "#word", "Paused to be taught")
    says(browser, "#taught", "Put an item")


def test_items_are_shown_kept_taken_back_and_the_bin_goes_on(teach: Any, played: PlayedBin) -> None:
    item = site_item(1, label="glass", labelled_by="teach-mode", revision=1, why=(Why.TAUGHT,), event=None)
    store = opened(played.captures)
    store.add(item, JPEG)
    assert not teach.find_element("css selector", "#classes button").is_enabled(), "a bin at work is taught nothing"
    begin(teach)
    played.answers["teach-item"] = {"item_id": item.item_id}
    tap(teach, "Glass")
    says(teach, "#taught", "Glass: kept")
    tap(teach, "Undo")
    says(teach, "#taught", "Taken back")
    assert store.get(item.item_id).label is None
    tap(teach, "New class")
    teach.find_element("id", "fresh-name").send_keys("Coffee cup\n")
    says(teach, "#taught", "Coffee cup: kept, 1 now")
    tap(teach, "End")
    says(teach, "#word", "Ready")
    assert played.asked == ["pause", "teach-item", "teach-item", "resume"]
    assert [wanted.get("label") for wanted in played.wanted] == [None, "glass", "coffee cup", None]
    store.close()


def test_why_the_bin_keeps_nothing_is_said(teach: Any, played: PlayedBin) -> None:
    begin(teach)
    played.answers["teach-item"] = {"ok": False, "refusal": "busy", "message": "nothing lies on the tray"}
    tap(teach, "Glass")
    says(teach, "#taught", "nothing lies on the tray")
    assert not teach.find_element("id", "back").is_enabled()


def test_who_leaves_lets_the_bin_go_on(teach: Any, played: PlayedBin) -> None:
    begin(teach)
    teach.get(f"{played.url}/kiosk")
    wait_until(lambda: played.asked == ["pause", "resume"], WITHIN_S)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_is_wide_enough(teach: Any, scheme: str) -> None:
    wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    teach.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    teach.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert teach.execute_script("return document.documentElement.scrollWidth") <= 360
    axe_finds_nothing(teach)
    teach.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert text_of(teach, "#word") == "Ready"


def test_the_tab_key_reaches_all_that_can_be_used(teach: Any) -> None:
    begin(teach)
    tab_reaches_everything(teach)
