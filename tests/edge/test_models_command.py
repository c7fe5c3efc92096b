"""`smartbin models`: list, and use another."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest
from tinymodel import write_tiny_model

from edge import cli, config
from edge.adapters.model_store import ModelStore
from edge.demo import CONFIG


@pytest.fixture
def bin_config(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMARTBIN_OUTBOX__PATH", str(tmp_path / "outbox.db"))
    monkeypatch.setenv("SMARTBIN_MODEL__PATH", str(tiny_model))
    write_tiny_model(tmp_path / "models" / "tiny-2.0", version="2.0", metrics={"test_label_accuracy": 0.947})
    return CONFIG


def test_they_are_listed_with_the_one_that_runs(bin_config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "--config", str(bin_config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "* shipped  tiny-colours 1.0.0, 10 labels",
        "  tiny-2.0  tiny-colours 2.0, 10 labels (labels 94.7% in its test)",
    ]


def test_who_may_not_look_is_not_told_that_the_shipped_one_runs(
    bin_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(path: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", closed)  # root may look everywhere
        assert cli.main(["models", "--config", str(bin_config)]) == 1
    assert capsys.readouterr().err == f"smartbin: {tmp_path}: you may not look into it; run this with sudo\n"
    monkeypatch.setenv("SMARTBIN_OUTBOX__PATH", str(tmp_path / "new" / "outbox.db"))
    assert cli.main(["models", "--config", str(bin_config)]) == 0


def test_another_one_is_used_and_back(bin_config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "use", "tiny-2.0", "--config", str(bin_config)]) == 0
    assert cli.main(["models", "list", "--config", str(bin_config)]) == 0
    assert "* tiny-2.0" in capsys.readouterr().out
    assert cli.main(["models", "--config", str(bin_config), "use", "shipped"]) == 0
    assert cli.main(["models", "--config", str(bin_config)]) == 0
    assert "* shipped" in capsys.readouterr().out


def test_one_that_does_not_fit_the_compartments_is_refused(
    bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ("cup", *config.load(bin_config, {}).routes)[:10]
    write_tiny_model(tmp_path / "models" / "tiny-3.0", version="3.0", labels=labels)
    assert cli.main(["models", "use", "tiny-3.0", "--config", str(bin_config)]) == 2
    assert "label 'cup' is not routed" in capsys.readouterr().err
    assert ModelStore(tmp_path / "models").usable() == "shipped"


def test_the_one_that_is_compared_says_so(bin_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ModelStore(tmp_path / "models").propose("tiny-2.0")
    assert cli.main(["models", "--config", str(bin_config)]) == 0
    shipped, other = capsys.readouterr().out.splitlines()
    assert other.startswith("  tiny-2.0")
    assert "answers beside the one that sorts" in other
    assert "beside" not in shipped
