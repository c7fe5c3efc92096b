"""`smartbin bench`: what is measured, what is said about the rest. No time is ever asserted, only relations."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tinymodel import SIDE_PX, tiny_tflite, write_tiny_model

from edge.bench import command, item, plot
from edge.bench.process import Worker
from edge.bench.rounds import TURN, Figures, agreement, ratio, take_turns
from edge.bench.runtimes import LITERT, RUNTIMES, Candidate, plan
from edge.cli import main
from edge.errors import ConfigError, ModelError
from edge.model import Pixels
from edge.testing import FakeClock

ROW = Figures("net", "LiteRT", "1", "int8", "m.tflite", 5, 2.0, 3.0, 0.1, 20.0, 1.0, 1.0)


@pytest.fixture
def only_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a Pi: whatever else this Python has is not asked."""
    monkeypatch.setattr(command, "importable", lambda package: package == LITERT.package)


class FakeWorker:
    """Answers at a steady pace, and notes when it was asked."""

    def __init__(self, name: str, ms: float, asked: list[str]) -> None:
        self._name, self._ms, self._asked = name, ms, asked

    def times_ms(self, runs: int) -> list[float]:
        self._asked.append(f"{self._name}{runs}")
        return [self._ms] * runs


def test_workers_take_turns_and_another_one_begins_each_round() -> None:
    asked: list[str] = []
    workers = [FakeWorker("a", 1, asked), FakeWorker("b", 2, asked)]
    turns = take_turns(workers, 2 * TURN + 1, 60.0, FakeClock())
    assert asked == ["a5", "b5", "b5", "a5", "a1", "b1"]
    assert [sum(map(len, one)) for one in turns] == [2 * TURN + 1] * 2


def test_time_is_up_after_a_whole_round() -> None:
    asked: list[str] = []
    take_turns([FakeWorker("a", 1, asked), FakeWorker("b", 1, asked)], 100, 0.0, FakeClock(step_s=1.0))
    assert asked == ["a5", "b5"]


def test_a_ratio_is_taken_within_rounds() -> None:
    # the machine is ten times as slow in the second round, for both
    assert ratio([[2.0], [20.0], [2.0]], [[1.0], [10.0], [1.0]]) == pytest.approx(2.0)


def test_agreement_compares_outputs_of_the_same_length() -> None:
    one, two = np.array([1.0, 0.0]), np.array([1.0, 2.0, 3.0])
    assert agreement((two, one), (one, two * 5)) == pytest.approx(1.0)
    assert agreement((np.array([0.0, 1.0]), two), (one, two)) == pytest.approx(0.0)
    assert agreement((np.array([np.nan, 1.0]),), (one,)) == 0.0
    assert agreement((np.zeros(2),), (one,)) is None


def test_each_runtime_gets_the_files_it_reads_best(tmp_path: Path) -> None:
    for name in ("float.onnx", "int8.onnx", "int8.tflite", "notes.txt"):
        (tmp_path / name).touch()
    found = plan([tmp_path], lambda package: package in ("ai_edge_litert", "openvino"))
    assert [(c.runtime.name, c.path.name) for c in found.candidates] == [
        ("LiteRT", "int8.tflite"),
        ("OpenVINO", "float.onnx"),
        ("OpenVINO", "int8.onnx"),
    ]
    assert {c.model for c in found.candidates} == {tmp_path.name}


def test_what_is_not_installed_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").touch()
    found = plan([tmp_path], lambda package: False)
    assert not found.candidates
    assert len(found.missing) == len(RUNTIMES)
    assert all("pip install" in line for line in found.missing)


def test_another_python_serves_what_this_one_lacks_but_not_keras(tmp_path: Path) -> None:
    for name in ("m.tflite", "m.keras"):
        (tmp_path / name).touch()
    found = plan([tmp_path], lambda package: package == "ai_edge_litert", ("/other/python", lambda package: True))
    pythons = {candidate.runtime.name: candidate.python for candidate in found.candidates}
    assert pythons["tflite-runtime"] == "/other/python"
    assert pythons["LiteRT"] != "/other/python"
    assert "Keras" not in pythons


@pytest.mark.parametrize("name", ["empty", "missing", "model.bin"])
def test_a_place_without_a_model_is_an_error_that_says_what_to_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.bin").touch()
    with pytest.raises(ModelError, match=r"\.tflite"):
        plan([tmp_path / name], lambda package: True)


