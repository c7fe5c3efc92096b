"""The commands as people and scripts call them: output, exit codes, messages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from broker_fixtures import free_port
from PIL import Image
from tinymodel import COLOURS

from edge import demo
from edge.cli import main
from edge.version import VERSION

CONFIG = """
[bin]
id = "test"
[camera]
source = "replay"
path = "pictures"
pace = "fast"
[model]
path = "model"
[trigger]
margin = 0.0
[flaps]
driver = "mock"
[compartments.recycling]
labels = ["cardboard", "glass", "metal", "paper", "plastic", "biological", "clothes", "shoes"]
pin = 12
open_s = 0.01
settle_s = 0.01
[compartments.hazard]
labels = ["battery"]
pin = 13
open_s = 0.01
settle_s = 0.01
[compartments.landfill]
labels = ["trash"]
default = true
pin = 16
open_s = 0.01
settle_s = 0.01
[mqtt]
enabled = false
[outbox]
path = "outbox.db"
"""


@pytest.fixture
def config(tmp_path: Path, tiny_model: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "pictures").mkdir()
    for label in ("glass", "battery"):
        picture(tmp_path / "pictures" / f"{label}.png", label)
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


def picture(path: Path, label: str) -> Path:
    Image.fromarray(np.full((60, 80, 3), COLOURS[label], np.uint8)).save(path)
    return path


def test_version_and_help_teach(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as version:
        main(["--version"])
    assert version.value.code == 0
    assert capsys.readouterr().out == f"smartbin {VERSION}\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for word in ("run", "demo", "classify", "check-config", "doctor", "flap", "events", "examples:", "exit codes:"):
        assert word in told


def test_python_m_edge_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "edge", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"smartbin {VERSION}\n"


def test_classify_prints_one_object_an_image_in_input_order(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    files = [picture(tmp_path / "a.png", "battery"), broken, tmp_path / "pictures"]
    assert main(["classify", "--json", "--config", str(config), *map(str, files)]) == 1, "one was rejected"
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(a["file"]).name for a in answers] == ["a.png", "broken.jpg", "battery.png", "glass.png"]
    assert [a["outcome"] for a in answers] == ["sorted", "rejected", "sorted", "sorted"]
    first, rejected = answers[0], answers[1]
    assert list(first) == [
        "file",
        "outcome",
        "label",
        "confidence",
        "compartment",
        "compartment_confidence",
        "reason",
        "top",
        "model",
    ]
    assert (first["label"], first["compartment"]) == ("battery", "hazard")
    assert len(first["top"]) == len(COLOURS)
    assert first["top"] == sorted(first["top"], key=lambda answer: -answer["p"])
    assert rejected["label"] is None
    assert "broken.jpg" in rejected["reason"]


def test_classify_speaks_to_people(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path / "a.png", "battery")
    assert main(["classify", "--config", str(config), str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: battery ")
    gone = tmp_path / "gone.png"
    assert main(["classify", "--config", str(config), str(gone)]) == 1
    assert capsys.readouterr().out == f"{gone}: rejected: No such file or directory.\n", "its name once"
    assert main(["classify", "--config", str(config), str(tmp_path / "model")]) == 1
    assert "no image in this folder" in capsys.readouterr().err


def test_a_model_of_other_classes_can_be_tried_before_there_are_compartments_for_them(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whoever has just trained one does. In the demo's configuration no compartment takes its labels."""
    monkeypatch.setattr("edge.demo.find_mosquitto", lambda: None)
    monkeypatch.setattr("edge.demo.CONFIG", without_compartment("battery", tmp_path / "demo.toml"))
    model, file = str(tmp_path / "model"), str(picture(tmp_path / "a.png", "battery"))
    assert main(["classify", "--model", model, file]) == 0
    told = capsys.readouterr()
    assert "battery" in told.out
    assert "-> landfill" in told.out
    assert "no compartment of the demo takes battery: shown as landfill; --config names" in told.err
    assert main(["demo", "--plain", "--fast", "--images", str(config.parent / "pictures"), "--model", model]) == 0
    assert "no compartment of the demo takes battery" in capsys.readouterr().err
    config.write_text(CONFIG.replace('labels = ["battery"]', "labels = []"))
    assert main(["classify", "--model", model, "--config", str(config), file]) == 2, (
        "there the user says what goes where"
    )


def test_a_compartment_that_takes_nothing_yet_may_have_its_costs(config: Path, tmp_path: Path) -> None:
    text = CONFIG.replace('labels = ["battery"]', "labels = []").replace('["trash"]', '["trash", "battery"]')
    costs = "[policy.costs]\nhazard = { recycling = 20 }\nrecycling = { hazard = 2, landfill = 3 }\n"
    config.write_text(text.replace("[flaps]", f"{costs}[flaps]"))
    assert main(["check-config", "--config", str(config)]) == 0
    assert main(["classify", "--config", str(config), str(picture(tmp_path / "a.png", "glass"))]) == 0
    assert main(["run", "--config", str(config)]) == 0


def without_compartment(label: str, file: Path) -> Path:
    """A copy of the demo's configuration in which no compartment takes this label."""
    text = demo.CONFIG.read_text(encoding="utf-8").replace('path = "', f'path = "{demo.CONFIG.parent}/')
    assert f'labels = ["{label}"]' in text
    file.write_text(text.replace(f'labels = ["{label}"]', "labels = []"), encoding="utf-8")
    return file


