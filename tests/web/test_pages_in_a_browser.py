"""The pages in real Chromium, served by the real web process of a bin; its bin is played by the test, over the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import headless
import pytest
from broker_fixtures import WITHIN_S, wait_until
from PIL import Image
from playedbin import (
    PASSWORD,
    PlayedBin,
    axe_finds_nothing,
    give_password,
    loads,
    says,
    tab_reaches_everything,
)
from tinymodel import COLOURS

from edge.model import Fault, Problem
from edge.state import BinState, Shadow, Updates, ready, with_fault

NBSP = "\u00a0"
HAND = Fault("chute", "a hand is in the chute; take it out", Problem.HAND_IN_CHUTE)
SORTED = {"outcome": "sorted", "label": "glass", "compartment": "recycling", "confidence": 0.97, "reason": None}
ABSTAINED = {**SORTED, "outcome": "abstained", "compartment": "landfill", "reason": "unsure"}

ITEM_BUTTON = "#items .item button"

# What is there once the scripts of a page have done their work.
FILLED = {"/": "#items .item", "/kiosk": ".help", "/try": "[data-text]:not(:empty)", "/docs": "#paths h2"}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)]


@pytest.fixture
def show(chromium: Any, played: PlayedBin) -> Callable[[str], Any]:
    """Opens a page of a bin that is ready; the tests share a browser."""

    def opened(path: str) -> Any:
        played.become(ready(BinState("lobby-1", played.state.model, "1")))
        wait_until(lambda: loads(chromium, played.url + path), WITHIN_S)
        return chromium

    return opened


def is_whole(browser: Any, played: PlayedBin) -> None:
    """Waits until the page of a bin shows the newest item, and the chart, which comes last."""
    newest = "return document.querySelector('#items .item')?.dataset.id"
    wait_until(lambda: browser.execute_script(newest) == f"id-{played.seq}")
    says(browser, "#days table", str(played.seq))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/kiosk", "/try", "/docs"])
def test_axe_finds_nothing(show: Callable[[str], Any], played: PlayedBin, path: str, scheme: str) -> None:
    browser = show(path)
    # without movement: a colour on its way to another has a contrast of its own
    wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    played.become(with_fault(played.state, Fault("camera", "check its cable", Problem.CAMERA_LOST)))
    played.handle(ABSTAINED)
    wait_until(lambda: browser.find_elements("css selector", FILLED[path]), WITHIN_S)
    axe_finds_nothing(browser)


@pytest.mark.parametrize("path", ["/", "/try", "/docs"])
def test_the_tab_key_reaches_all_that_can_be_used(show: Callable[[str], Any], played: PlayedBin, path: str) -> None:
    played.handle(ABSTAINED)
    browser = show(path)
    wait_until(lambda: browser.find_elements("css selector", FILLED[path]), WITHIN_S)
    if path == "/":
        is_whole(browser, played)
    tab_reaches_everything(browser)


def test_what_an_item_really_was_is_said_by_keyboard(show: Callable[[str], Any], played: PlayedBin) -> None:
    played.handle(SORTED)
    browser = show("/")
    is_whole(browser, played)
    button = browser.find_element("css selector", ITEM_BUTTON)
    assert button.accessible_name.startswith("Wrong? Glass, ")
    button.send_keys("\n")
    wait_until(lambda: browser.execute_script("return document.getElementById('correct').open"), WITHIN_S)
    choice = browser.switch_to.active_element
    assert (choice.accessible_name, choice.aria_role) == ("It was", "combobox")
    names = [option.text for option in choice.find_elements("tag name", "option")]
    assert (names[0], names[-1]) == ("Choose …", "Not an item")
    assert "Glass" not in names
    axe_finds_nothing(browser)
    played.asked.clear()
    go = browser.find_element("css selector", "#correct button")
    go.send_keys("\n")
    assert browser.execute_script("return document.getElementById('correct').open"), "nothing was chosen yet"
    choice.send_keys("Plas")
    go.send_keys("\n")
    give_password(browser, PASSWORD)
    says(browser, "#items .item .corrected", "It was: Plastic")
    says(browser, "#answer", "Done")
    assert played.asked == ["correct"]
    assert (played.wanted[-1]["event_id"], played.wanted[-1]["label"]) == (f"id-{played.seq}", "plastic")
    wait_until(lambda: browser.switch_to.active_element == button, WITHIN_S)
    show("/")
    says(browser, "#items .item .corrected", "It was: Plastic")


SLOW_CARD = """
const asked = window.fetch;
const gate = new Promise((open) => (window.openGate = open));
window.fetch = async (path, ...more) => {
  if (String(path).endsWith("/card")) { window.cardAsked = true; await gate; }
  return asked(path, ...more);
};
"""


def test_an_item_that_comes_while_the_page_loads_stays(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/kiosk")  # any other page: what is loaded next is loaded with the gate
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SLOW_CARD})
    try:
        show("/")
        wait_until(lambda: browser.execute_script("return window.cardAsked"), WITHIN_S)
        before = len(browser.find_elements("css selector", "#items .item"))
        played.handle(SORTED)
        wait_until(lambda: len(browser.find_elements("css selector", "#items .item")) > before, WITHIN_S)
        name = browser.execute_script("return document.querySelector('#items .item img').src")
        browser.execute_script("window.openGate()")
        says(browser, "#model", "tiny")
        assert browser.execute_script("return document.querySelector('#items .item img').src") == name
        names = browser.execute_script("return [...document.querySelectorAll('#items .item img')].map((it) => it.src)")
        assert len(set(names)) == len(names), "shown once"
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_the_password_is_asked_for_once_and_a_wrong_one_said(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/")
    says(browser, "#word", "Ready")
    played.asked.clear()
    browser.find_element("id", "pause").click()
    give_password(browser, "open")
    says(browser, "#answer", "not the password")
    assert played.asked == []
    browser.find_element("id", "pause").click()
    give_password(browser, PASSWORD)
    says(browser, "#word", "Paused")
    browser.find_element("id", "pause").click()
    says(browser, "#word", "Ready")
    assert played.asked == ["pause", "resume"]


def test_a_flap_moves_only_after_a_confirmation(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/")
    played.become(BinState("lobby-1", played.state.model, "1", state="ready", by_compartment={"recycling": 1}))
    says(browser, "#compartments", "Recycling")
    played.asked.clear()
    button = browser.find_element("css selector", "[aria-label='Test flap: Recycling']")
    button.click()
    browser.switch_to.alert.dismiss()
    button.send_keys("\n")  # by keyboard; a new state has not taken the focus away
    assert "hands" in browser.switch_to.alert.text
    browser.switch_to.alert.accept()
    give_password(browser, PASSWORD)
    wait_until(lambda: played.asked == ["test-flap"], WITHIN_S)


def test_a_new_model_is_shown_beside_the_one_that_sorts_and_looked_for(
    show: Callable[[str], Any], played: PlayedBin
) -> None:
    browser = show("/")
    says(browser, "#word", "Ready")
    assert not browser.find_element("id", "updates").is_displayed(), "[update] is off"
    beside = Shadow("tiny-2", "comparing", 50, 200, 0.96, 0.98, 0.02, 0.04, 80.0, 92.4)
    told = Updates(False, "2026-11-26T12:00:00+00:00", True, "tiny-2 is here", beside)
    played.become(replace(played.state, updates=told))
    says(browser, "#newer", "tiny-2 is here")
    for words in (
        "50 of 200 items",
        f"96{NBSP}% of labels, 98{NBSP}% of compartments",
        f"4{NBSP}%, the model that sorts 2{NBSP}%",
        "92 ms",
    ):
        says(browser, "#newer", words)
    played.asked.clear()
    browser.find_element("id", "update-models").click()
    give_password(browser, PASSWORD)
    wait_until(lambda: played.asked == ["update-models"], WITHIN_S)


def test_items_come_live_stay_few_and_are_no_markup(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/")
    says(browser, "#word", "Ready")
    for _ in range(25):
        played.handle({**SORTED, "label": "<b>glass", "reason": "<img src=x>"})
        played.see("empty")
    wait_until(lambda: browser.execute_script("return document.querySelectorAll('#items li').length") == 20, WITHIN_S)
    says(browser, "#items li", "<b>glass → Recycling")
    assert not browser.find_elements("css selector", "#items b")
    says(browser, "#days table", "25" if played.seq == 25 else str(played.seq))


def test_the_tray_is_shown_to_who_looks(show: Callable[[str], Any]) -> None:
    browser = show("/")
    width = "return document.querySelector('#tray:not([hidden])')?.naturalWidth"
    wait_until(lambda: browser.execute_script(width) == 64, WITHIN_S)


def test_the_kiosk_says_where_it_went_and_what_to_do(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/kiosk")
    says(browser, "#big", "Put it on the tray")
    played.see("settled")
    says(browser, "#big", "Let me see")
    played.see("empty")
    played.handle(SORTED)
    says(browser, "#big", "Glass → Recycling")
    played.handle(ABSTAINED)
    says(browser, "#big", "Not sure")
    says(browser, "#small", "Landfill")
    played.become(with_fault(played.state, HAND))
    says(browser, "#big", "Please take your hand out")
    played.become(ready(BinState("lobby-1", played.state.model, "1")))
    says(browser, "#big", "Put it on the tray")


def test_pictures_are_tried_and_what_is_none_is_said(show: Callable[[str], Any], tmp_path: Path) -> None:
    browser = show("/try")
    says(browser, "h1", "What is it")
    Image.new("RGB", (160, 120), COLOURS["glass"]).save(tmp_path / "glass.png")
    (tmp_path / "letter.png").write_text("no picture")
    browser.find_element("id", "file").send_keys(f"{tmp_path / 'glass.png'}\n{tmp_path / 'letter.png'}")
    says(browser, ".answer.sorted", "Recycling")
    says(browser, ".answer.rejected", "letter.png")
    assert len(browser.find_elements("css selector", ".answer.sorted meter")) == 3


def test_a_lost_line_is_said_and_found_again(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/")
    says(browser, "#word", "Ready")
    played.stop()
    says(browser, "#word", "No connection")
    played.start()
    says(browser, "#word", "Ready")


# The disk with the history does not answer until the page is told that it is well.
AILING = """
const ask = window.fetch;
window.fetch = (path, ...more) =>
  !window.well && String(path).startsWith("/api/v1/events") ? ask("/api/v1/events/none", ...more) : ask(path, ...more);
