"""A Debian with a real systemd in a folder, booted without a network and thrown away afterwards (systemd-nspawn)."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}
BASE = ("systemd", "systemd-sysv", "dbus", "python3-venv")
FROM_APT = ("python3-numpy", "python3-opencv", "python3-gpiozero")
SUITE = os.environ.get("SMARTBIN_SUITE", "bookworm")  # or trixie
# of a test in such a Debian
NEEDED = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # the first run makes a Debian
    pytest.mark.skipif(os.geteuid() != 0, reason="a container needs root"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the container is an amd64 Debian"),
    *(
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed (apt: {package})")
        for tool, package in TOOLS.items()
    ),
]


def cache_dir() -> Path:
    """Where what takes minutes to make is kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smart-bin"


def rootfs_or_skip() -> Path:
    """The Debian of this suite, made where it is not there yet; a test that cannot have it is skipped."""
    try:
        return make_rootfs(cache_dir(), SUITE)
    except NoDebianError as error:
        pytest.skip(f"no {SUITE} to use: {error}")


def make_rootfs(cache: Path, suite: str) -> Path:
    """A Debian with what setup.sh wants from apt, to install without a network. Needs root. Raises NoDebianError."""

    def finish(root: Path) -> None:
        apt = ("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q")
        checked(*apt, "install", "--no-install-recommends", *FROM_APT)
        checked(*apt, "clean")

    return make_once(cache / f"{suite}-rootfs-1", suite, BASE, finish)


def make_once(folder: Path, suite: str, packages: Sequence[str], finish: Callable[[Path], None]) -> Path:
    """A Debian in `folder`, made where it is not there yet; finish() adds to it. Needs root. Raises NoDebianError."""
    if folder.is_dir():
        return folder
    partial = folder.parent / f"{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        checked("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(partial))
        finish(partial)
    except RuntimeError as error:
        raise NoDebianError(str(error)) from error
    return partial.rename(folder)


class NoDebianError(RuntimeError):
    """The folder could not be made: most often no network, or a mirror that is down."""


class Card:
    """A Debian to write on, over many boots; what was written is gone at the end, and the folder below untouched."""

    def __init__(self, rootfs: Path, folder: Path) -> None:
        self._rootfs, self._written, self.root = rootfs, folder / "written", folder / "root"

    def __enter__(self) -> Self:
        self._written.mkdir()
        self.root.mkdir()
        checked("mount", "-t", "tmpfs", "tmpfs", str(self._written))
        upper, work = self._written / "upper", self._written / "work"
        upper.mkdir()
        work.mkdir()
        layers = f"lowerdir={self._rootfs},upperdir={upper},workdir={work}"
        checked("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in (self.root, self._written):
            checked("umount", str(path))


class Container:
    """A computer with that card. mounts: folders out here -> where they are seen in there, at every boot."""

    def __init__(self, card: Card, mounts: Mapping[Path, str]) -> None:
        self._card, self._mounts = card, mounts

    def _boot(self, *options: str) -> None:
        binds = [f"--bind-ro={source}:{target}" for source, target in self._mounts.items()]
        quiet = ("--register=no", "--keep-unit", "--private-network", "--console=pipe")
        command = ["systemd-nspawn", *quiet, f"--machine=smart-bin-{os.getpid()}", *binds, *options]
        self._nspawn = subprocess.Popen(
            [*command, "-bD", str(self._card.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def reboot(self, *options: str) -> None:
        """Off and on again, with other options for systemd-nspawn: --read-only, --bind=..."""
        self._power_off()
        self._boot(*options)
        self._wait_until_up()

    def __enter__(self) -> Self:
        self._boot()
        try:
            self._wait_until_up()
        except TimeoutError:
            self._power_off()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._power_off()

    def _wait_until_up(self) -> None:
        wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() == "running", 60)

    def _power_off(self) -> None:
        self._nspawn.terminate()  # asks systemd in there to power off
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait(10)

    def run(self, *command: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """One command in there, as root, with a plain environment. given: what it can read from its input."""
        clean = ("env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
        settings = [f"{key}={value}" for key, value in environment.items()]
        return subprocess.run(
            ["nsenter", "-a", "-t", self._init(), *clean, *settings, *command],
            text=True,
            input=given,
            capture_output=True,
            check=False,
            timeout=900,  # on a busy computer an install takes minutes
        )

    def check(self, *command: str, given: str = "", **environment: str) -> str:
        """What a command that must succeed prints."""
        done = self.run(*command, given=given, **environment)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def show(self, unit: str, key: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "-P", key, unit).stdout.strip()

    def _init(self) -> str:
        """The process out here that is process 1 in there."""
        pid = self._nspawn.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        wait_until(lambda: self._nspawn.poll() is not None or bool(children.read_text().split()), 30)
        if self._nspawn.poll() is not None:
            raise RuntimeError(f"systemd-nspawn ended with {self._nspawn.returncode}")
        return children.read_text().split()[0]


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Look ten times a second. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {seconds} s")
        time.sleep(0.1)


def checked(*command: str) -> str:
    """What a command that must succeed prints. Raises RuntimeError."""
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout
