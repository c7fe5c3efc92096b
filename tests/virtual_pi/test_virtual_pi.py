"""setup.sh's installation on an emulated Pi: arm64, a Debian kernel, systemd, a V4L2 camera, GPIO lines, Mosquitto.

The tests build on each other's machine, in this order: what it does, what holds it, what it survives.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from bin_process import PINS, unique_events
from broker_fixtures import PROGRAM, Listener, Mosquitto
from machine import Machine
from pulses import Burst, movements

from edge.model import Outcome, SortEvent

BUILD = Path(__file__).parent / "build.sh"
FLAPS = {pin: name for name, pin in PINS.items()}
BEAM = "/run/pins/sim_gpio17/pull"
CGROUP = "/sys/fs/cgroup/system.slice/smart-bin.service"
ITEM_S = 180.0  # an item takes some seconds when nothing else runs
KILLS = int(os.environ.get("SMARTBIN_KILLS", "5"))
POWER_CUTS = int(os.environ.get("SMARTBIN_POWER_CUTS", "3"))
MIB = 2**20
INTEGRITY = (
    "import sqlite3; d = sqlite3.connect('/var/lib/smart-bin/outbox.db'); "
    "print(d.execute('PRAGMA integrity_check').fetchone()[0])"
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("SMARTBIN_VIRTUAL_PI") != "1",
        reason="takes many minutes: run `make virtual-pi` (as root), or set SMARTBIN_VIRTUAL_PI=1",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="making the machine's disk needs root"),
    pytest.mark.skipif(shutil.which("qemu-system-aarch64") is None, reason="no qemu (apt: qemu-system-arm)"),
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
]


class Pi(Machine):
    """The machine with hands: puts things on the tray, and watches the flaps from outside."""

    def put_item(self) -> bool:
        """Whether it fell at once, which nothing does."""
        self.check(f"echo pull-down >{BEAM}")
        return False

    def take_item(self) -> None:
        self.check(f"echo pull-up >{BEAM}")

    @property
    def moves(self) -> list[Burst]:
        return movements(self.levels, FLAPS)

    def sort_one(self) -> Burst:
        """From a clear beam to a clear beam. The move that it brought."""
        before = len(self.moves)
        self.put_item()
        self.wait_for(lambda: len(self.moves) > before, ITEM_S)
        self.take_item()
        return self.moves[before]

    def wait_ready(self) -> None:
        self.wait_for(lambda: self.show("ActiveState") == "active", 600)


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Printed at the end, whatever -s and -q say."""
    found: dict[str, str] = {}
    yield found
    reporter, capture = map(request.config.pluginmanager.getplugin, ("terminalreporter", "capturemanager"))
    # what a fixture writes belongs to a test's output, which nobody sees when the test passes
    with capture.global_and_fixture_disabled():
        reporter.write_line("")
        for what, value in found.items():
            reporter.write_line(f"  {what}: {value}")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Outside the Pi, as a real one mostly is: it does not lose its power together with the bin."""
    assert PROGRAM is not None
    mosquitto = Mosquitto(PROGRAM, tmp_path_factory.mktemp("broker"))
    mosquitto.start()
    yield mosquitto
    mosquitto.kill()


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory, figures: dict[str, str]) -> Iterator[Pi]:
    """Booted for the first time, with an item on its tray that it has sorted."""
    cache = subprocess.run([str(BUILD)], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    machine = Pi(Path(cache), tmp_path_factory.mktemp("pi"))
    try:
        machine.start()
        machine.wait_for(lambda: machine.ask(f"test -e {BEAM}").status == 0)
        # again and again: a program that takes the pin sets its pull
        machine.wait_for(lambda: machine.put_item() or machine.moves, 900)
        figures["power on to the first item's flap, outside"] = f"{time.monotonic() - machine.power_on_s:.0f} s"
        machine.take_item()
        yield machine
        machine.stop()
    finally:
        machine.cut_power()


@pytest.fixture(scope="module")
def listener(pi: Pi, broker: Mosquitto) -> Iterator[Listener]:
    """From here on the bin talks to the broker outside."""
    heard = broker.listen("smartbin/+/event")
    drop_in = "/etc/systemd/system/smart-bin.service.d/outside.conf"
    settings = f"Environment=SMARTBIN_MQTT__HOST=10.0.2.2 SMARTBIN_MQTT__PORT={broker.port}"
    pi.check(
        f"printf '[Service]\\n{settings}\\n' >{drop_in}; systemctl daemon-reload; systemctl restart smart-bin", 600
    )
    yield heard
    heard.close()


def test_first_boot(pi: Pi, figures: dict[str, str]) -> None:
    started_s, ready_s = (
        int(pi.show(key)) / 1e6 for key in ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    )
    moved_s = pi.moves[0].from_s
    assert started_s < ready_s < moved_s
    figures["the machine's clock: service started / ready / first flap"] = (
        f"{started_s:.1f} / {ready_s:.1f} / {moved_s:.1f} s: the product's own share is {moved_s - started_s:.1f} s"
    )
    figures["systemd-analyze"] = pi.check("systemd-analyze time | head -1; true")


def test_active_and_ready(pi: Pi) -> None:
    assert pi.show("ActiveState") == "active"
    assert pi.show("Type") == "notify"
    assert pi.show("StatusText").startswith("ready: ")
    assert pi.show("NRestarts") == "0"
    assert pi.check(f"stat -c %U /proc/{pi.show('MainPID')}") == "smart-bin"
    assert pi.check("uname -m") == "aarch64"


def test_it_takes_the_machine_for_a_pi(pi: Pi) -> None:
    # nothing in the configuration says which board it is, or where the pins are
    script = "from gpiozero.pins.lgpio import LGPIOFactory as F; f = F(); print(f.board_info.model, f.chip)"
    assert pi.check(f"cd /tmp; /opt/smart-bin/venv/bin/python -W ignore -c '{script}'") == "3B 0"


def test_frames_come_from_the_camera(pi: Pi) -> None:
    pid = pi.show("MainPID")
    assert "/dev/video0" in pi.check(f"find /proc/{pid}/fd -lname '/dev/*' -printf '%l\\n'").split()
    # fed by handled frames only
    before = pi.show("WatchdogTimestampMonotonic")
    pi.wait_for(lambda: pi.show("WatchdogTimestampMonotonic") != before, 60)
    assert "fault" not in pi.show("StatusText")


def test_the_beam_moves_the_flap_of_the_events_compartment(pi: Pi) -> None:
    watch = f"""