"""


def test_what_cannot_be_had_keeps_nothing_else_away_and_comes_later(
    show: Callable[[str], Any], played: PlayedBin
) -> None:
    played.handle(SORTED)
    browser = show("/kiosk")
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": AILING})
    try:
        show("/")
        says(browser, "#word", "Ready")
        says(browser, "#model", "tiny")
        wait_until(lambda: browser.find_elements("css selector", "#days tbody tr"), WITHIN_S)
        assert not browser.find_elements("css selector", "#items .item")
        browser.execute_script("window.well = true")
        wait_until(lambda: browser.find_elements("css selector", "#items .item"), WITHIN_S)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


@contextmanager
def sized(browser: Any, width: int, height: int) -> Iterator[None]:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


LINES_OF_LAST_WORD = """
const words = document.getElementById("big").firstChild;
const range = document.createRange();
range.setStart(words, words.length - arguments[0].length);
range.setEnd(words, words.length);
return range.getClientRects().length;
"""


# What reaches over the edge of its compartment's tile: the words themselves, for a box may be narrower.
OUTSIDE = """
const out = [];
for (const part of document.querySelectorAll("#compartments :is(dt, dd, button)")) {
  const range = document.createRange();
  range.selectNodeContents(part);
  const [is, may] = [range, part.closest("li")].map((one) => one.getBoundingClientRect());
  if (is.right > may.right - 2 || is.left < may.left) out.push(part.textContent);
}
return out;
"""


def test_no_word_is_broken_on_a_small_screen(show: Callable[[str], Any], played: PlayedBin) -> None:
    browser = show("/kiosk?lang=de")
    says(browser, "#big", "Bitte auf die Ablage legen")
    with sized(browser, 480, 320):
        played.handle({**SORTED, "label": "battery", "compartment": "hazard"})
        says(browser, "#big", "Gefahrstoffe")
        assert browser.execute_script(LINES_OF_LAST_WORD, "Gefahrstoffe") == 1
    played.handle(SORTED)
    says(browser, "#big", "Glas → Wertstoffe")
    assert browser.execute_script(LINES_OF_LAST_WORD, "Wertstoffe") == 1


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_what_a_compartment_says_stays_in_its_frame(
    show: Callable[[str], Any], played: PlayedBin, language: str
) -> None:
    browser = show(f"/?lang={language}")
    played.become(replace(played.state, by_compartment={"hazard": 1}, fill={"hazard": None}))
    wait_until(lambda: browser.find_elements("css selector", "#compartments dd"), WITHIN_S)
    for width in (360, 768, 1120):
        with sized(browser, width, 800):
            assert browser.execute_script(OUTSIDE) == []


@pytest.mark.parametrize("language", ["en", "de", "es"])
@pytest.mark.parametrize("path", ["/", "/kiosk", "/try", "/review", "/teach"])
def test_nothing_is_wider_than_a_phone(show: Callable[[str], Any], played: PlayedBin, path: str, language: str) -> None:
    browser = show(f"{path}?lang={language}")
    played.handle(ABSTAINED)
    wait_until(lambda: browser.execute_script("return document.documentElement.lang") == language, WITHIN_S)
    for width in (360, 768):
        size = {"width": width, "height": 640, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_api_is_no_wider_either(show: Callable[[str], Any]) -> None:
    browser = show("/docs")
    wait_until(lambda: len(browser.find_elements("css selector", FILLED["/docs"])) > 10, WITHIN_S)
    size = {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_speaks_the_first_language_of_the_browser_that_it_knows(show: Callable[[str], Any]) -> None:
    browser = show("/")
    agent = browser.execute_script("return navigator.userAgent")
    asks = {"userAgent": agent, "acceptLanguage": "fr,de-CH,en"}
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", asks)
    browser.refresh()
    says(browser, "#word", "Bereit")
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {**asks, "acceptLanguage": "en"})
