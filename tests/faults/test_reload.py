"""The configuration is replaced while the bin runs: SIGHUP takes a good file over and keeps the old one for a bad one.

The real `smartbin run` as a process with a real Mosquitto.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bin_process import BinProcess, coloured_pictures, config_text, unique_events
from broker_fixtures import Listener, Mosquitto, wait_until
from fakebin import quiet_reporter
from small_config import SMALL

from edge import config
from edge.errors import ConfigError
from edge.reload import Reload, checked, never

State = dict[str, Any]


class RunningBin:
    def __init__(self, process: BinProcess, listener: Listener) -> None:
        self.process = process
        self.listener = listener

    @property
    def state(self) -> State:
        states = self.listener.payloads("smartbin/e2e/state")
        return dict(json.loads(states[-1])) if states else {}

    def reload_with(self, text: str) -> None:
        self.process.config.write_text(text)
        self.process.terminate(signal.SIGHUP)

    def wait_for(self, condition: Callable[[State], object]) -> State:
        wait_until(lambda: self.state and condition(self.state), within_s=120)
        return self.state


@pytest.fixture
def running(tiny_model: Path, tmp_path: Path, mosquitto: Mosquitto) -> Iterator[RunningBin]:
    shutil.copytree(tiny_model, tmp_path / "model")
    pictures = coloured_pictures(tmp_path / "pictures", each=1)
    process = BinProcess(tmp_path, config_text(tmp_path / "model", pictures, mosquitto.port, tmp_path, loop=True))
    listener = mosquitto.listen("smartbin/e2e/#")
    process.start()
    try:
        bin_ = RunningBin(process, listener)
        bin_.wait_for(lambda state: state["items"] >= 2)
        yield bin_
    finally:
        process.kill()
        listener.close()


def problems(state: State) -> list[str]:
    return [warning["problem"] for warning in state["warnings"]]


@pytest.mark.broker
@pytest.mark.slow
def test_a_good_file_is_taken_over_a_bad_one_is_not_and_nothing_is_lost(running: RunningBin) -> None:
    good = running.process.config.read_text()
    running.reload_with(good + "nonsense = [\n")
    before = running.wait_for(lambda state: problems(state) == ["config_rejected"])
    assert before["state"] == "ready", "it goes on with the old one"
    running.wait_for(lambda state: state["items"] > before["items"])

    moved = good.replace("pin = 16", "pin = 17").replace('labels = ["trash"]', 'labels = ["trash", "glass"]')
    moved = moved.replace("'glass', ", "").replace("['trash']", "['trash', 'glass']")
    running.reload_with(moved)
    running.wait_for(lambda state: not problems(state) and state["by_compartment"].get("landfill", 0) >= 1)
    assert "pulse pin=17" in running.process.log, "the new pin moves"
    events = unique_events(running.listener.payloads("smartbin/e2e/event"))
    assert [event.seq for event in events] == list(range(1, len(events) + 1)), "seq goes on"
    assert running.state["items"] >= before["items"], "so do the counts"


@pytest.mark.broker
@pytest.mark.slow
def test_parts_that_cannot_be_had_bring_the_old_ones_back(running: RunningBin) -> None:
    good = running.process.config.read_text()
    missing = good.replace('source = "replay"', 'source = "opencv"\ndevice = "/dev/video-none"')
    running.reload_with(missing)
    before = running.wait_for(lambda state: problems(state) == ["config_rejected"])
    assert "/dev/video-none" in before["warnings"][0]["message"]
    running.wait_for(lambda state: state["items"] > before["items"])
    running.reload_with(good)
    running.wait_for(lambda state: not problems(state) and state["state"] == "ready")


BASE = SMALL + '[outbox]\npath = "outbox.db"\n'


def settings(text: str = BASE) -> config.Settings:
    return config.parse(text, {}, base=Path("/"))


@pytest.mark.parametrize(("old", "new"), [("lobby", "hall"), ("outbox.db", "other.db")])
def test_what_the_events_on_disk_belong_to_cannot_change(old: str, new: str) -> None:
    with pytest.raises(ConfigError, match="restart the service"):
        checked(settings(), settings(BASE.replace(old, new)))


def test_nothing_is_read_until_asked_and_once_for_each_time() -> None:
    asked = iter([False, True, False])
    loads: list[int] = []

    def load() -> config.Settings:
        loads.append(1)
        return settings()

    reload, tells = Reload(lambda: next(asked), load), quiet_reporter()
    assert [reload.wanted(settings(), tells) for _ in range(3)] == [False, True, False]
    assert len(loads) == 1
    assert reload.take() == settings()
    assert reload.take() is None
    assert not never().wanted(settings(), tells)


def test_a_command_is_told_what_is_wrong_and_only_what_was_read_last_is_taken_over() -> None:
    files = iter([BASE, BASE.replace("lobby", "NO SPACES"), BASE])
    reload, tells = Reload(lambda: False, lambda: settings(next(files))), quiet_reporter()
    assert reload.ask(settings(), tells) is None
    assert "bin.id" in (reload.ask(settings(), tells) or "")
    assert not reload.wanted(settings(), tells), "the good one is no longer on disk"
    assert reload.ask(settings(), tells) is None
    assert reload.take() is None, "an item is on its way"
    assert reload.wanted(settings(), tells)
    assert reload.take() == settings()


def test_of_a_file_of_mistakes_so_much_is_told_as_every_line_takes() -> None:
    mistakes = ConfigError([f"config: table_{number}: unknown key" for number in range(10_000)])

    def load() -> config.Settings:
        raise mistakes

    reload, tells = Reload(lambda: False, load), quiet_reporter()
    trouble = reload.ask(settings(), tells)
    assert trouble is not None
    (warning,) = tells.state.warnings
    for told in (trouble, warning.message):
        assert told.startswith("config: table_0: unknown key") and "`smartbin check-config` tells all" in told
        assert len(told) < 20_000


def test_a_good_file_heals_what_a_bad_one_left() -> None:
    files = iter([BASE.replace("lobby", "NO SPACES"), BASE])
    reload, tells = Reload(lambda: True, lambda: settings(next(files))), quiet_reporter()
    assert not reload.wanted(settings(), tells)
    assert [warning.problem for warning in tells.state.warnings] == ["config_rejected"]
    assert "keeps" in tells.state.warnings[0].message or "stays" in tells.state.warnings[0].message
    assert reload.wanted(settings(), tells)
    assert not tells.state.warnings
