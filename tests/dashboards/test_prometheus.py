"""A real Prometheus scrapes a real bin, and is asked all that the Grafana dashboard and the alert rules ask."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import broker_fixtures
import pytest
from bin_process import BinProcess, coloured_pictures, config_text, unique_events
from broker_fixtures import WITHIN_S, Listener, Mosquitto, free_port, wait_until
from prometheus_fixtures import MakePrometheus, Prometheus
from tinymodel import write_tiny_model

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "dashboards"
PASSWORD = "sesame"
# what no bin has without sensors, or this computer may not tell, or what had no time to go wrong
MAY_BE_EMPTY = ("fill_ratio", "temperature_celsius", "under_voltage", "throttled", "problems_total")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(broker_fixtures.PROGRAM is None, reason="mosquitto is not installed"),
]


@dataclass(frozen=True)
class Watched:
    """A bin that has sorted and is paused, what it published, and who scraped it all the while."""

    listener: Listener
    prometheus: Prometheus

    def published(self) -> Counter[tuple[str, str, str]]:
        events = unique_events(self.listener.payloads("smartbin/e2e/event"))
        return Counter((event.outcome.value, event.label, event.compartment) for event in events)

    def scraped(self, name: str) -> list[tuple[dict[str, str], float]]:
        return [(series["metric"], float(series["value"][1])) for series in self.prometheus.query(name)]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, make_prometheus: MakePrometheus) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    broker = Mosquitto(str(broker_fixtures.PROGRAM), folder / "broker")
    broker.start()
    port = free_port()
    bin_ = a_bin(folder, broker.port, port)
    try:
        with closing(broker.listen("smartbin/#")) as listener:
            bin_.start()
            wait_until(lambda: answers(port), WITHIN_S)
            prometheus = make_prometheus(f"""
rule_files: ["{FOLDER}/prometheus-alerts.yml"]
scrape_configs: [{{job_name: smartbin, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
""")
            shown = Watched(listener, prometheus)
            first = sum(value for _, value in seen_at_first(shown))
            wait_until(lambda: sum(value for _, value in shown.scraped("smartbin_items_total")) > first + 3, WITHIN_S)
            command(port, "pause")
            correct(port)
            yield shown
    finally:
        bin_.kill()
        broker.kill()


def a_bin(folder: Path, broker_port: int, port: int) -> BinProcess:
    """With a page, and a fill sensor that hears nothing: a warning."""
    (folder / "password").write_text(PASSWORD)
    pictures = coloured_pictures(folder / "pictures", 1)
    text = config_text(write_tiny_model(folder / "model"), pictures, broker_port, folder, loop=True)
    text = text.replace('pace = "fast"', 'pace = "real"\nfps = 30')
    web = f'[web]\nenabled = true\nport = {port}\npassword_file = "{folder}/password"\n'
    fill = "[compartments.landfill.fill]\ntrigger_pin = 23\necho_pin = 24\nempty_cm = 60\nfull_cm = 10\n"
    return BinProcess(folder, f"{text}\n{fill}{web}")


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/state", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def seen_at_first(shown: Watched) -> list[tuple[dict[str, str], float]]:
    wait_until(lambda: shown.scraped("smartbin_items_total"), WITHIN_S)
    return shown.scraped("smartbin_items_total")


def command(port: int, name: str, **wanted: str) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/commands/{name}", json.dumps(wanted).encode())
    request.add_header("Authorization", f"Basic {base64.b64encode(f':{PASSWORD}'.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["ok"]


def correct(port: int) -> None:
    """Of the newest item, whatever it was: it was none."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/events?limit=1", timeout=30) as answer:
        (event,) = json.load(answer)["events"]
    command(port, "correct", event_id=event["event_id"], label="not-an-item")


def asked_by_grafana() -> list[str]:
    """Every expression of the dashboard, with its variables filled in."""
    dashboard = json.loads((FOLDER / "grafana-smart-bin.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    values = {"$bin": ".+", "$__rate_interval": "30s", "$__range": "1h"}
    filled = [re.sub(r"\$\w+", lambda found: values[found[0]], expression) for expression in expressions]
    assert len(filled) > 15
    return filled


def test_prometheus_counts_what_the_bin_published(watched: Watched) -> None:
    def counted() -> Counter[tuple[str, str, str]]:
        series = watched.scraped('smartbin_items_total{bin="e2e"}')
        return Counter({(m["outcome"], m["label"], m["compartment"]): int(value) for m, value in series if value})

    def timed() -> set[tuple[str, float]]:
        series = watched.scraped("smartbin_stage_seconds_count")
        return {(metric["stage"], value) for metric, value in series}

    # an item that was on its way as the bin was paused may come between any two looks
    wait_until(lambda: watched.published() == counted(), WITHIN_S)
    assert len(watched.published()) > 2
    stages = ("settle", "inference", "decide", "total")
    wait_until(lambda: timed() == {(stage, float(watched.published().total())) for stage in stages}, WITHIN_S)
    assert watched.scraped("smartbin_broker_connects_total")[0][1] == 1
    wait_until(lambda: watched.scraped('smartbin_problem{problem="fill_unknown"}')[0][1] == 1, WITHIN_S)
    assert watched.scraped("smartbin_up")[0][1] == 1


def test_prometheus_counts_what_somebody_corrected(watched: Watched) -> None:
    wait_until(lambda: watched.listener.payloads("smartbin/e2e/correction"), WITHIN_S)
    (told,) = (json.loads(payload) for payload in watched.listener.payloads("smartbin/e2e/correction"))
    events = unique_events(watched.listener.payloads("smartbin/e2e/event"))
    (event,) = (event for event in events if event.event_id == told["event_id"])

    def counted() -> list[tuple[str, str]]:
        series = watched.scraped('smartbin_corrections_total{bin="e2e"}')
        return [(m["compartment"], m["meant"]) for m, value in series for _ in range(int(value))]

    wait_until(lambda: counted() == [(event.compartment, "nowhere")], WITHIN_S)


@pytest.mark.parametrize("expression", asked_by_grafana())
def test_what_the_dashboard_asks_is_answered(watched: Watched, expression: str) -> None:
    found = watched.prometheus.query(expression)
    assert found or any(f"smartbin_{name}" in expression for name in MAY_BE_EMPTY)


def test_the_bins_of_the_dashboard_are_found(watched: Watched) -> None:
    assert watched.prometheus.get("/api/v1/label/bin/values?match[]=smartbin_build_info") == ["e2e"]


def test_every_alert_rule_is_evaluated_and_a_sound_bin_fires_none(watched: Watched) -> None:
    def rules() -> list[dict[str, str]]:
        return [rule for group in watched.prometheus.get("/api/v1/rules")["groups"] for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), WITHIN_S)
    assert [rule["name"] for rule in rules() if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules() if rule["state"] == "firing"] == []
