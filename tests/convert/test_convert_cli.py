"""The command line: help that teaches, fast, and an orderly end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from convert import prepare
from convert.cli import INTERRUPTED, main


def test_help_shows_an_example_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for step in ("prepare", "train", "soup", "quantize", "verify", "package", "report"):
        assert f"smartbin-convert {step}" in said
    assert "exit codes" in said


@pytest.mark.parametrize("step", ["prepare", "train", "soup", "quantize", "verify", "package", "report"])
def test_every_step_explains_itself(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([step, "--help"])
    assert ended.value.code == 0
    assert f"smartbin-convert {step}" in capsys.readouterr().out


def test_no_step_and_an_unknown_one_are_usage_errors() -> None:
    for words in ([], ["prepare"], ["bake"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "find_twins", interrupted)
    assert main(["prepare", str(class_folders), "--out", str(tmp_path / "set"), "--quick"]) == INTERRUPTED
    assert "same command" in capsys.readouterr().err


def test_help_and_prepare_do_not_load_keras() -> None:
    code = (
        "import sys, convert.cli\n"
        "try: convert.cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit(3 if {'keras', 'tensorflow'} & set(sys.modules) else 0)"
    )
    for words in (["--help"], ["prepare", "--help"]):
        assert subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False).returncode == 0
