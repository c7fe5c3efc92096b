"""The alert rules: Prometheus's own tool reads them, and its unit tests try every one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_fixtures import MISSING, PROMTOOL

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "dashboards"
RULES = FOLDER / "prometheus-alerts.yml"
TESTS = sorted(Path(__file__).parent.glob("prometheus-*.test.yml"))


def promtool(*arguments: object) -> None:
    if PROMTOOL is None:
        pytest.skip(MISSING)
    command = [PROMTOOL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_configuration_are_read_without_a_complaint() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    promtool("check", "config", "--lint=all", "--lint-fatal", FOLDER / "prometheus.yml")


@pytest.mark.slow
def test_every_alert_comes_when_it_should() -> None:
    promtool("test", "rules", *TESTS)


def test_every_alert_is_tried() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))
    tried = "".join(path.read_text(encoding="utf-8") for path in TESTS)
    assert alerts
    assert [name for name in alerts if not re.search(rf"alertname: {name}\n.*\n +exp_alerts:", tried)] == []
