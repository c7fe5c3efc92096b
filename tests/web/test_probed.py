"""schemathesis asks the real servers what their OpenAPI documents allow and forbid: every answer must be as described.

The same cases at every run. More of them: SMARTBIN_PROBES=300 make test PYTEST_ARGS="tests/web/test_probed.py -s"
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from broker_fixtures import WITHIN_S, wait_until
from playedbin import PASSWORD, PlayedBin
from sample_event import sample_event
from site_items import JPEG, opened, site_item
from test_serve import serving

from edge.wire import event_json

PROBES = int(os.environ.get("SMARTBIN_PROBES", "8"))  # of one operation, besides those that cover its schema
CONFIG = Path(__file__).with_name("schemathesis.toml")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300 + 30 * PROBES),
    pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed"),
]


def probe(url: str, folder: Path, *more: str) -> int:
    """How many cases there were; all are as they must be. folder: where it may write."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color", "run"]
    command += [f"{url}/api/openapi.json", "--max-examples", str(PROBES), *more]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": str(CONFIG.with_name("probed_pictures.py"))}
    done = subprocess.run(command, cwd=folder, env=environ, text=True, capture_output=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.findall(r"generated, (\d+) passed", done.stdout)[0])


def metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=WITHIN_S) as answer:
        return str(answer.read().decode())


def test_the_api_answers_as_its_document_says(tiny_model: Path, tmp_path: Path) -> None:
    with serving("--rate", "100000", "--model", str(tiny_model)) as (_, url):
        assert probe(url, tmp_path) > 40
        outcomes = set(re.findall(r'classify_pictures_total\{label="\w*",outcome="(\w+)"\}', metrics(url)))
    assert "rejected" in outcomes
    assert outcomes & {"sorted", "abstained"}, "real pictures were among them"


def test_a_bin_answers_as_its_document_says(played: PlayedBin, tmp_path: Path) -> None:
    store = opened(played.captures)
    store.add(site_item(1), JPEG)
    store.close()
    wait_until(lambda: answers(f"{played.url}/api/v1/state"), WITHIN_S)
    played.handle(json.loads(event_json(sample_event())))
    # the pictures that one address may ask about are soon over; the API alone has been asked above
    assert probe(played.url, tmp_path, "--auth", f"anybody:{PASSWORD}", "--exclude-path", "/api/v1/classify") > 100
    assert played.asked, "commands came through"


def answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=WITHIN_S):
        return True
    return False
