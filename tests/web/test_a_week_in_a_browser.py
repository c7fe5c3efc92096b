"""The page and the kiosk left open for a week, at full speed: all that a bin tells in it, while it restarts, lines
are lost, days begin, and the computer that shows them sleeps. Neither they nor the server may grow.
"""

from __future__ import annotations

import http.client
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import headless
import pytest
from broker_fixtures import WITHIN_S, wait_until
from flooding import files_of, pss_mb
from playedbin import TRAY, PlayedBin, loads, says, text_of

ITEMS = int(os.environ.get("SMARTBIN_WEEK_ITEMS", "4000"))  # a busy bin: 20000
BEGINS = datetime(2026, 11, 23, 12, tzinfo=UTC)  # at noon: seven midnights pass
WEEK = timedelta(days=7)
PARTS = 10  # of the week; between them something happens
AT_ONCE = 4  # items: what a viewer may be behind without missing one
MORE = 1.5  # how much larger than in the middle is still the same
FILES = 8  # connections that a browser may keep open for later
KINDS = [
    {"outcome": "sorted", "label": "glass", "compartment": "recycling", "confidence": 0.97, "reason": None},
    {"outcome": "sorted", "label": "battery", "compartment": "hazard", "confidence": 0.91, "reason": None},
    {"outcome": "abstained", "label": "paper", "compartment": "landfill", "confidence": 0.4, "reason": "unsure"},
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900 + ITEMS // 10),
    pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING),
]

# Knows the page's lines, and lets its clock go on while it sleeps.
WATCHED = """
const [Line, now] = [EventSource, Date.now];
window.lines = [];
window.EventSource = class extends Line { constructor(path) { super(path); lines.push(new WeakRef(this)); } };
window.slept_ms = 0;
Date.now = () => now() + slept_ms;
"""
LINES = "return lines.filter((line) => (line.deref() ?? { readyState: 2 }).readyState !== 2).length"
DAYS = """
const rows = [...document.querySelectorAll("#days tbody tr")];
return rows.map((row) => [row.firstChild.textContent, Number(row.lastChild.textContent)]);
"""


