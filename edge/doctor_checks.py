"""What doctor looks at. Each function makes a Check from callables and ports; nothing runs before run_checks."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from edge.doctor import Check, Finding, Level
from edge.errors import ConfigError, FlapError
from edge.model import Fault, Frame, Pixels
from edge.ports import Camera, Classifier

GENERAL, HARDWARE, MODEL = 1, 3, 4  # exit codes
LOOK_FRAMES = 10  # a camera needs a few to adapt to the light
LOOK_S = 10.0
DARK, BRIGHT = 10, 245  # mean luma 0..255
TIMED_RUNS = 5
SLOW_MS = 3000
WARM_C, HOT_C = 70, 80  # a Pi slows itself down from 80 degrees on
NOT_KEPT = {"tmpfs", "ramfs", "overlay"}
SPARE_MB = 200
NO_PAGE = "without it the page does not start"
TAKEN = "by this bin, if it runs now; else `sudo ss -ltnp` says by which program"
NO_PI = "skipped: not a Raspberry Pi"


@dataclass(frozen=True, slots=True)
class BrokerAnswer:
    """What a broker that let us in said. may_publish: None where its protocol has no way to say no."""

    broker: str
    protocol: str
    topic: str
    may_publish: bool | None
    reason: str | None = None


def skipped(name: str, text: str) -> Check:
    """A check that does not apply here."""
    return Check(name, lambda: [Finding(Level.SKIP, text)])


def only_on_pi(check: Check, pi_model: str | None) -> Check:
    """The check itself on a Raspberry Pi, elsewhere a line that it was skipped."""
    return check if pi_model is not None else skipped(check.name, NO_PI)


def check_computer(pi_model: str | None, os_name: str) -> Check:
    """Which Pi and which operating system. os_name ends with the machine, as in pi_health.os_name."""
    if pi_model is None:
        return skipped("computer", f"{NO_PI} ({os_name})")
    found = Finding(Level.OK, f"{pi_model}, {os_name}")
    if not os_name.endswith(("aarch64", "arm64")):
        found = Finding(Level.WARN, found.text, "only the 64-bit Raspberry Pi OS is supported: install that")
    return Check("computer", lambda: [found])


def check_camera(camera: Camera, clock: Callable[[], float] = time.monotonic) -> Check:
    """The camera is there, delivers, and sees something."""
    return Check("camera", lambda: _look(camera, clock), HARDWARE)


def check_model(load: Callable[[], Classifier], name: str, clock: Callable[[], float] = time.perf_counter) -> Check:
    """The model loads, fits the configuration, and answers in time. load raises ModelError or ConfigError."""
    return Check("model", lambda: _time_model(load, name, clock), MODEL)


def check_gpio(
    open_pins: Callable[[], AbstractContextManager[Any]], claim: Callable[[int, Any], None], users: Mapping[int, str]
) -> Check:
    """The chip opens and every pin can be had; no flap moves.

    open_pins: a gpiozero factory. claim(pin, factory) raises FlapError. users: pin -> what the configuration has there.
    """
    return Check("gpio", lambda: _claim_pins(open_pins, claim, users), HARDWARE)


def check_broker(probe: Callable[[], BrokerAnswer]) -> Check:
    """The broker lets us in and takes a message. probe raises PublishError."""
    return Check("broker", lambda: [_judge_broker(probe())])


def check_page(
    listen: Callable[[], AbstractContextManager[Any]], address: str, password: Callable[[], object] = lambda: None
) -> Check:
    """The page's port can be had, and its password be read. The bin sorts without it, so neither is a failure.

    listen and password raise ConfigError.
    """
    return Check("page", lambda: [_judge_page(listen, address, password)])


def check_clock(synced: Callable[[], bool]) -> Check:
    """A wrong clock does not stop the bin; its events say that their time is not to be believed."""
    unsynced = Finding(
        Level.WARN,
        "not synchronised; events say so (clock_synced is false)",
        "check the network, and `timedatectl`: is systemd-timesyncd or chrony running?",
    )
    return Check("clock", lambda: [Finding(Level.OK, "synchronised") if synced() else unsynced])


def check_disk(file: Path, max_mb: float, free_mb: Callable[[Path], float], writable: Callable[[Path], bool]) -> Check:
    """The outbox can be written and has room to grow to its cap."""
    return Check("disk", lambda: [_judge_disk(_existing_parent(file), max_mb, free_mb, writable)], GENERAL)


def check_storage(file: Path, file_system: Callable[[Path], str]) -> Check:
    """The outbox outlives a reboot: with a read-only root it easily lies in an overlay kept in memory."""
    return Check("storage", lambda: [_judge_storage(_existing_parent(file), file_system)])


def check_memory_limit(limited: Callable[[], bool]) -> Check:
    """The service's MemoryMax is more than words. A Pi's firmware switches the kernel's part of it off."""
    unlimited = Finding(
        Level.WARN,
        "this kernel holds no service to its MemoryMax: a leak would take the whole computer",
        "add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt, then reboot",
    )
    return Check("memory limit", lambda: [Finding(Level.OK, "holds") if limited() else unlimited])


