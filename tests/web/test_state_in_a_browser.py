"""What the pages make of what a bin tells: how full it is, what is wrong, what it sees. Real Chromium."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import headless
import pytest
from broker_fixtures import WITHIN_S, wait_until
from playedbin import PlayedBin, loads, says, text_of

from edge.model import Fault, Problem
from edge.state import BinState, Health, ready, with_fault

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)]

METERS = """
return [...document.querySelectorAll("#compartments li")].map((tile) => {
  const meter = tile.querySelector("meter");
  return [tile.querySelector("h3").textContent, meter && meter.value, tile.querySelector("dd").textContent.trim()];
});
"""


@pytest.fixture
def page(chromium: Any, played: PlayedBin) -> Any:
    played.become(ready(BinState("lobby-1", played.state.model, "1")))
    wait_until(lambda: loads(chromium, f"{played.url}/"), WITHIN_S)
    says(chromium, "#word", "Ready")
    return chromium


def test_how_full_each_compartment_is(page: Any, played: PlayedBin) -> None:
    fill = {"recycling": 0.82, "hazard": None}
    counts = {"recycling": 5, "organic": 7, "hazard": 1}
    state = ready(BinState("lobby-1", played.state.model, "1", fill=fill, by_compartment=counts, items=13))
    played.become(replace(state, since_emptied={"organic": 3}))
    says(page, "#since", "13 items")
    told = {name: (value, words.replace("\u00a0", "")) for name, value, words in page.execute_script(METERS)}
    assert told["Recycling"] == (0.82, "82%")
    assert (told["Hazard"], told["Organic"]) == ((None, "unknown"), (None, "\u2013"))
    says(page, "#compartments", "Since emptying3")


def test_faults_and_warnings_are_said_in_words_and_go_again(page: Any, played: PlayedBin) -> None:
    sound = ready(BinState("lobby-1", played.state.model, "1"))
    state = with_fault(sound, Fault("camera", "check its cable", Problem.CAMERA_LOST))
    played.become(with_fault(state, Fault("temperature", "give it shade", Problem.OVERHEATED)))
    says(page, "#word", "Needs help")
    says(page, "#problems .fault", "check its cable")
    says(page, "#problems .warning", "give it shade")
    assert page.find_element("id", "problems").get_attribute("aria-live") == "polite", "a screen reader says it"
    played.become(sound)
    wait_until(lambda: text_of(page, "#problems") == "", WITHIN_S)
    says(page, "#word", "Ready")


def test_a_dead_line_is_noticed_where_the_clock_was_set_back(page: Any, played: PlayedBin) -> None:
    """That of the computer which shows it: a kiosk's is a Pi's, which knows the time only from others."""
    os.kill(played.pid, signal.SIGSTOP)
    try:
        page.execute_script("const now = Date.now; Date.now = () => now() - 8 * 3600 * 1000;")
        says(page, "#word", "No connection")
    finally:
        os.kill(played.pid, signal.SIGCONT)
    says(page, "#word", "Ready")


def test_how_the_computer_is(page: Any, played: PlayedBin) -> None:
    health = Health(temperature_c=61.5, clock_synced=False, broker="the broker does not answer")
    played.become(replace(played.state, queued=12, dropped=3, uptime_s=7300, version="9.8.7", health=health))
    says(page, "#health", "9.8.7")
    told = text_of(page, "#health").replace("\u00a0", " ")
    for words in ("61.5 °C", "the broker does not answer", "waiting12", "cap3", "not synchronised", "2 h"):
        assert words in told


BOX_IN_THE_TRAY = """
const [box, tray] = ["box", "tray"].map((id) => document.getElementById(id).getBoundingClientRect());
return [(box.left - tray.left) / tray.width, (box.top - tray.top) / tray.height, box.width / tray.width,
  box.height / tray.height];
"""


def test_what_it_sees_is_framed_on_the_tray(page: Any, played: PlayedBin) -> None:
    wait_until(lambda: page.execute_script("return document.getElementById('tray').naturalWidth"), WITHIN_S)
    played.see("settled", (0.25, 0.5, 0.25, 0.375))
    says(page, "#phase", "An item lies there")
    wait_until(lambda: page.find_element("id", "box").is_displayed(), WITHIN_S)
    assert page.execute_script(BOX_IN_THE_TRAY) == pytest.approx([0.25, 0.5, 0.25, 0.375], abs=0.03)
    played.see("empty")
    wait_until(lambda: not page.find_element("id", "box").is_displayed(), WITHIN_S)


def test_why_it_was_not_sure_is_said(page: Any, played: PlayedBin) -> None:
    before = len(page.find_elements("css selector", "#items .item"))
    why = "glass and plastic are as likely"
    item = {"outcome": "abstained", "label": "glass", "compartment": "landfill", "confidence": 0.41, "reason": why}
    played.handle(item)
    wait_until(lambda: len(page.find_elements("css selector", "#items .item")) > before, WITHIN_S)
    for words in ("Not sure → Landfill", "Glass", "41", why):
        says(page, "#items .item:first-child", words)


def test_the_screen_on_a_bin_takes_the_page_of_an_upgraded_bin(chromium: Any, played: PlayedBin) -> None:
    def is_the_same() -> bool:
        return bool(chromium.execute_script("return window.marked === true"))

    state = ready(BinState("lobby-1", played.state.model, "1"))
    played.become(state)
    wait_until(lambda: loads(chromium, f"{played.url}/kiosk"), WITHIN_S)
    for upgraded in (replace(state, version="2"), replace(state, version="3")):
        says(chromium, "#big", "Put")
        chromium.execute_script("window.marked = true")
        played.become(replace(played.state, paused=True))
        says(chromium, "#big", "break")
        assert is_the_same(), "it is not loaded with every state"
        played.become(upgraded)
        wait_until(lambda: not is_the_same(), WITHIN_S)


DROP = """
const [name, size, colour] = arguments;
const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
canvas.getContext("2d").fillStyle = colour;
canvas.getContext("2d").fillRect(0, 0, size, size);
canvas.toBlob((blob) => {
  const carried = new DataTransfer();
  carried.items.add(new File([blob], name, { type: "image/png" }));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true });
    document.getElementById("drop").dispatchEvent(event);
  }
});
"""


def test_a_picture_that_is_dropped_is_answered(chromium: Any, played: PlayedBin) -> None:
    wait_until(lambda: loads(chromium, f"{played.url}/try"), WITHIN_S)
    says(chromium, "#drop span", "drop")  # words come with the scripts
    chromium.execute_script(DROP, "dropped.png", 64, "rgb(0, 255, 255)")
    says(chromium, ".answer.sorted", "Glass → Recycling")
    says(chromium, ".answer.sorted", "dropped.png")
