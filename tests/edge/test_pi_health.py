from __future__ import annotations

from pathlib import Path

import pytest

from edge.adapters import pi_health
from edge.adapters.pi_health import Throttling


def put(root: Path, name: str, content: bytes | str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def command(folder: Path, script: str) -> str:
    path = folder / "vcgencmd"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_model_of_a_pi_and_of_something_else(tmp_path: Path) -> None:
    assert pi_health.pi_model(tmp_path) is None
    put(tmp_path, "proc/device-tree/model", b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert pi_health.pi_model(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"
    put(tmp_path, "proc/device-tree/model", b"linux,dummy-virt\0")
    assert pi_health.pi_model(tmp_path) is None


def test_os_name_has_the_release_and_the_machine(tmp_path: Path) -> None:
    put(tmp_path, "etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    assert pi_health.os_name(tmp_path).startswith("Debian GNU/Linux 12 (bookworm), ")
    assert pi_health.os_name(tmp_path / "nowhere").startswith("Linux, ")


@pytest.mark.parametrize(("content", "degrees"), [("48312\n", 48.312), ("-2000\n", -2.0), ("", None), ("hot", None)])
def test_temperature(tmp_path: Path, content: str, degrees: float | None) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", content)
    assert pi_health.temperature_c(tmp_path) == degrees


@pytest.mark.parametrize(("controllers", "limited"), [("cpuset cpu io memory pids\n", True), ("cpu pids\n", False)])
def test_memory_is_limited_where_the_kernel_has_the_controller(tmp_path: Path, controllers: str, limited: bool) -> None:
    assert not pi_health.memory_limited(tmp_path)
    put(tmp_path, "sys/fs/cgroup/cgroup.controllers", controllers)
    assert pi_health.memory_limited(tmp_path) is limited


def test_temperature_of_a_computer_that_does_not_tell(tmp_path: Path) -> None:
    assert pi_health.temperature_c(tmp_path) is None


@pytest.mark.parametrize(
    ("bits", "now", "ever"),
    [
        (0x0, (), ()),
        (0x50005, ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        (0x50000, (), ("under-voltage", "throttled")),
        (0xA000A, ("frequency capped", "soft temperature limit"), ("frequency capped", "soft temperature limit")),
        (0x1, ("under-voltage",), ()),
    ],
)
def test_decode_throttled(bits: int, now: tuple[str, ...], ever: tuple[str, ...]) -> None:
    assert pi_health.decode_throttled(bits) == Throttling(now, ever)


def test_throttling_comes_from_vcgencmd_first(tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
    vcgencmd = command(tmp_path, 'test "$1" = get_throttled && echo throttled=0x50000')
    assert pi_health.throttling(tmp_path, vcgencmd) == Throttling((), ("under-voltage", "throttled"))


@pytest.mark.parametrize("soc", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
@pytest.mark.parametrize("script", [None, "exit 255"])
def test_throttling_falls_back_to_sysfs(tmp_path: Path, soc: str, script: str | None) -> None:
    put(tmp_path, f"sys/devices/platform/{soc}/get_throttled", "50005\n")
    vcgencmd = command(tmp_path, script) if script else str(tmp_path / "missing")
    found = pi_health.throttling(tmp_path, vcgencmd)
    assert found == Throttling(("under-voltage", "throttled"), ("under-voltage", "throttled"))


def test_throttling_that_nobody_tells(tmp_path: Path) -> None:
    assert pi_health.throttling(tmp_path, str(tmp_path / "missing")) is None
    assert pi_health.throttling(tmp_path, command(tmp_path, "echo error=1 error_msg=unknown")) is None


def test_clock_is_synced_when_timesyncd_or_the_kernel_says_so(tmp_path: Path) -> None:
    assert not pi_health.clock_synced(tmp_path, kernel=lambda: False)
    assert pi_health.clock_synced(tmp_path, kernel=lambda: True)
    put(tmp_path, "run/systemd/timesync/synchronized", "")
    assert pi_health.clock_synced(tmp_path, kernel=lambda: False)


def test_the_kernel_answers() -> None:
    # what it says depends on the host; that the call neither crashes nor writes beyond its buffer does not
    assert len({pi_health.kernel_synced() for _ in range(1000)}) == 1


def test_disk_free_and_writable(tmp_path: Path) -> None:
    assert pi_health.disk_free_mb(tmp_path) > 0
    assert pi_health.writable(tmp_path)
    assert not pi_health.writable(tmp_path / "missing")
    (tmp_path / "file").touch()
    assert not pi_health.writable(tmp_path / "file")


MOUNTS = """22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/lower,upperdir=/upper
23 22 0:21 / /var/lib rw shared:1 - tmpfs tmpfs rw
24 23 179:3 / /var/lib/smart-bin rw,noatime shared:2 - ext4 /dev/mmcblk0p3 rw
25 22 179:4 / /mnt/a\\040stick rw - vfat /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/smart-bin", "ext4"),
        ("/var/lib/smart-bin/deep/er", "ext4"),
        ("/var/lib/smart-binary", "tmpfs"),
        ("/home", "overlay"),
        ("/mnt/a stick/x", "vfat"),
    ],
)
def test_file_system_of_the_innermost_mount(tmp_path: Path, folder: str, kind: str) -> None:
    put(tmp_path, "proc/self/mountinfo", MOUNTS)
    assert pi_health.file_system(Path(folder), tmp_path) == kind


def test_file_system_that_nobody_tells(tmp_path: Path) -> None:
    assert pi_health.file_system(tmp_path, tmp_path) == ""
    assert pi_health.file_system(Path("/proc")) == "proc"