import json, pathlib, time
pins = {{pin: pathlib.Path(f"/run/pins/sim_gpio{{pin}}/value") for pin in {sorted(FLAPS)}}}
pathlib.Path("{BEAM}").write_text("pull-down")
seen, until = set(), time.monotonic() + {ITEM_S}
while time.monotonic() < until:
    high = {{pin for pin, value in pins.items() if value.read_text().strip() == "1"}}
    if high and not seen:
        until = time.monotonic() + 5
    seen |= high
pathlib.Path("{BEAM}").write_text("pull-up")
print(json.dumps(sorted(seen)))
"""
    subscribe = f"mosquitto_sub -t 'smartbin/bin-1/event' -C 1 -W {ITEM_S * 2:.0f}"
    before = len(pi.moves)
    output = pi.check(f"{subscribe} & python3 - <<'END'\n{watch}END\nwait", ITEM_S * 3)
    seen, event = (json.loads(line) for line in output.splitlines())
    assert event["outcome"] == "sorted"
    assert [FLAPS[pin] for pin in seen] == [event["compartment"]]
    # the kernel's tracer says the same as the levels, and that pulses end
    assert [FLAPS[move.pin] for move in pi.moves[before:]] == [event["compartment"]]
    assert pi.moves[before].pulses > 5


def test_nothing_pulses_at_rest(pi: Pi) -> None:
    values = " ".join(f"/run/pins/sim_gpio{pin}/value" for pin in FLAPS)
    count = len(pi.levels)
    seen = pi.check(f"for turn in $(seq 200); do cat {values}; done | sort | uniq")
    assert (seen, len(pi.levels)) == ("0", count)


def test_only_its_devices_can_be_opened(pi: Pi) -> None:
    """As root, but in the service's cgroup: what holds there is DeviceAllow alone."""

    def opened(path: str) -> str:
        return pi.ask(f"bash -c 'echo $$ >{CGROUP}/cgroup.procs; exec 3<{path}' 2>&1").output

    for allowed in ("/dev/video0", "/dev/gpiochip0", "/dev/null"):
        assert opened(allowed) == ""
    for forbidden in ("/dev/vda", "/dev/kmsg", "/dev/ttyAMA0"):
        assert "Operation not permitted" in opened(forbidden)


LEAK = f"""
import os, socket
def tell(what):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(what, os.environ["NOTIFY_SOCKET"])
tell(b"READY=1")
kept = []
while True:
    kept.append(b"x" * {MIB})
    tell(b"WATCHDOG=1")
"""


def test_a_leak_ends_the_program_which_starts_again(pi: Pi, figures: dict[str, str]) -> None:
    """A copy of the unit, with a program that takes memory without end and says all the while that it is well."""
    changes = {
        "ExecStart": "/usr/bin/python3 /run/leak.py",
        "StateDirectory": "",
        "RuntimeDirectory": "",
    }
    edits = " ".join(f"-e 's!^{key}=.*!{key}={value}!'" for key, value in changes.items())
    pi.check(f"cat >/run/leak.py <<'END'\n{LEAK}END")
    pi.check(f"sed {edits} /etc/systemd/system/smart-bin.service >/run/systemd/system/leak.service")
    pi.check("systemctl daemon-reload; systemctl start leak")
    started_s = time.monotonic()
    pi.wait_for(lambda: int(pi.show("NRestarts", "leak")) > 0, 400)
    figures["a leak of 512 MiB: ended, and the program started again, after"] = f"{time.monotonic() - started_s:.0f} s"
    pi.check("systemctl stop leak; journalctl -k --no-pager | grep 'Memory cgroup out of memory'")
    assert pi.show("ActiveState") == "active"
    figures["memory of the service"] = f"{int(pi.show('MemoryPeak')) / MIB:.0f} MiB at most"


