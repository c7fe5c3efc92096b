"""That `make bench` gets through its first figure, which puts a bin together by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edge import config, demo

BENCH = Path(__file__).resolve().parents[1] / "bench" / "bench.py"


@pytest.mark.slow
def test_the_loops_cost_is_measured_with_the_model_that_ships(model_dir: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    own = {"SMARTBIN_OUTBOX__PATH": str(tmp_path / "outbox.db"), "SMARTBIN_MODEL__PATH": str(model_dir)}
    median_ms, worst_ms = bench.loop_cost(config.load(demo.CONFIG, own), tmp_path)
    assert 0 < median_ms <= worst_ms