@pytest.mark.parametrize(("dtype", "kind"), [("int8", "int8"), ("float32", "float")])
def test_a_worker_answers_as_the_classifier_would(tmp_path: Path, dtype: str, kind: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(tiny_tflite(dtype))
    red: Pixels = np.full((64, 64, 3), (255, 0, 0), np.uint8)
    with Worker(Candidate("tiny", LITERT, path), threads=1) as worker:
        assert worker.kind == kind
        assert worker.shape == (1, SIDE_PX, SIDE_PX, 3)
        worker.show(red, worker.shape)
        assert int(np.argmax(worker.answers[0])) == 0, "red is the first label"
        assert worker.load_s > 0
        assert worker.memory_mb > 0
        assert len(worker.times_ms(3)) == 3


def test_a_damaged_file_is_told_in_the_runtimes_words(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"LiteRT cannot run .*m\.tflite: \w+"):
        Worker(Candidate("tiny", LITERT, path), threads=1)


@pytest.mark.usefixtures("only_litert")
def test_one_damaged_file_does_not_keep_the_others_from_being_measured(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "net")
    (folder / "broken.tflite").write_bytes(b"no model")
    (folder / "float.tflite").write_bytes(tiny_tflite("float32"))
    result = command.run(command.Wishes((folder,), threads=1, runs=2), FakeClock(), lambda text: None)
    rows = {row.file: row for row in result.figures}
    assert set(rows) == {"model.tflite", "float.tflite"}
    assert rows["model.tflite"].ratio == 1.0
    assert rows["float.tflite"].agreement == pytest.approx(1.0)
    assert any("broken.tflite" in line for line in result.missing)


def test_stages_of_an_item_are_all_there_and_its_votes_are_in_them(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "net")
    ticks = FakeClock(step_s=0.001)
    items = item.measure(model, threads=1, items=2, clock_s=ticks)
    assert len(items) == 2
    for one in items:
        assert set(one) == set(item.STAGES)
        # every look at the clock is a millisecond: a stage takes one each time it is measured
        assert one[item.CLASSIFY] == one[item.PRESENCE] == one[item.FRAME] == pytest.approx(item.VOTES)
        assert one[item.INTENT] == one[item.COMMAND] == pytest.approx(1.0)
        assert one[item.DECIDE] > 0, "on the loop's own clock"


@pytest.mark.usefixtures("only_litert")
def test_json_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_tiny_model(tmp_path / "net")
    chart = tmp_path / "ratios.svg"
    code = main(["bench", str(folder), "--threads", "1", "--runs", "2", "--json", "--plot", str(chart)])
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [(row["model"], row["runtime"], row["ratio"]) for row in told["models"]] == [("net", "LiteRT", 1.0)]
    assert set(told["item"]["stages"]) == set(item.STAGES)
    assert told["threads"] == 1
    assert ET.fromstring(chart.read_text()).tag.endswith("svg")


@pytest.mark.usefixtures("only_litert")
def test_table_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(tiny_tflite())
    assert main(["bench", str(path), "--threads", "1", "--runs", "2", "--plain"]) == 0
    out = capsys.readouterr().out
    assert "LiteRT" in out
    assert "\x1b[" not in out
    assert "tflite-runtime is not installed" in out
    assert "the whole item needs a model folder" in out


@pytest.mark.usefixtures("only_litert")
def test_nothing_to_measure_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").touch()
    assert main(["bench", str(tmp_path)]) == ModelError.exit_code
    assert "ONNX Runtime is not installed: pip install onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--threads", "0"], ["--runs", "many"]])
def test_wrong_numbers(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
    assert "whole number" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["chart.png", "missing/chart.svg"])
def test_a_plot_that_cannot_be_written_is_refused_before_measuring(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="--plot"):
        plot.check(tmp_path / name)


def test_bars_begin_at_one_and_go_both_ways() -> None:
    slower, faster = replace(ROW, runtime="Slow", ratio=4.0), replace(ROW, runtime="Quick & small", ratio=0.25)
    bars = _bars(plot.svg([slower, ROW, faster, replace(ROW, ratio=None)], "here"))
    assert len(bars) == 3
    (quick_x, quick_width), (one_x, _), (slow_x, slow_width) = bars
    assert slow_x == pytest.approx(one_x, abs=0.2)
    assert quick_x + quick_width == pytest.approx(one_x, abs=0.2)
    assert quick_width == pytest.approx(slow_width, abs=0.3), "four times as fast is as long as four times as slow"


def _bars(svg: str) -> list[tuple[float, float]]:
    """x and width of every bar, from the top."""
    found = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
    return [(float(r.attrib["x"]), float(r.attrib["width"])) for r in found if r.get("height") == "16"]