def check_temperature(read_c: Callable[[], float | None]) -> Check:
    """A Pi that is too hot becomes slow, then unreliable."""
    return Check("temperature", lambda: [_judge_temperature(read_c())], HARDWARE)


def check_power(read: Callable[[], tuple[Iterable[str], Iterable[str]] | None]) -> Check:
    """Throttling and under-voltage. read: what holds now and what held since boot, in pi_health's words, or None."""
    return Check("power", lambda: _judge_power(read()), HARDWARE)


def _look(camera: Camera, clock: Callable[[], float]) -> Iterator[Finding]:
    with closing(camera):
        camera.open()
        seen, fault = _watch(camera, clock() + LOOK_S, clock)
    if seen is None:
        text = fault.message if fault else f"no picture within {LOOK_S:g} s"
        yield Finding(
            Level.FAIL, text, "check the cable and its latches, camera.source and camera.device, other programs"
        )
        return
    height, width = seen.rgb.shape[:2]
    brightness = float(seen.luma.mean())
    text = f"{width}x{height} pixels, mean brightness {brightness:.0f} of 255"
    if brightness < DARK:
        yield Finding(Level.WARN, f"{text}: nearly black", "take off the lens cap, light the tray, check camera.roi")
    elif brightness > BRIGHT:
        yield Finding(Level.WARN, f"{text}: nearly white", "shield the camera from direct light")
    else:
        yield Finding(Level.OK, text)


def _watch(camera: Camera, until_s: float, clock: Callable[[], float]) -> tuple[Frame | None, Fault | None]:
    """The last of the first frames, and the last fault."""
    frame, fault, frames = None, None, 0
    for seen in camera.frames():
        if isinstance(seen, Fault):
            fault = seen
        else:
            frame, frames = seen, frames + 1
        if frames == LOOK_FRAMES or clock() > until_s:
            break
    return frame, fault


def _time_model(load: Callable[[], Classifier], name: str, clock: Callable[[], float]) -> Iterator[Finding]:
    with closing(load()) as classifier:
        picture: Pixels = np.full((480, 640, 3), 128, np.uint8)
        runs_ms = [_timed_ms(lambda: classifier.classify(picture), clock) for _ in range(TIMED_RUNS)]
    text = f"{name}: {median(runs_ms):.0f} ms a picture (median of {TIMED_RUNS})"
    if median(runs_ms) > SLOW_MS:
        yield Finding(
            Level.WARN, text, "write model.threads = 0, end other programs, check temperature and power below"
        )
    else:
        yield Finding(Level.OK, text)


def _timed_ms(act: Callable[[], object], clock: Callable[[], float]) -> float:
    started_s = clock()
    act()
    return (clock() - started_s) * 1000


def _claim_pins(
    open_pins: Callable[[], AbstractContextManager[Any]], claim: Callable[[int, Any], None], users: Mapping[int, str]
) -> Iterator[Finding]:
    with open_pins() as factory:
        yield Finding(Level.OK, "chip opened")
        for pin, user in users.items():
            try:
                claim(pin, factory)
            except FlapError as error:
                yield Finding(Level.FAIL, f"{user}: {error}")
            else:
                yield Finding(Level.OK, f"{user}: GPIO{pin} is free")


