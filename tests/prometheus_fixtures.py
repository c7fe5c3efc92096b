"""A real Prometheus for tests, on a free port, with the configuration that a test wants."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from broker_fixtures import WITHIN_S, free_port, wait_until

# where setup.sh unpacks it, which installs no service
_UNPACKED = Path(__file__).resolve().parents[1] / "build" / "prometheus" / "usr" / "bin"
_PATH = os.pathsep.join((os.environ.get("PATH", ""), str(_UNPACKED)))
PROMETHEUS = shutil.which("prometheus", path=_PATH)
PROMTOOL = shutil.which("promtool", path=_PATH)
MISSING = "prometheus is not installed (./setup.sh test unpacks Debian's package)"


class Prometheus:
    """Scrapes every second."""

    def __init__(self, program: str, folder: Path, config: str) -> None:
        (folder / "prometheus.yml").write_text("global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + config)
        self.port = free_port()
        self._log = folder / "prometheus.log"
        own = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, *own, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log
            )
        wait_until(self._ready, WITHIN_S)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What it says of now: one entry a series, with `metric` (its labels) and `value` (time, number as text)."""
        answer = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        result = answer["result"]
        return [{"metric": {}, "value": result}] if answer["resultType"] == "scalar" else list(result)

    def get(self, path: str) -> Any:
        """The data of an answer of its API; what it has to complain about fails the test."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.read().decode()}") from error

    def stop(self) -> None:
        """Its data goes with the test's folder."""
        self._process.kill()
        self._process.wait(WITHIN_S)

    def _ready(self) -> bool:
        assert self._process.poll() is None, f"prometheus ended: {self._log.read_text(errors='replace')[-2000:]}"
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


MakePrometheus = Callable[[str], Prometheus]


@pytest.fixture(scope="module")
def make_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakePrometheus]:
    """make_prometheus(config): a started one with this configuration after `global`, stopped when the module ends."""
    if PROMETHEUS is None:
        pytest.skip(MISSING)
    program, started = PROMETHEUS, list[Prometheus]()

    def make(config: str) -> Prometheus:
        started.append(Prometheus(program, tmp_path_factory.mktemp("prometheus"), config))
        return started[-1]

    yield make
    for one in started:
        one.stop()