@pytest.mark.parametrize("command", ["classify a.png", "demo --plain"])
@pytest.mark.parametrize("wrong", ["elsewhere", "model/model.tflite"])
def test_a_model_that_is_no_folder_is_a_mistake_of_the_command_not_of_the_file(
    config: Path, command: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = config.parent / wrong
    assert main([*command.split(), "--model", str(model)]) == 2
    assert capsys.readouterr().err == f"smartbin: --model: {model} is no folder; name the one that holds model.json\n"


def test_run_sorts_a_replay_to_its_end_and_events_wait_in_the_outbox(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(config)]) == 0
    assert main(["events", "--config", str(config), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(e["seq"], e["label"], e["compartment"]) for e in events] == [
        (1, "battery", "hazard"),
        (2, "glass", "recycling"),
    ]
    assert main(["events", "--config", str(config), "--limit", "1"]) == 0
    assert "battery" in capsys.readouterr().out


def test_before_a_bin_has_run_there_are_no_events_to_look_at(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--config", str(config)]) == 1
    assert "there is none yet: no bin has run" in capsys.readouterr().err


def test_check_config_is_fine_or_lists_every_mistake(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(config)]) == 0
    assert "hazard: battery" in capsys.readouterr().out
    config.write_text(CONFIG.replace("pin = 13", "pin = 12").replace('labels = ["trash"]', 'lables = ["trash"]'))
    assert main(["check-config", "--config", str(config)]) == 2
    told = capsys.readouterr().err
    assert "pin 12 is used twice" in told
    assert "compartments.landfill.lables: unknown key" in told


@pytest.mark.parametrize("command", ["run", "check-config"])
def test_a_label_that_goes_nowhere_is_a_configuration_mistake(
    config: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace('"metal", ', ""))
    assert main([command, "--config", str(config)]) == 2
    told = capsys.readouterr().err
    assert "label 'metal' is not routed" in told
    assert command == "run" or f"smartbin: {config}: compartments: label" in told


def test_the_exit_code_says_which_part_is_wrong(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(config.with_name("none.toml"))]) == 2
    assert "there is no such file; name yours with --config" in capsys.readouterr().err
    for file in (config.parent / "pictures").iterdir():
        file.unlink()
    assert main(["run", "--config", str(config)]) == 3
    assert "No pictures" in capsys.readouterr().err
    with (config.parent / "model" / "model.tflite").open("ab") as model:
        model.write(b"x")
    assert main(["run", "--config", str(config)]) == 4
    assert "sha256" in capsys.readouterr().err


def test_flaps_without_pins_say_what_to_install(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if Path("/dev/gpiochip0").exists():
        pytest.skip("this computer has GPIO pins, and this test would move them")
    config.write_text(CONFIG.replace('driver = "mock"', 'driver = "gpio"'))
    assert main(["run", "--config", str(config)]) == 3
    assert 'flaps.driver = "mock"' in capsys.readouterr().err.replace("write ", "")


def test_flap_moves_one_compartment(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flap", "hazard", "--config", str(config)]) == 0
    assert "hazard: moved and back at rest" in capsys.readouterr().out
    assert main(["flap", "cellar", "--config", str(config)]) == 2
    assert "name one of recycling, hazard, landfill" in capsys.readouterr().err


def test_doctor_tells_line_by_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", str(config), "--json"]) == 0
    findings = {f["check"]: f for f in map(json.loads, capsys.readouterr().out.splitlines())}
    assert findings["camera"]["level"] == "ok"
    assert findings["model"]["level"] == "ok"
    assert findings["gpio"]["level"] == "skip"
    (config.parent / "empty").touch()
    page = "[web]\nenabled = true\nport = 0\npassword_file = 'empty'\n[mqtt]"
    config.write_text(CONFIG.replace("[mqtt]", page).replace("port = 0", f"port = {free_port()}"))
    assert main(["doctor", "--config", str(config)]) == 0, "the bin sorts without its page"
    assert "empty: the first line is empty" in capsys.readouterr().out
    config.write_text(config.read_text().replace("password_file", "host = '192.0.2.1'\npassword_file"))
    (config.parent / "empty").write_text("sesame\n")
    assert main(["doctor", "--config", str(config)]) == 0
    assert "choose another web.port or web.host" in capsys.readouterr().out
    config.write_text(CONFIG.replace("enabled = false", 'host = "127.0.0.1"\nport = 1'))
    assert main(["doctor", "--config", str(config)]) != 0
    assert "127.0.0.1:1" in capsys.readouterr().out


def test_demo_names_each_item_and_keeps_the_score(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge.demo.find_mosquitto", lambda: None)
    folder = config.parent
    arguments = ["--plain", "--fast", "--images", str(folder / "pictures"), "--model", str(folder / "model")]
    assert main(["demo", *arguments]) == 0
    told = capsys.readouterr()
    assert "battery.png" in told.out
    assert "2 items handled" in told.out
    assert "Of 2 whose files say what they are" in told.out
    assert demo.INSTALL_MOSQUITTO in told.err
    assert main(["demo", "--images", str(folder / "none")]) == 2
    assert main(["demo", "--plain", "--camera", "/dev/none"]) == 3
    assert "pictures: camera /dev/none" in capsys.readouterr().err
    monkeypatch.setattr("edge.app.run", lambda *_, **__: None)
    assert main(["demo", "--plain", "--camera", "rtsp://me:secret@camera/"]) == 0
    assert "pictures: camera rtsp://camera/" in capsys.readouterr().err


def test_a_demo_with_a_camera_leaves_a_hand_the_time_to_take_the_item_away(tmp_path: Path) -> None:
    shown = demo.settings_for(demo.Wishes(camera="0"), {}, tmp_path, None)
    assert (shown.camera.source, shown.trigger.clear_s) == ("opencv", demo.CLEARED_BY_HAND_S)
