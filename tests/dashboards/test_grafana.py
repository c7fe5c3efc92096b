"""The Grafana dashboard against Grafana's own types; what it asks is tried in test_prometheus.py."""

from __future__ import annotations

import json
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[2] / "docs" / "dashboards" / "grafana-smart-bin.json"
SDK = "grafana_foundation_sdk"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def unknown(written: Any, kept: Any, path: str = "") -> list[str]:
    """Where `kept` lacks what was written, or has something else."""
    if isinstance(written, dict) and isinstance(kept, dict):
        return [found for key, value in written.items() for found in unknown(value, kept.get(key), f"{path}/{key}")]
    if isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        pairs = enumerate(zip(written, kept, strict=True))
        return [found for number, (one, other) in pairs for found in unknown(one, other, f"{path}/{number}")]
    return [] if written == kept else [path]


def test_grafana_knows_every_key() -> None:
    models = pytest.importorskip(f"{SDK}.models.dashboard", reason="grafana-foundation-sdk is not installed")
    import_module(f"{SDK}.cog.plugins").register_default_plugins()
    encoder = import_module(f"{SDK}.cog.encoder").JSONEncoder(sort_keys=True)
    kept = json.loads(encoder.encode(models.Dashboard.from_json(DASHBOARD)))
    assert unknown(DASHBOARD, kept) == []


def test_every_panel_has_a_place_of_its_own_and_asks_the_chosen_source() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    cells = {
        panel["title"]: {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for panel in panels
        for at in [panel["gridPos"]]
    }
    assert all(0 <= x < 24 for places in cells.values() for x, _ in places)
    assert [(one, other) for one, other in combinations(cells, 2) if cells[one] & cells[other]] == []
    sources = [panel["datasource"] for panel in panels]
    sources += [target["datasource"] for panel in panels for target in panel["targets"]]
    assert {source["uid"] for source in sources} == {"${source}"}
    assert all('bin=~"$bin"' in target["expr"] for panel in panels for target in panel["targets"])
