"""The lesson on the page of teach mode, in real Chromium: begun, its result shown, taken back.

Apart from the rest of that page: a bin takes only so many commands a second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import headless
import pytest
from broker_fixtures import WITHIN_S, wait_until
from playedbin import PASSWORD, PlayedBin, give_password, loads, says

from edge.state import Teaching

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)]


def press(browser: Any, element_id: str) -> None:
    wait_until(lambda: browser.find_element("id", element_id).is_enabled(), WITHIN_S)
    browser.find_element("id", element_id).click()


def test_a_lesson_is_begun_its_result_shown_and_taken_back(chromium: Any, played: PlayedBin) -> None:
    wait_until(lambda: loads(chromium, f"{played.url}/teach"), WITHIN_S)
    says(chromium, "#learnt", "as it was shipped")
    assert not chromium.find_element("id", "base").is_enabled()
    press(chromium, "learn")
    give_password(chromium, PASSWORD)
    wait_until(lambda: played.asked == ["teach"], WITHIN_S)
    played.become(replace(played.state, teaching=Teaching(running=True)))
    says(chromium, "#learnt", "It is learning")
    assert not chromium.find_element("id", "learn").is_enabled()
    played.become(replace(played.state, teaching=Teaching(head="0001", message="On this site 82.0% -> 91.0%")))
    says(chromium, "#learnt", "What it was taught answers (head 0001). On this site 82.0% -> 91.0%")
    press(chromium, "base")
    wait_until(lambda: played.asked == ["teach", "use-model"], WITHIN_S)
    assert played.wanted[-1]["model"] == "base"
    played.answers["teach"] = {"ok": False, "refusal": "failed", "message": "a lesson is under way"}
    press(chromium, "learn")
    says(chromium, "#answer", "a lesson is under way")
