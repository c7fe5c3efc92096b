"""A bin with its page: `smartbin run` as a process, its web process, and who asks it. Real sockets, real Chromium."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import headless
import pytest
from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import free_port, wait_until
from PIL import Image
from tinymodel import write_tiny_model

PASSWORD = "sesame"
WITHIN_S = 60.0


@dataclass(frozen=True)
class Page:
    """A bin and where its page is."""

    bin: BinProcess
    url: str

    def ask(self, path: str, body: bytes | None = None, *, password: str | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, body)
        if password is not None:
            request.add_header("Authorization", f"Basic {b64encode(f':{password}'.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def get(self, path: str) -> Any:
        status, content = self.ask(path)
        assert status == 200, content
        return json.loads(content)

    def command(self, name: str, password: str | None = PASSWORD, **wanted: str) -> tuple[int, Any]:
        status, content = self.ask(f"/api/v1/commands/{name}", json.dumps(wanted).encode(), password=password)
        return status, json.loads(content)

    def answers(self) -> bool:
        with suppress(OSError):
            return self.ask("/api/v1/state")[0] == 200
        return False

    def web_process(self) -> int:
        found = subprocess.run(
            ["pgrep", "-P", str(self.bin.pid), "-f", "edge.web"], capture_output=True, text=True, check=True
        )
        return int(found.stdout.split()[0])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("bin")
    (folder / "password").write_text(PASSWORD)
    port = free_port()
    text = config_text(
        write_tiny_model(folder / "model"), coloured_pictures(folder / "pictures", 1), 1, folder, loop=True
    )
    text = text.replace('pace = "fast"', 'pace = "real"\nfps = 30')
    web = f'[web]\nenabled = true\nport = {port}\npassword_file = "{folder}/password"\n'
    bin_ = BinProcess(folder, text.replace("[mqtt]", f"{web}[mqtt]\nenabled = false"))
    bin_.start()
    shown = Page(bin_, f"http://127.0.0.1:{port}")
    try:
        wait_until(shown.answers, WITHIN_S)
        wait_until(lambda: shown.get("/api/v1/events")["events"], WITHIN_S)
        yield shown
    finally:
        bin_.kill()


@pytest.mark.slow
def test_state_events_counts_and_pictures_are_those_of_the_bin(page: Page) -> None:
    state = page.get("/api/v1/state")
    assert (state["bin_id"], state["schema"]) == ("e2e", 1)
    assert not state["warnings"], "a bin without MQTT lacks no broker"
    events = page.get("/api/v1/events?limit=2")["events"]
    assert f"seq={events[0]['seq']} " in page.bin.log
    status, picture = page.ask(f"/api/v1/events/{events[0]['event_id']}/picture.jpg")
    assert (status, picture[:2]) == (200, b"\xff\xd8")
    width, height = Image.open(io.BytesIO(picture)).size
    assert width / height < 1.25, "it is cut to the item; the tray is 4 : 3"
    assert page.ask("/api/v1/tray.jpg")[1][:2] == b"\xff\xd8"
    days = page.get("/api/v1/stats")["days"]
    assert sum(days[-1]["by_compartment"].values()) == days[-1]["items"] > 0
    assert page.get("/api/v1/model")["labels"]
    metrics = page.ask("/metrics")[1].decode()
    assert 'smartbin_up{bin="e2e"} 1.0' in metrics


@pytest.mark.slow
def test_what_happens_is_told_as_it_happens(page: Page) -> None:
    with urllib.request.urlopen(f"{page.url}/api/v1/live", timeout=WITHIN_S) as stream:
        told: set[bytes] = set()
        while told < {b"event: state\n", b"event: item\n", b"event: seen\n"}:
            told |= {line} if (line := stream.readline()).startswith(b"event: ") else set()


@pytest.mark.slow
def test_commands_need_the_password_and_do_what_they_say(page: Page) -> None:
    assert page.command("pause", password=None)[0] == 401
    assert page.command("pause", password="open")[0] == 401
    status, answer = page.command("pause")
    assert (status, answer["ok"]) == (200, True)
    wait_until(lambda: page.get("/api/v1/state")["paused"])
    status, answer = page.command("test-flap", compartment="cellar")
    assert (status, answer["refusal"]) == (409, "invalid")
    status, answer = page.command("test-flap", nonsense="\ud800")
    assert (status, answer["refusal"]) == (409, "invalid"), "also what cannot be read is answered at once"
    assert page.command("nonsense")[0] == 404
    assert page.command("resume")[1]["ok"]
    wait_until(lambda: not page.get("/api/v1/state")["paused"])
    status, _ = page.ask("/api/v1/commands/pause", b"[" * 3000, password=PASSWORD)
    assert status == 413


@pytest.mark.slow
def test_what_an_item_really_was_stands_beside_it(page: Page) -> None:
    event = page.get("/api/v1/events?limit=1")["events"][0]
    assert event["corrected"] is None
    wanted = {"event_id": event["event_id"], "label": "cup"}
    assert page.command("correct", password=None, **wanted)[0] == 401
    assert page.command("correct", **wanted)[1]["ok"]

    def corrected() -> list[str]:
        events = page.get("/api/v1/events?limit=200")["events"]
        return [found["event_id"] for found in events if found["corrected"] == "cup"]

    wait_until(lambda: corrected() == [event["event_id"]], WITHIN_S)


@pytest.mark.slow
def test_every_path_of_the_bin_is_described_and_answers_as_described(page: Page) -> None:
    document = page.get("/api/openapi.json")
    described = set(document["paths"])
    assert described >= {f"/api/v1/{name}" for name in ("state", "events", "stats", "live", "commands/{name}", "model")}
    for name, path in {"State": "/api/v1/state", "Event": "/api/v1/events"}.items():
        answer = page.get(path)
        message = answer["events"][0] if name == "Event" else answer
        assert message.keys() - {"corrected"} == document["components"]["schemas"][name]["properties"].keys()
    text = json.dumps(document)
    references = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert references <= set(document["components"]["schemas"])
    assert "#/$defs" not in text


@pytest.mark.slow
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-1", f"limit={'0' * 20}{'9' * 5000}", "limit=x"])
def test_a_number_that_is_none_is_a_problem(page: Page, query: str) -> None:
    assert page.ask(f"/api/v1/events?{query}")[0] == 400


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="needs Linux's /proc")
def test_sorting_comes_first_and_no_setting_is_an_argument(page: Page) -> None:
    process = page.web_process()
    assert os.getpriority(os.PRIO_PROCESS, process) == 19
    assert Path(f"/proc/{process}/oom_score_adj").read_text().strip() == "1000"
    assert Path(f"/proc/{process}/cmdline").read_bytes().count(b"\0") == 4, "python -m edge.web DESCRIPTOR"


@pytest.mark.slow
def test_the_web_process_dies_alone_and_is_started_again(page: Page) -> None:
    items = page.bin.items
    os.kill(page.web_process(), signal.SIGKILL)
    page.bin.wait_for_items(items + 2)
    wait_until(page.answers, WITHIN_S)
    assert page.get("/api/v1/state")["items"] > items


@pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)
@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/kiosk", "/try", "/docs"])
def test_the_pages_work_in_a_browser_without_a_complaint(page: Page, path: str, tmp_path: Path) -> None:
    with headless.chromium(tmp_path) as browser:
        browser.get(page.url + path)
        wanted = {"/": "#items .item", "/kiosk": "#big:not(:empty)", "/try": "h1:not(:empty)", "/docs": "#paths h2"}[
            path
        ]
        wait_until(lambda: browser.execute_script("return document.querySelector(arguments[0])", wanted), WITHIN_S)
        entries = browser.execute_script("return performance.getEntries().map(e => [e.name, e.transferSize ?? 0])")
        asked = [(name, size) for name, size in entries if name.startswith("http")]
        assert all(name.startswith(page.url) for name, _ in asked), "nothing comes from elsewhere"
        assert sum(size for name, size in asked if not name.partition("?")[0].endswith(".jpg")) < 150_000
        complaints = [line["message"] for line in browser.get_log("browser") if "favicon" not in line["message"]]
        assert not [text for text in complaints if "picture.jpg" not in text], "an old item has no picture any more"


@pytest.mark.slow
def test_what_was_sorted_is_kept_when_the_bin_stops_while_somebody_watches(page: Page) -> None:
    """The last test: the bin does not come back."""
    with urllib.request.urlopen(f"{page.url}/api/v1/live", timeout=WITHIN_S):
        newest = page.get("/api/v1/events?limit=1")["events"][0]["seq"]
        page.bin.terminate()
        assert page.bin.wait() == 0
    assert "Traceback" not in page.bin.log
    with closing(sqlite3.connect(page.bin.config.with_name("history.db"))) as db:
        assert db.execute("SELECT max(seq) FROM events").fetchone()[0] >= newest
