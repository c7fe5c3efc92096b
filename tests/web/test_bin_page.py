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
from bin_process import REPOSITORY, BinProcess, coloured_pictures, config_text
from broker_fixtures import WITHIN_S, free_port, wait_until
from flooding import flood, many_files, request
from PIL import Image
from test_server import bomb
from tinymodel import write_tiny_model

PASSWORD = "sesame"
PICTURE = next((REPOSITORY / "edge" / "samples").glob("*.jpg"))
# What is there once the scripts of a page have done their work.
FILLED = {
    "/": "#items .item",
    "/kiosk": "#big:not(:empty)",
    "/try": "h1:not(:empty)",
    "/review": "#labels button",
    "/teach": "#classes button",
    "/docs": "#paths h2",
}


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
        return child_of(self.bin.pid, "edge.web")

    def judge_process(self) -> int:
        """Started by a picture; by the next one where it has just died, for its last thread may end after its first."""
        wait_until(lambda: self.ask("/api/v1/classify", PICTURE.read_bytes())[0] == 200, WITHIN_S)
        return child_of(self.web_process(), "judge_process")


def child_of(pid: int, name: str) -> int:
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", name], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def gone(pid: int) -> bool:
    """Ended; somebody who takes no notice of that may keep its number."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


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
def test_a_program_reads_all_events_page_by_page(page: Page) -> None:
    page.bin.wait_for_items(page.bin.items + 3)
    told = page.get("/api/v1/events?limit=2")
    seen = [event["seq"] for event in told["events"]]
    while told["next"] is not None:
        told = page.get(f"/api/v1/events?limit=2&before_seq={told['next']}")
        seen += [event["seq"] for event in told["events"]]
    assert seen == list(range(seen[0], 0, -1)), "each once, down to the first"


@pytest.mark.slow
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=-1", f"limit={'0' * 20}{'9' * 5000}", "limit=x"])
def test_a_number_that_is_none_is_a_problem(page: Page, query: str) -> None:
    assert page.ask(f"/api/v1/events?{query}")[0] == 400


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="needs Linux's /proc")
def test_sorting_comes_first_and_no_setting_is_an_argument(page: Page) -> None:
    for process in (page.web_process(), page.judge_process()):
        assert os.getpriority(os.PRIO_PROCESS, process) == 19
        assert Path(f"/proc/{process}/oom_score_adj").read_text().strip() == "1000"
        assert Path(f"/proc/{process}/cmdline").read_bytes().count(b"\0") == 4, "python -m edge.web DESCRIPTOR"


@pytest.mark.slow
def test_what_looks_at_pictures_may_die(page: Page) -> None:
    before = page.judge_process()
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: gone(before), WITHIN_S)
    assert page.judge_process() != before


@pytest.mark.slow
def test_the_web_process_dies_alone_and_is_started_again(page: Page) -> None:
    items, judge = page.bin.items, page.judge_process()
    os.kill(page.web_process(), signal.SIGKILL)
    page.bin.wait_for_items(items + 2)
    wait_until(page.answers, WITHIN_S)
    wait_until(lambda: gone(judge), WITHIN_S)
    assert page.get("/api/v1/state")["items"] > items


@pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)
@pytest.mark.slow
@pytest.mark.parametrize("path", FILLED)
def test_the_pages_work_in_a_browser_without_a_complaint(page: Page, path: str, tmp_path: Path) -> None:
    with headless.chromium(tmp_path) as browser:
        browser.get(page.url + path)
        wait_until(
            lambda: browser.execute_script("return document.querySelector(arguments[0])", FILLED[path]), WITHIN_S
        )
        entries = browser.execute_script("return performance.getEntries().map(e => [e.name, e.transferSize ?? 0])")
        asked = [(name, size) for name, size in entries if name.startswith("http")]
        assert all(name.startswith(page.url) for name, _ in asked), "nothing comes from elsewhere"
        assert sum(size for name, size in asked if not name.partition("?")[0].endswith(".jpg")) < 150_000
        complaints = [line["message"] for line in browser.get_log("browser") if "favicon" not in line["message"]]
        assert not [text for text in complaints if "picture.jpg" not in text], "an old item has no picture any more"


# What the page says of the bin, of the newest item in its list, of today in its chart.
SHOWN = """
const all = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
const picture = document.querySelector("#items .item img");
return {
  event: document.querySelector("#items .item")?.dataset.id,
  item: all("#items .item:first-child :is(strong, p)").join(" "),
  picture: picture?.complete && !picture.hidden ? picture.naturalWidth : 0,
  verdict: all("#verdict").join(""),
  tiles: all("#compartments h3"),
  head: all("#days thead th"),
  today: all("#days tbody tr:first-child :is(th, td)"),
  bars: document.querySelectorAll("#chart rect").length,
  health: all("#health th").length,
  model: all("#model td"),
  card: all("#card").join(""),
};
"""


@pytest.mark.skipif(bool(headless.MISSING), reason=headless.MISSING)
@pytest.mark.slow
def test_the_page_shows_what_the_bin_did(page: Page, tmp_path: Path) -> None:
    """Paused, so that it and the API speak of the same moment."""

    def is_complete() -> bool:
        """Whether the history, which another test cut off, knows of every compartment again."""
        days = page.get("/api/v1/stats?days=1")["days"]
        return bool(days) and days[0]["by_compartment"].keys() == page.get("/api/v1/state")["by_compartment"].keys()

    wait_until(is_complete, WITHIN_S)
    assert page.command("pause")[1]["ok"]
    wait_until(lambda: page.get("/api/v1/state")["paused"], WITHIN_S)
    with headless.chromium(tmp_path) as browser:
        browser.get(page.url + "/")

        def shown() -> dict[str, Any]:
            return dict(browser.execute_script(SHOWN))

        wait_until(lambda: shown()["picture"] and shown()["today"] and shown()["card"], WITHIN_S)
        event = page.get("/api/v1/events?limit=1")["events"][0]
        wait_until(lambda: shown()["event"] == event["event_id"], WITHIN_S)
        now, (day,) = shown(), page.get("/api/v1/stats?days=1")["days"]
    words = f"{event['label'].capitalize()} → {event['compartment'].capitalize()}"
    sure = f"{round(100 * event['confidence'])}% sure"
    assert words in now["item"] and sure in now["item"].replace("\u00a0", "")
    assert words in now["verdict"] and sure in now["verdict"].replace("\u00a0", "")
    assert sorted(now["tiles"]) == sorted(name.capitalize() for name in page.get("/api/v1/state")["by_compartment"])
    counts = dict(zip(now["head"][1:-1], map(int, now["today"][1:-1]), strict=True))
    assert counts == {name.capitalize(): count for name, count in day["by_compartment"].items()}
    assert (now["today"][0], now["today"][-1]) == (day["day"], str(day["items"]))
    assert now["bars"] == len(counts)
    assert (now["health"], now["model"][0]) == (7, "tiny-colours 1.0.0")
    assert page.command("resume")[1]["ok"]


NONSENSE = {
    b"\0" * 1000: "400",
    b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n": "400",
    request("DELETE", "/api/v1/state"): "405",
    request("PUT", "/api/v1/commands/pause", b"{}"): "405",
    request("GET", "/api/v1/commands/test-flap"): "405",
    request("GET", "/pages/../../../etc/passwd"): "404",
    request("GET", "/api/v1/events/..%2f..%2fhistory.db/picture.jpg"): "404",
    request("POST", "/api/v1/commands/pause", b'{"id": 1}'): "401",
    request("POST", "/api/v1/captures/labels", b"[" * 30_000): "401",
    request("POST", "/api/v1/classify", b"no picture" * 1000): "415",
    request("POST", "/api/v1/classify", bomb()): "415",
    request("POST", "/api/v1/classify", b"x" * 11_000_000): "413",
}


@pytest.mark.slow
def test_nonsense_from_many_harms_no_item(page: Page) -> None:
    """While the bin sorts; with the right status for each kind, and by the same web process afterwards."""
    port, process = int(page.url.rpartition(":")[2]), page.web_process()
    first = page.get("/api/v1/events?limit=1")["events"][0]["seq"]
    for said, status in NONSENSE.items():
        assert flood(port, [said], 1) == {status: 1}, said[:80]
    with many_files(1000):
        told = flood(port, list(NONSENSE), 25 * len(NONSENSE))
        page.bin.wait_for_items(page.bin.items + 2)
    # of the 11 MB, on a busy computer: who sends for longer than the page listens is reset
    assert told.pop("reset", 0) <= 25, told
    assert set(told) <= {*NONSENSE.values(), "429", "503"}, told
    assert page.web_process() == process
    assert not page.get("/api/v1/state")["paused"]
    events = page.get("/api/v1/events?limit=200")["events"]
    since = [event for event in events if event["seq"] > first]
    assert [event["seq"] for event in since] == list(range(first + len(since), first, -1)), "none is missing"
    assert {event["outcome"] for event in since} == {"sorted"}
    assert "Traceback" not in page.bin.log


@pytest.mark.slow
def test_what_was_sorted_is_kept_when_the_bin_stops_while_somebody_watches(page: Page) -> None:
    """The last test: the bin does not come back, and leaves no process."""
    children = page.web_process(), page.judge_process()
    with urllib.request.urlopen(f"{page.url}/api/v1/live", timeout=WITHIN_S):
        newest = page.get("/api/v1/events?limit=1")["events"][0]["seq"]
        page.bin.terminate()
        assert page.bin.wait() == 0
    assert all(map(gone, children))
    assert "Traceback" not in page.bin.log
    with closing(sqlite3.connect(page.bin.config.with_name("history.db"))) as db:
        assert db.execute("SELECT max(seq) FROM events").fetchone()[0] >= newest
