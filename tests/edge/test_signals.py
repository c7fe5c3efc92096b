"""Signals that come while the program does something, above all while it looks whether one came."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bin_process import PINS, config_text

from edge.adapters.signals import end_as_if_interrupted, reload_asked, stop_asked

STORM = """
import os, signal, sys, threading
from edge.adapters.signals import {name}

asked = {name}()
over = threading.Event()

def send():
    for _ in range(20_000):
        os.kill(os.getpid(), signal.{signal})
    over.set()

threading.Thread(target=send).start()
answers = 0
while not over.is_set():
    answers += asked()
asked()
os.kill(os.getpid(), signal.{signal})
print(answers > 0, asked(), asked())
"""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """They are the process's own: put back afterwards."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers: signal.Signals) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("name", "number", "answers"),
    [("reload_asked", "SIGHUP", "True True False"), ("stop_asked", "SIGTERM", "True True True")],
)
def test_a_storm_of_signals_neither_hangs_the_program_nor_hides_the_last(name: str, number: str, answers: str) -> None:
    storm = STORM.format(name=name, signal=number)
    done = subprocess.run([sys.executable, "-c", storm], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == answers.split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(number: signal.Signals) -> None:
    asked = stop_asked()
    assert not asked()
    send(number)
    assert asked()
    assert asked(), "and stays so"


def test_a_second_sigint_ends_it_the_hard_way_and_a_second_sigterm_does_not() -> None:
    stop_asked()
    send(signal.SIGTERM, signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_more_than_two_do_not_interrupt_what_closes_the_flaps() -> None:
    stop_asked()
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT, signal.SIGINT)
    send(signal.SIGINT, signal.SIGINT)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_single_move_ends_with_the_first_of_any_signal(first: signal.Signals) -> None:
    end_as_if_interrupted()
    with pytest.raises(KeyboardInterrupt):
        send(first)
    send(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def test_a_flap_that_is_tried_is_closed_when_the_terminal_goes(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    (tmp_path / "model").mkdir()
    text = config_text(tmp_path / "model", tmp_path, 1, tmp_path).replace("[flaps]", "[flaps]\nmax_s = 30")
    config.write_text(text.replace("open_s = 0.03", "open_s = 25"))  # far longer than the signal takes
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "edge", "flap", "recycling", "--config", config], stderr=subprocess.PIPE, text=True
    ) as flap:
        assert flap.stderr is not None
        at_rest = [flap.stderr.readline() for _ in PINS]  # then it opens
        flap.send_signal(signal.SIGHUP)
        assert flap.wait(20) == 130
        *_, last = [*at_rest, *flap.stderr.readlines()]
    assert "value=0" in last


def test_a_reload_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    asked = reload_asked()
    assert not asked()
    send(signal.SIGHUP, signal.SIGHUP)
    assert asked()
    assert not asked()


@pytest.mark.parametrize("at_terminal", [True, False])
def test_what_reloads_nothing_ends_with_its_terminal_wherever_its_errors_go(
    monkeypatch: pytest.MonkeyPatch, at_terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: at_terminal)
    stop = stop_asked()
    send(signal.SIGHUP)
    assert stop()


def test_a_hangup_that_asks_for_a_reload_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    reload, stop = reload_asked(), stop_asked()
    send(signal.SIGHUP)
    assert (reload(), stop()) == (True, False)


def test_a_hangup_that_nohup_ignores_stops_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = stop_asked()
    send(signal.SIGHUP)
    assert not stop()


def test_a_terminal_that_is_gone_asks_for_a_clean_stop_and_no_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    reload, stop = reload_asked(), stop_asked()
    send(signal.SIGHUP)
    assert (reload(), stop()) == (False, True)