def test_a_stop_ends_by_itself_and_takes_a_fraction_of_a_start(pi: Pi, figures: dict[str, str]) -> None:
    def timed(action: str) -> float:
        output = pi.check(f"date +%s.%N; systemctl {action} smart-bin; date +%s.%N", 600)
        began_s, ended_s = map(float, output.split())
        return ended_s - began_s

    stop_s = timed("stop")
    result = pi.check("systemctl show -P Result -P ExecMainStatus smart-bin").split()
    said = pi.check("journalctl -u smart-bin -n 20 --no-pager -o cat")
    start_s = timed("start")  # the next test needs it, whatever this one finds
    figures["stop, and the start after it"] = f"{stop_s:.1f} s, {start_s:.0f} s"
    assert result == ["success", "0"], said
    # not a number of seconds: how fast this machine is depends on what else the computer does
    assert stop_s < start_s / 4


def test_a_program_that_hangs_is_ended_and_started_again(pi: Pi, figures: dict[str, str]) -> None:
    before = pi.show("MainPID")
    restarts = int(pi.show("NRestarts"))
    hung_s = time.monotonic()
    pi.check("systemctl kill -s STOP --kill-whom=main smart-bin")
    pi.wait_for(lambda: int(pi.show("NRestarts")) > restarts, 300)
    figures["SIGSTOP to restart"] = f"{time.monotonic() - hung_s:.0f} s"
    pi.wait_ready()
    figures["SIGSTOP to ready"] = f"{time.monotonic() - hung_s:.0f} s"
    assert pi.show("MainPID") != before
    assert "watchdog" in pi.check("journalctl -u smart-bin --no-pager -o cat").lower()
    pi.sort_one()


def events_at_rest(pi: Pi, listener: Listener) -> list[SortEvent]:
    """What the broker outside was told, once the bin is ready and has nothing more to tell."""
    pi.wait_ready()
    pi.wait_for(lambda: not pi.check("smartbin events --json"))
    return unique_events(listener.payloads("smartbin/bin-1/event"))


def interrupt(pi: Pi, moments: Random, act: Callable[[], object]) -> None:
    """An item is put on the tray, and the act comes at a random moment until the flap is back at rest."""
    before = len(pi.moves)
    pi.put_item()
    if moments.random() < 0.7:
        pi.wait_for(lambda: len(pi.moves) > before, ITEM_S)
    time.sleep(moments.uniform(0.0, 2.0))  # a random moment, not a wait for something to happen
    act()


def check_nothing_lost(moves: Sequence[Burst], events: Sequence[SortEvent]) -> None:
    """Every movement has its event; an event without one is of an item whose flap did not get as far."""
    told = Counter(event.compartment for event in events)
    moved = Counter(FLAPS[move.pin] for move in moves)
    assert not moved - told, f"moved {moved}, told {told}"
    assert (told - moved).total() <= sum(event.outcome is Outcome.INTERRUPTED for event in events)
    numbers = [event.seq for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_kill_9_loses_nothing(pi: Pi, listener: Listener, figures: dict[str, str]) -> None:
    moments = Random(9)
    told, moved = len(events_at_rest(pi, listener)), len(pi.moves)
    for _ in range(KILLS):
        interrupt(pi, moments, lambda: pi.check("systemctl kill -s KILL smart-bin"))
        pi.take_item()
        pi.wait_for(lambda: pi.show("SubState") == "running", 300)
    pi.sort_one()
    events, moves = events_at_rest(pi, listener)[told:], pi.moves[moved:]
    figures[f"kill -9, {KILLS} times"] = summary(moves, events)
    check_nothing_lost(moves, events)


def test_power_cuts_lose_nothing(pi: Pi, listener: Listener, figures: dict[str, str]) -> None:
    moments = Random(12)
    told = len(events_at_rest(pi, listener))
    moves = list[Burst]()
    moved = len(pi.moves)
    for _ in range(POWER_CUTS):
        interrupt(pi, moments, pi.cut_power)
        moves += pi.moves[moved:]
        pi.start()
        pi.wait_ready()
        assert pi.check(f'python3 -c "{INTEGRITY}"') == "ok"
        assert pi.ask("ls /var/lib/smart-bin/*.corrupt-*").status != 0
        assert pi.check("cat /run/pins/sim_gpio{12,13,16,18,19}/value | sort -u") == "0"
        moved = len(pi.moves)
    moves.append(pi.sort_one())
    events = events_at_rest(pi, listener)[told:]
    figures[f"power cut, {POWER_CUTS} times"] = summary(moves, events)
    check_nothing_lost(moves, events)


def summary(moves: Sequence[Burst], events: Sequence[SortEvent]) -> str:
    interrupted = sum(event.outcome is Outcome.INTERRUPTED for event in events)
    return f"{len(moves)} movements, {len(events)} events ({interrupted} interrupted)"
