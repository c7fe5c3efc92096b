"""The virtual Pi as a process: booted from its disk, asked through a serial port, switched off without warning."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pulses import Level, levels

BOOT_S = 600.0
POLL_S = 0.2
# what failed, what warned since it was switched on, and the newest of all
EVIDENCE = (
    "systemctl --failed --no-pager --plain; journalctl -b -p warning --no-pager | head -40; journalctl -n 30 --no-pager"
)
MEMORY_MB, CORES = 2048, 2


@dataclass(frozen=True, slots=True)
class Done:
    """A script that has ended. output: what it printed, errors included."""

    status: int
    output: str


class Machine:
    """One card, many boots. Everything of a boot ends with stop() or cut_power(); what was on the disk stays.

    cache: where build.sh left kernel, device tree and disk. folder: for this machine's own copy of the disk.
    """

    def __init__(self, cache: Path, folder: Path) -> None:
        self._cache = cache
        self._folder = folder
        self._disk = folder / "disk.ext4"
        self._boots = 0
        self._qemu: subprocess.Popen[bytes] | None = None
        self._shell: socket.socket | None = None
        self._received = b""
        self._requests = 0
        self._first_line: int | None = None
        self.power_on_s = 0.0  # monotonic
        subprocess.run(["cp", "--sparse=always", str((cache / "disk").resolve()), str(self._disk)], check=True)

    def start(self) -> None:
        """Power on. Returns when it answers, which is before the service is ready."""
        self._boots += 1
        self._received = b""
        self.power_on_s = time.monotonic()
        with self._console.open("wb") as console:
            self._qemu = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        self._shell = self._connected()
        self._reply(0, BOOT_S)

    def cut_power(self) -> None:
        """kill -9 of the emulator: what was not written to the disk is gone."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        if self._shell is not None:
            self._shell.close()
        self._qemu = self._shell = None

    def stop(self) -> None:
        """Shut down as `poweroff` does."""
        if self._qemu is not None:
            self.ask("systemctl --no-block poweroff")
            self._qemu.wait(120)
        self.cut_power()

    def ask(self, script: str, within_s: float = 120.0) -> Done:
        """Run a script in there with bash, as root."""
        assert self._shell is not None, "the machine is off"
        self._requests += 1
        self._shell.sendall(json.dumps({"id": self._requests, "script": script}).encode() + b"\n")
        return self._reply(self._requests, within_s)

    def check(self, script: str, within_s: float = 120.0) -> str:
        """What a script that must succeed prints."""
        done = self.ask(script, within_s)
        assert done.status == 0, f"{script}\nended with {done.status}\n{done.output}"
        return done.output.strip()

    def show(self, key: str, unit: str = "smart-bin") -> str:
        """One property of a unit."""
        return self.check(f"systemctl show -P {key} {unit}")

    def wait_for(self, condition: Callable[[], object], within_s: float = 180.0) -> None:
        """Look again and again. Fails with what the machine said."""
        deadline_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise AssertionError(f"not within {within_s} s\n{self.ask(EVIDENCE).output}")
            time.sleep(POLL_S)

    @property
    def levels(self) -> list[Level]:
        """What the pins were given since power on, as told outside; also of a machine that is off."""
        if self._first_line is None:
            self._first_line = int(self.check("cat /run/first-line"))
        return levels(self._pulses.read_text(errors="replace"), self._first_line)

    @property
    def _pulses(self) -> Path:
        return self._folder / f"pulses-{self._boots}.log"

    @property
    def _console(self) -> Path:
        return self._folder / f"console-{self._boots}.log"

    @property
    def _socket(self) -> Path:
        return self._folder / f"shell-{self._boots}"

    def _command(self) -> list[str]:
        nice = shutil.which("nice")
        assert nice is not None
        return [
            *(nice, "-n", os.environ.get("SMARTBIN_NICE", "5"), "qemu-system-aarch64", "-machine", "virt"),
            *("-cpu", "cortex-a72", "-smp", str(CORES), "-m", str(MEMORY_MB), "-accel", "tcg,thread=multi"),
            *("-nographic", "-no-reboot", "-monitor", "none", "-serial", "stdio"),
            *("-kernel", f"{self._cache}/kernel/vmlinuz", "-initrd", f"{self._cache}/kernel/initrd"),
            *("-dtb", f"{self._cache}/board.dtb", "-append", "root=/dev/vda rw console=ttyAMA0 quiet"),
            *("-drive", f"file={self._disk},format=raw,if=virtio"),
            # no ROM: it boots from no network, and its file is a package of its own
            *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=shell,path={self._socket},server=on,wait=off"),
            *("-device", "virtserialport,chardev=shell,name=shell"),
            *("-chardev", f"file,id=pulses,path={self._pulses}"),
            *("-device", "virtserialport,chardev=pulses,name=pulses"),
        ]

    def _connected(self) -> socket.socket:
        shell = socket.socket(socket.AF_UNIX)
        deadline_s = time.monotonic() + 30
        while True:
            assert self._qemu is not None
            assert self._qemu.poll() is None, f"qemu ended: {self._console.read_text(errors='replace')[-2000:]}"
            try:
                shell.connect(str(self._socket))
            except OSError:
                assert time.monotonic() < deadline_s, "qemu opens no socket"
                time.sleep(POLL_S)
            else:
                return shell

    def _reply(self, number: int, within_s: float) -> Done:
        assert self._shell is not None
        deadline_s = time.monotonic() + within_s
        while True:
            line, newline, rest = self._received.partition(b"\n")
            if newline:
                self._received = rest
                reply = json.loads(line)
                if reply["id"] == number:
                    return Done(reply["status"], reply["output"])
                continue
            self._shell.settimeout(max(0.01, deadline_s - time.monotonic()))
            try:
                self._received += self._shell.recv(65536)
            except TimeoutError:
                said = self._console.read_text(errors="replace")[-2000:]
                raise AssertionError(f"the machine does not answer within {within_s} s; its console: {said}") from None