class Week:
    """The bin, a tab with its page and one with its kiosk."""

    def __init__(self, browser: Any, bin_: PlayedBin) -> None:
        self.browser, self.bin = browser, bin_
        self.days: Counter[str] = Counter()
        wait_until(lambda: loads(browser, bin_.url), WITHIN_S)
        self.page = self._tab("/")
        self.kiosk = self._tab("/kiosk")

    def _tab(self, path: str) -> str:
        self.browser.switch_to.new_window("tab")
        self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCHED})
        self.browser.execute_cdp_cmd("Performance.enable", {})
        self.browser.get(self.bin.url + path)
        return str(self.browser.current_window_handle)

    def shown(self, tab: str) -> Any:
        """The browser with this tab before all others, which are hidden."""
        self.browser.switch_to.window(tab)
        self.browser.execute_cdp_cmd("Page.bringToFront", {})
        return self.browser

    def passes(self, part: int) -> None:
        """A part of the week; a viewer that is never behind is told every item of it."""
        items = range(ITEMS * part // PARTS, ITEMS * (part + 1) // PARTS)
        with watching(self.bin) as told:
            for number in items:
                when = BEGINS + WEEK * (number / ITEMS)
                self.days[when.date().isoformat()] += 1
                self.bin.see("settled")
                self.bin.handle(
                    KINDS[number % len(KINDS)] | {"time": when.isoformat(timespec="milliseconds")}, picture=TRAY
                )
                self.bin.become(self.bin.state)
                self.bin.see("empty")
                if number % AT_ONCE == 0 or number == items[-1]:
                    told(f'"event_id": "id-{self.bin.seq}"')
        wait_until(self.shows_the_newest, WITHIN_S)

    def shows_the_newest(self) -> bool:
        newest = "return document.querySelector('#items .item')?.dataset.id"
        return bool(self.shown(self.page).execute_script(newest) == f"id-{self.bin.seq}")

    def size(self, tab: str) -> dict[str, float]:
        """Of what cannot be forgotten: elements, bytes of scripts, listeners, documents."""
        browser = self.shown(tab)
        browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        kept = ("Nodes", "JSHeapUsedSize", "JSEventListeners", "Documents")
        return {metric["name"]: metric["value"] for metric in metrics if metric["name"] in kept}

    # What happens between the parts

    def restarts(self) -> None:
        self.bin.stop()
        says(self.shown(self.page), "#word", "No connection")
        says(self.shown(self.kiosk), "#big", "moment")
        self.bin.start()

    def dies(self) -> None:
        """The web process; what it had heard is on the disk, for it was restarted just now."""
        self.restarts()
        self.has_recovered()
        os.kill(self.bin.pid, signal.SIGKILL)
        self.restarts()

    def sleeps(self) -> None:
        """The computer that shows it; what was at the other end is gone by the time it wakes, and said nothing."""
        os.kill(self.bin.pid, signal.SIGSTOP)
        try:
            for tab in (self.page, self.kiosk):
                self.shown(tab).execute_script("window.slept_ms += 8 * 3600 * 1000")
            says(self.shown(self.page), "#word", "No connection")
            says(self.shown(self.kiosk), "#big", "moment")
        finally:
            os.kill(self.bin.pid, signal.SIGCONT)

    def is_hidden(self) -> None:
        """Nobody looks at the page while the next part passes."""
        self._window("minimized")
        wait_until(lambda: self.browser.execute_script("return document.hidden"), WITHIN_S)

    def is_looked_at(self) -> None:
        """The tray too, as it is now."""
        self._window("normal")
        tray = "return document.hidden || document.getElementById('tray').src"
        before = self.browser.execute_script(tray)
        wait_until(lambda: self.browser.execute_script(tray) not in (before, True), WITHIN_S)

    def _window(self, is_: str) -> None:
        browser = self.shown(self.page)
        window = browser.execute_cdp_cmd("Browser.getWindowForTarget", {})["windowId"]
        browser.execute_cdp_cmd("Browser.setWindowBounds", {"windowId": window, "bounds": {"windowState": is_}})

    def complaints(self, tab: str) -> list[dict[str, Any]]:
        """What the console says since it was last asked; a picture that the bin has forgotten is none."""
        log = self.shown(tab).get_log("browser")
        return [entry for entry in log if "picture.jpg" not in entry["message"]]

    def has_recovered(self) -> None:
        """Both show the bin again, over one line each, and nothing went wrong but that line."""
        says(self.shown(self.page), "#word", "Ready")
        wait_until(lambda: "moment" not in text_of(self.shown(self.kiosk), "#big"), WITHIN_S)
        for tab in (self.page, self.kiosk):
            assert {entry["source"] for entry in self.complaints(tab)} <= {"network"}
            assert self.browser.execute_script(LINES) == 1


@contextmanager
def watching(bin_: PlayedBin) -> Iterator[Callable[[str], None]]:
    """Another viewer. Yields what waits until it is told these words."""
    with closing(http.client.HTTPConnection("127.0.0.1", bin_.port, timeout=WITHIN_S)) as connection:
        connection.request("GET", "/api/v1/live")
        with connection.getresponse() as lines:

            def told(words: str) -> None:
                while words.encode() not in (line := lines.readline()):
                    assert line, "the line ended"

            yield told


@pytest.fixture
def week(chromium: Any, played: PlayedBin) -> Week:
    return Week(chromium, played)


def test_nothing_grows_and_everything_is_shown(week: Week) -> None:
    tabs = (week.page, week.kiosk)
    week.passes(0)
    small: dict[str, dict[str, float]] = {}
    happenings = [week.restarts, week.sleeps, week.is_hidden, week.dies, week.restarts]
    happenings += [week.sleeps, week.is_hidden, week.sleeps, week.is_hidden]
    for part, happens in enumerate(happenings, 1):
        assert not any(map(week.complaints, tabs))
        happens()
        week.has_recovered()
        week.passes(part)
        week.is_looked_at()
        if happens == week.restarts:  # the last time, all has happened once and its scripts are compiled
            small = {tab: week.size(tab) for tab in tabs}
            files, memory_mb = files_of(week.bin.pid), pss_mb(week.bin.pid)
    assert not any(map(week.complaints, tabs))
    for tab in tabs:
        assert {name: value for name, value in week.size(tab).items() if value > MORE * small[tab][name]} == {}
        assert week.browser.execute_script(LINES) == 1
    assert files_of(week.bin.pid) <= files + FILES
    assert pss_mb(week.bin.pid) <= MORE * memory_mb
    page = week.shown(week.page)
    assert len(page.find_elements("css selector", "#items .item")) == 20
    wait_until(lambda: dict(page.execute_script(DAYS)) == week.days, WITHIN_S)
    assert len(week.days) == 8
