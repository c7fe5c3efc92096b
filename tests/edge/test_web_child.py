"""The bin's side of its web process: what is sent, and when. The other end of the line is the test."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import cast

import pytest
from sample_event import sample_event

from edge.adapters.web_child import AGAIN_AFTER_S, MOST_AT_ONCE, MOST_COMMANDS, WATCHED_S, WebChild
from edge.feed import LARGEST, Kind, Packet, pack, unpack
from edge.model import Phase, Signal
from edge.testing import FakeClock, blank_frame

EMPTY = Signal(Phase.EMPTY)


@dataclass
class Process:
    """A web process that does nothing. line: its end."""

    line: socket.socket
    code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = 0
        self.line.close()

    def wait(self, within_s: float) -> int:
        return self.code or 0


@dataclass
class Line:
    """A WebChild, and what its process sees of it."""

    clock: FakeClock = field(default_factory=FakeClock)
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.child = WebChild(self._start, self.clock)

    def _start(self, descriptor: int) -> subprocess.Popen[bytes]:
        self.processes.append(Process(socket.socket(fileno=os.dup(descriptor))))
        return cast("subprocess.Popen[bytes]", self.processes[-1])

    def after(self, seconds: float) -> list[Kind]:
        """Another frame so much later; what the process was told since."""
        self.clock.sleep(seconds)
        self.child.saw(blank_frame(), EMPTY)
        kinds = []
        while True:
            try:
                kinds.append(unpack(self.processes[-1].line.recv(LARGEST, socket.MSG_DONTWAIT)).kind)
            except BlockingIOError:
                return kinds

    def say(self, packet: Packet) -> None:
        self.processes[-1].line.send(pack(packet))


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    with closing(made.child):
        made.after(0)
        yield made


def test_the_tray_is_shown_only_while_somebody_looks(line: Line) -> None:
    assert line.after(1) == [Kind.SEEN]
    line.say(Packet(Kind.LOOK))
    assert line.after(1) == [Kind.SEEN, Kind.TRAY]
    assert line.after(WATCHED_S / 2) == [Kind.SEEN, Kind.TRAY]
    assert line.after(WATCHED_S) == [Kind.SEEN], "nobody looked again"


def test_a_look_is_heard_also_while_no_command_is_taken(line: Line) -> None:
    for _ in range(MOST_COMMANDS - 1):
        line.say(Packet(Kind.COMMAND, b"pause", b"{}"))
    line.say(Packet(Kind.LOOK))
    assert Kind.TRAY in line.after(1)


def test_commands_come_in_their_order_with_looks_between(line: Line) -> None:
    line.say(Packet(Kind.COMMAND, b"pause", b"1"))
    line.say(Packet(Kind.LOOK))
    line.say(Packet(Kind.COMMAND, b"resume", b"2"))
    taken = [line.child.take() for _ in range(3)]
    assert [(one.name, one.payload) for one in taken if one] == [("pause", b"1"), ("resume", b"2")]
    assert taken[2] is None


def test_a_process_that_talks_too_much_holds_nobody_up(line: Line) -> None:
    for number in range(3 * MOST_AT_ONCE):
        line.say(Packet(Kind.LOOK if number % 3 else Kind.COMMAND, b"pause"))
    line.processes[-1].line.send(b"nonsense")
    assert line.child.take() is not None, "one look takes in only so much"
    assert sum(line.child.take() is not None for _ in range(3 * MOST_AT_ONCE)) == MOST_AT_ONCE - 1


def test_a_new_process_starts_with_nobody_looking_once_the_old_one_is_forgotten(line: Line) -> None:
    line.say(Packet(Kind.LOOK))
    line.after(1)
    line.processes[-1].terminate()
    line.processes[-1].code = 1
    line.clock.sleep(1)
    line.child.saw(blank_frame(), EMPTY)
    assert line.after(WATCHED_S) == [Kind.SEEN]
    assert len(line.processes) == 2


def test_what_is_too_large_for_the_line_holds_up_nothing_that_comes_after_it(line: Line) -> None:
    line.after(1)
    line.child.reply("reload", b"x" * LARGEST)
    line.child.reply("status", b"{}")
    assert Kind.REPLY in line.after(1)


def test_an_item_is_told_with_its_picture_whoever_looks(line: Line) -> None:
    line.child.handled(sample_event(), blank_frame())
    assert line.after(1) == [Kind.ITEM, Kind.SEEN]


def test_without_a_file_handle_for_it_the_bin_goes_on_without_a_page_until_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Line()

    def refused(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as short:
        short.setattr(socket, "socketpair", refused)
        made.child.saw(blank_frame(), EMPTY)
    with closing(made.child):
        assert Kind.SEEN in made.after(AGAIN_AFTER_S[1])