def _judge_page(
    listen: Callable[[], AbstractContextManager[Any]], address: str, password: Callable[[], object]
) -> Finding:
    try:
        password()
    except ConfigError as error:
        return Finding(Level.WARN, str(error), NO_PAGE)
    try:
        with listen():
            return Finding(Level.OK, f"{address} can be had")
    except ConfigError as error:
        taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        return Finding(Level.WARN, str(error), TAKEN if taken else NO_PAGE)


def _judge_broker(answer: BrokerAnswer) -> Finding:
    reached = f"{answer.broker} reached with {answer.protocol}"
    if answer.may_publish is None:
        return Finding(Level.OK, f"{reached}; took a message on {answer.topic} (this protocol cannot say no)")
    if answer.may_publish:
        return Finding(Level.OK, f"{reached}; may publish")
    return Finding(
        Level.FAIL,
        f"{reached}; may not publish on {answer.topic} ({answer.reason})",
        f"let this user write {answer.topic.rpartition('/')[0]}/# in the broker's access rules",
    )


def _judge_disk(
    folder: Path, max_mb: float, free_mb: Callable[[Path], float], writable: Callable[[Path], bool]
) -> Finding:
    if not writable(folder):
        return Finding(Level.FAIL, f"{folder} cannot be written by this user", "check its owner, or outbox.path")
    free = free_mb(folder)
    text = f"{folder}: {free:.0f} MB free, the outbox takes {max_mb:g} MB at most"
    remedy = "free some space (`sudo journalctl --vacuum-size=100M`, `sudo apt clean`), or lower outbox.max_mb"
    if free < max_mb:
        return Finding(Level.FAIL, text, remedy)
    return Finding(Level.WARN, text, remedy) if free < max_mb + SPARE_MB else Finding(Level.OK, text)


def _judge_storage(folder: Path, file_system: Callable[[Path], str]) -> Finding:
    kind = file_system(folder.resolve())
    if kind not in NOT_KEPT:
        return Finding(Level.OK, f"{folder} is on {kind or 'a disk'}")
    remedy = "mount a partition of its own there, with overlayroot=tmpfs:recurse=0 (docs/READ-ONLY.md)"
    return Finding(Level.WARN, f"{folder} is on {kind}: events that wait may not outlive a reboot", remedy)


def _existing_parent(file: Path) -> Path:
    """Where the file is or will be made: its folder, or what there is of the way to it."""
    return next((folder for folder in file.parents if folder.exists()), file.parent)


def _judge_temperature(degrees: float | None) -> Finding:
    if degrees is None:
        return Finding(Level.SKIP, "this computer does not tell")
    text = f"{degrees:.0f} °C"
    if degrees < WARM_C:
        return Finding(Level.OK, text)
    remedy = "give it a heat sink or a fan, and shade"
    return Finding(Level.FAIL if degrees >= HOT_C else Level.WARN, text, remedy)


def _judge_power(found: tuple[Iterable[str], Iterable[str]] | None) -> Iterator[Finding]:
    if found is None:
        yield Finding(Level.SKIP, "the firmware does not tell (is vcgencmd installed and the user in group video?)")
        return
    now, ever = (set(words) for words in found)
    voltage = {"under-voltage"}
    cable = "use the Pi's own power supply and a short thick cable; give servos a supply of their own"
    cooling = "cool the Pi, and cure under-voltage first"
    yield _judge_bits("under-voltage", now & voltage, ever & voltage, Level.FAIL, cable)
    yield _judge_bits("throttling", now - voltage, ever - voltage, Level.WARN, cooling)


def _judge_bits(what: str, now: set[str], ever: set[str], level: Level, remedy: str) -> Finding:
    if now:
        return Finding(level, f"now: {', '.join(sorted(now))}", remedy)
    if ever:
        return Finding(Level.WARN, f"since boot: {', '.join(sorted(ever))}", remedy)
    return Finding(Level.OK, f"no {what}")
