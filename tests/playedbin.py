"""A bin that a test plays, with its real web process, and what is done with a page in a real browser."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from bin_process import config_text
from broker_fixtures import WITHIN_S, free_port, wait_until
from tinymodel import write_tiny_model

from edge import config
from edge.adapters.web_child import starter
from edge.commands import Answer
from edge.feed import LARGEST, Kind, Packet, pack, unpack
from edge.model import ModelId
from edge.snapshot import jpeg
from edge.state import BinState, paused, ready
from edge.web.item_metrics import STAGES
from edge.wire import state_json

PASSWORD = "sesame"
DAYTIME = {"time": "2026-11-25T12:00:00.000Z"}
TRAY = jpeg(np.full((48, 64, 3), 90, np.uint8))


class PlayedBin:
    """The bin's end of the line: says what the test wants, and does what it is told."""

    def __init__(self, folder: Path) -> None:
        (folder / "password").write_text(PASSWORD)
        self.port = free_port()
        self.captures = folder / "captures"
        capture = f'[capture]\nmode = "on"\npath = "{self.captures}"\n'
        web = f'{capture}[web]\nenabled = true\nport = {self.port}\npassword_file = "{folder}/password"\n'
        text = config_text(write_tiny_model(folder / "model"), folder, 1, folder).replace("[mqtt]", f"{web}[mqtt]")
        (folder / "config.toml").write_text(text)
        self._settings = config.load(folder / "config.toml", {}).model_dump_json()
        self.state = ready(BinState("lobby-1", ModelId("tiny", "1", "ab"), "1"))
        self.asked: list[str] = []
        self.wanted: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}  # more of the reply, by command
        self.seq = 0
        self.start()

    @property
    def pid(self) -> int:
        """Of the web process."""
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = starter(self._settings, os.environ)(theirs.fileno())
        Thread(target=self._answer, args=(self._line,), daemon=True).start()
        self.become(self.state)

    def stop(self) -> None:
        self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()
        self._process.wait(30)

    def become(self, state: BinState) -> None:
        self.state = state
        self._say(Kind.STATE, state_json(state))

    def see(self, phase: str, box: tuple[float, float, float, float] | None = None) -> None:
        self._say(Kind.SEEN, json.dumps({"phase": phase, "box": box, "change": 0.0}).encode())

    def handle(self, event: dict[str, Any], picture: bytes = b"") -> None:
        self.seq += 1
        told = {"timing_ms": dict.fromkeys(STAGES, 1.0), "compartment_confidence": 0.9} | DAYTIME | event
        own = {"event_id": f"id-{self.seq}", "seq": self.seq}
        self._say(Kind.ITEM, json.dumps(told | own).encode(), picture)

    def _say(self, kind: Kind, text: bytes, data: bytes = b"") -> None:
        self._line.send(pack(Packet(kind, text, data)))

    def _answer(self, line: socket.socket) -> None:
        with suppress(OSError):
            while received := line.recv(LARGEST):
                if (command := unpack(received)).kind is not Kind.COMMAND:
                    line.send(pack(Packet(Kind.TRAY, data=TRAY)))
                    continue
                self.asked.append(name := command.text.decode())
                self.wanted.append(json.loads(command.data))
                if name in ("pause", "resume"):
                    self.become(paused(self.state, name == "pause"))
                if name == "correct":
                    self._say(Kind.CORRECTION, json.dumps(self.wanted[-1]).encode())
                reply = json.loads(state_json(Answer(name, self.wanted[-1]["id"], ok=True))) | self.answers.get(
                    name, {}
                )
                line.send(pack(Packet(Kind.REPLY, json.dumps(reply).encode())))


def loads(browser: Any, url: str) -> bool:
    """False while the server starts."""
    with suppress(Exception):  # selenium's tree of errors is not imported where it may be missing
        browser.get(url)
        return bool(browser.title.strip()) and browser.current_url.startswith("http")
    return False


def text_of(browser: Any, selector: str) -> str:
    return str(browser.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector))


def says(browser: Any, selector: str, words: str) -> None:
    wait_until(lambda: words in text_of(browser, selector), WITHIN_S)


def give_password(browser: Any, password: str) -> None:
    wait_until(lambda: browser.execute_script("return document.getElementById('login').open"), WITHIN_S)
    browser.find_element("id", "password").send_keys(password + "\n")


def axe_finds_nothing(browser: Any) -> None:
    """On the page as it is now. A test that cannot have axe is skipped."""
    package = find_spec("axe_core_python")
    if package is None or package.origin is None:
        pytest.skip("axe-core-python is not installed")
    browser.execute_script(Path(package.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    assert len(found["passes"]) > 10


USABLE = """
const named = "a[href], button, input, select, textarea, summary, [tabindex='0']";
const seen = (one) => one.checkVisibility({visibilityProperty: true});
return [...document.querySelectorAll(named)].filter((one) => seen(one) && !one.disabled && one.tabIndex === 0);
"""
FROM_THE_TOP = """
const top = document.createElement("i");
top.tabIndex = -1;
document.body.prepend(top);
top.focus();
"""
FOCUSED = """
const one = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(one);
return [one, outlineStyle !== "none" && parseFloat(outlineWidth) > 0];
"""


def tab_reaches_everything(browser: Any) -> None:
    """From the top of the page as it is now, in the order in which it is read; one sees where one is."""
    from selenium.webdriver import ActionChains, Keys  # noqa: PLC0415 - it may be missing

    usable, reached = browser.execute_script(USABLE), []
    browser.execute_script(FROM_THE_TOP)
    for _ in usable:
        ActionChains(browser).send_keys(Keys.TAB).perform()
        one, is_shown = browser.execute_script(FOCUSED)
        assert is_shown, one.get_attribute("outerHTML")
        reached.append(one)
    assert reached, "there is nothing to be used"
    assert reached == usable, [one.get_attribute("outerHTML") for one in usable]
