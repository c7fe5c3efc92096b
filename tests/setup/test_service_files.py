"""The unit and the configuration that install puts in place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge import config

CHECKOUT = Path(__file__).resolve().parent.parent.parent
UNIT = CHECKOUT / "systemd" / "smart-bin.service"
UPDATE = UNIT.with_name("smart-bin-update.service")
TIMER = UPDATE.with_suffix(".timer")
WIRING = {"recycling": 12, "organic": 13, "textile": 18, "hazard": 19, "landfill": 16}
LABELS = ["battery", "biological", "cardboard", "clothes", "glass", "metal", "paper", "plastic", "shoes", "trash"]
MOST_EXPOSED = 20  # tenths of systemd's exposure level; camera, GPIO and the network cost nearly all of them

needs_systemd_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def unit_lines(unit: Path = UNIT) -> set[str]:
    return {line for line in unit.read_text().splitlines() if line and not line.startswith("#")}


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)


@needs_systemd_analyze
def test_systemd_knows_every_key(tmp_path: Path) -> None:
    # the program is installed elsewhere only later
    units = [tmp_path / path.name for path in (UNIT, UPDATE, TIMER)]
    for unit in units:
        text = (UNIT.parent / unit.name).read_text()
        unit.write_text(text.replace("/opt/smart-bin/venv/bin/smartbin", "/bin/true"))
    done = analyze("verify", "--man=no", "--recursive-errors=no", *map(str, units))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd_analyze
def test_little_is_exposed() -> None:
    for unit in (UNIT, UPDATE):
        done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))
        assert done.returncode == 0, done.stdout


def test_camera_and_pins_stay_in_reach() -> None:
    lines = unit_lines()
    keys = {line.partition("=")[0] for line in lines}
    assert keys.isdisjoint({"PrivateDevices", "ProtectClock", "PrivateUsers"})
    # with one DeviceAllow everything that has none is closed
    devices = {line.removeprefix("DeviceAllow=") for line in lines if line.startswith("DeviceAllow=")}
    assert devices >= {"char-81 rw", "char-media rw", "char-dma_heap rw", "char-gpiochip rw"}


def test_a_leak_or_a_flood_of_lines_is_bounded() -> None:
    keys = {line.partition("=")[0] for line in unit_lines()}
    assert keys >= {"MemoryMax", "TasksMax", "CPUWeight", "CPUQuota", "LogRateLimitBurst", "LogRateLimitIntervalSec"}
    # either would let a leak crawl on instead of ending it
    assert "MemoryHigh" not in keys
    assert "MemorySwapMax=0" in unit_lines()
    journal = (UNIT.parent / "journald.conf").read_text().splitlines()
    assert {"[Journal]", "SystemMaxUse=64M", "RuntimeMaxUse=16M"} <= set(journal)


def test_the_pauses_between_restarts_grow_where_systemd_can() -> None:
    assert "RestartSec=5" in unit_lines()
    lines = set((UNIT.parent / "backoff.conf").read_text().splitlines())
    assert {"RestartSteps=6", "RestartMaxDelaySec=120"} <= lines
    # without it they would grow over months
    assert "ExecStartPost=+-/usr/bin/systemctl reset-failed %n" in lines


def test_it_never_waits_for_the_network_and_never_gives_up() -> None:
    lines = unit_lines()
    assert "After=network.target" in lines
    assert not any("network-online" in line for line in lines)
    assert {"Type=notify", "NotifyAccess=main", "Restart=always", "StartLimitIntervalSec=0"} <= lines


def test_bins_look_for_models_at_different_times_without_a_clock_and_sorting_comes_first() -> None:
    timer, service = unit_lines(TIMER), unit_lines(UPDATE)
    assert {"RandomizedDelaySec=6h", "OnBootSec=15min", "OnUnitInactiveSec=1d"} <= timer
    assert not any(line.startswith("OnCalendar") for line in timer)
    assert {"Nice=19", "IOSchedulingClass=idle", "OOMScoreAdjust=1000", "Type=oneshot"} <= service
    assert {line for line in service if line.startswith(("User=", "Group=", "StateDirectory"))} <= unit_lines()


def test_lgpio_has_a_folder_to_write_to() -> None:
    assert {"Environment=LG_WD=%t/smart-bin", "RuntimeDirectory=smart-bin"} <= unit_lines()


def test_default_configuration_is_right_and_wired_as_documented(tmp_path: Path) -> None:
    environ = {"SMARTBIN_MODEL__PATH": str(tmp_path)}  # the model is not in /opt here
    settings = config.load(CHECKOUT / "systemd" / "config.toml", environ, labels=LABELS)
    pins = {name: compartment.pin for name, compartment in settings.compartments.items() if compartment.kind == "servo"}
    assert pins == WIRING
    assert settings.default_compartment == "landfill"
    assert settings.camera.source == "picamera2"
    assert settings.flaps.driver == "gpio"


def test_default_configuration_names_a_model_that_is_shipped(model_dir: Path) -> None:
    text = (CHECKOUT / "systemd" / "config.toml").read_text()
    assert f'"/opt/smart-bin/models/{model_dir.name}"' in text
