"""How the computer itself is: board, temperature, power, clock, disk. Read from /proc, /sys and the kernel.

Under-voltage and overheating are the commonest faults of a Pi in the field. Everything but `throttling` costs one small
file or one system call, so the loop may ask every few seconds. What a computer does not have is None.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
SYNCED_ERROR_US = 16_000_000  # the kernel lets its estimate of the clock's error grow to this when nobody corrects it

# bits of the firmware's answer to get_throttled; 16 higher the same bit says "has happened since boot"
UNDER_VOLTAGE, FREQUENCY_CAPPED, THROTTLED, SOFT_LIMIT = (1 << n for n in range(4))
SINCE_BOOT = 16
MEANINGS = {
    UNDER_VOLTAGE: "under-voltage",
    FREQUENCY_CAPPED: "frequency capped",
    THROTTLED: "throttled",
    SOFT_LIMIT: "soft temperature limit",
}


@dataclass(frozen=True, slots=True)
class Throttling:
    """What the firmware holds back: at this moment, and at any time since boot. Words of MEANINGS."""

    now: tuple[str, ...]
    ever: tuple[str, ...]


def decode_throttled(bits: int) -> Throttling:
    """The firmware's bit field -> words."""
    now = tuple(word for bit, word in MEANINGS.items() if bits & bit)
    ever = tuple(word for bit, word in MEANINGS.items() if bits & (bit << SINCE_BOOT))
    return Throttling(now, ever)


def pi_model(root: Path = ROOT) -> str | None:
    """For example "Raspberry Pi 4 Model B Rev 1.4"; None when this is no Raspberry Pi."""
    model = _text(root / "proc/device-tree/model")
    return model if model is not None and model.startswith("Raspberry Pi") else None


def os_name(root: Path = ROOT) -> str:
    """For example "Debian GNU/Linux 12 (bookworm), aarch64"."""
    lines = (_text(root / "etc/os-release") or "").splitlines()
    pretty = [line.removeprefix("PRETTY_NAME=").strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return f"{pretty[0] if pretty else platform.system()}, {platform.machine()}"


def temperature_c(root: Path = ROOT) -> float | None:
    """Of the processor, in degrees Celsius."""
    millidegrees = _text(root / "sys/class/thermal/thermal_zone0/temp")
    try:
        return None if millidegrees is None else int(millidegrees) / 1000
    except ValueError:
        return None


def under_voltage(root: Path = ROOT) -> bool | None:
    """Whether the supply was too low within the last seconds, as the kernel's driver raspberrypi-hwmon saw it."""
    for folder in root.glob("sys/class/hwmon/hwmon*"):
        if _text(folder / "name") == "rpi_volt":
            alarm = _text(folder / "in0_lcrit_alarm")
            return None if alarm is None else alarm != "0"
    return None


def clock_synced(root: Path = ROOT, kernel: Callable[[], bool] | None = None) -> bool:
    """Whether anything keeps the clock right: systemd-timesyncd leaves a file, others (chrony) tell only the kernel."""
    if (root / "run/systemd/timesync/synchronized").exists():
        return True
    return (kernel or kernel_synced)()


def kernel_synced() -> bool:
    """Ask the kernel how far off it believes the clock to be. False also where that may not be asked."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return False  # not Linux
    timex = _Timex()
    return bool(adjtimex(ctypes.byref(timex)) >= 0 and timex.maxerror < SYNCED_ERROR_US)


def memory_limited(root: Path = ROOT) -> bool:
    """Whether this kernel holds a service to its MemoryMax; a Pi's does only when told so at boot."""
    return "memory" in (_text(root / "sys/fs/cgroup/cgroup.controllers") or "").split()


def disk_free_mb(folder: Path) -> float:
    """Space that is left to this user in the folder's file system. Raises OSError."""
    return shutil.disk_usage(folder).free / 1e6


def writable(folder: Path) -> bool:
    """Whether this user may create files in the folder."""
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def file_system(folder: Path, root: Path = ROOT) -> str:
    """The kind that an absolute folder is in, in the kernel's words: ext4, tmpfs, overlay. "" where it is not told."""
    mounts = [_mount(line) for line in (_text(root / "proc/self/mountinfo") or "").splitlines()]
    above = [(len(point.parts), at, kind) for at, (point, kind) in enumerate(mounts) if folder.is_relative_to(point)]
    return max(above, default=(0, 0, ""))[2]  # of two on one folder the later hides the other


def _mount(line: str) -> tuple[Path, str]:
    """Of /proc/self/mountinfo: where, and the kind of file system."""
    left, _, right = line.partition(" - ")
    return Path(left.split()[4].replace(r"\040", " ")), right.split()[0]


def throttling(root: Path = ROOT, command: str = "vcgencmd") -> Throttling | None:
    """Ask the firmware; for doctor, not for the loop. vcgencmd first: reading the file clears the since-boot bits."""
    text = _output([command, "get_throttled"])
    if text is None:
        text = next((_text(path) for path in root.glob("sys/devices/platform/soc*/soc*firmware/get_throttled")), None)
    try:
        return None if text is None else decode_throttled(int(text.rpartition("=")[2], 16))
    except ValueError:
        return None


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2) as far as it is read here; the rest is room for the kernel to write into."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_byte * 224),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return None


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
