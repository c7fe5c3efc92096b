"""A bundle, and `setup.sh install` from it in a Debian with a real systemd and no network.

The service gets ready, sorts, comes back, survives a failed upgrade and a read-only root, takes a newer model, can be
removed. The tests build on each other's machine, in this order.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modelrepo import Publisher
from nspawn import NEEDED, Card, Container, rootfs_or_skip, wait_until
from PIL import Image
from tinymodel import COLOURS

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CONFIG = "/etc/smart-bin/config.toml"
IN_CONTAINER = {
    'source = "picamera2"': 'source = "replay"\npath = "/pictures"\nloop = true',
    '"/opt/smart-bin/models/garbage10-efficientnet-lite2"': '"/tiny-model"',
    'driver = "gpio"': 'driver = "mock"',
}

PUBLISHED, SITE, STICK = "/published", "http://127.0.0.1:8000", "/media/stick/site"
UPDATE = f"""
[update]
mode = "auto"
url = "{SITE}"
root = "/etc/smart-bin/root.json"
shadow_items = 10
max_slower = 100  # of so small a model the time says nothing
"""
ASK = "import urllib.request as r; print(r.urlopen('{url}').read().decode())"

pytestmark = NEEDED


@pytest.fixture(scope="module")
def rootfs() -> Path:
    return rootfs_or_skip()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stick") / "smart-bin"
    done = subprocess.run([CHECKOUT / "setup.sh", "bundle", folder], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def own_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default configuration, changed where a machine without camera, pins and broker must differ."""
    text = (CHECKOUT / "systemd" / "config.toml").read_text()
    for old, new in IN_CONTAINER.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    folder = tmp_path_factory.mktemp("given")
    # the tiny model knows colours, and the tray around an item has one too
    text = text.replace("[trigger]\n", "[trigger]\nmargin = 0.0\n")
    (folder / "config.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for label in ("battery", "glass", "plastic"):
        Image.new("RGB", (320, 240), COLOURS[label]).save(folder / f"{label}.png")
    return folder


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    """Of newer versions of the tiny model; none yet."""
    return Publisher(tmp_path_factory.mktemp("publisher"))


@pytest.fixture(scope="module")
def mounts(bundle: Path, own_config: Path, pictures: Path, tiny_model: Path, publisher: Publisher) -> dict[Path, str]:
    # what pytest makes is for its user alone; the service is another
    for path in (own_config, pictures, tiny_model, *pictures.iterdir(), *tiny_model.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    given = {bundle: "/src", own_config: "/given", pictures: "/pictures", tiny_model: "/tiny-model"}
    return {**given, publisher.files: PUBLISHED}


@pytest.fixture(scope="module")
def container(rootfs: Path, mounts: dict[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Booted, with a configuration that the user wrote, and `./setup.sh install` run once by a root with umask 077."""
    with Card(rootfs, tmp_path_factory.mktemp("card")) as card, Container(card, mounts) as booted:
        booted.check("install", "-D", "-m", "0644", "/given/config.toml", CONFIG)
        booted.check("sh", "-ec", "groupadd smart-bin; useradd --groups smart-bin admin")  # who reads the configuration
        booted.check("sh", "-c", "umask 077; exec /src/setup.sh install")
        yield booted


def events(container: Container) -> list[dict[str, Any]]:
    """What waits for a broker, of which there is none."""
    lines = container.check("smartbin", "events", "--json", "--limit", "100000").splitlines()
    return [json.loads(line) for line in lines]


def journal(container: Container, unit: str, *options: str) -> str:
    """What a unit has said until now; journald may still have to read it."""
    container.check("journalctl", "--sync")
    return container.check("journalctl", "-u", unit, "-o", "cat", *options)


def next_version(container: Container, *changes: str) -> None:
    """/next: what /src is, with changes: shell commands that are carried out in it."""
    container.check("sh", "-c", "rm -rf /next; mkdir /next; cp -R $(ls -d /src/* | grep -v wheels) /next/")
    container.check("sh", "-ec", f"cd /next; ln -s /src/wheels; {'; '.join(changes)}")


def test_service_is_ready_and_its_own_user(container: Container) -> None:
    assert container.show("smart-bin", "ActiveState") == "active"
    assert container.show("smart-bin", "Type") == "notify"
    assert container.show("smart-bin", "StatusText")
    pid = container.show("smart-bin", "MainPID")
    assert container.check("stat", "-c", "%U", f"/proc/{pid}") == "smart-bin"
    assert container.check("systemctl", "is-enabled", "smart-bin") == "enabled"


def test_it_sorts_and_keeps_what_no_broker_took(container: Container) -> None:
    wait_until(lambda: len(events(container)) >= 3, 60)
    assert {event["image"] for event in events(container)} == {"battery.png", "glass.png", "plastic.png"}
    assert {event["outcome"] for event in events(container)} == {"sorted"}
    assert container.check("stat", "-c", "%U", "/var/lib/smart-bin/outbox.db") == "smart-bin"


def test_own_config_is_kept_and_the_default_lies_beside_it(container: Container) -> None:
    assert container.run("cmp", "/given/config.toml", CONFIG).returncode == 0
    assert container.run("cmp", "/src/systemd/config.toml", f"{CONFIG}.new").returncode == 0


def test_what_apt_has_does_not_come_from_pip(container: Container) -> None:
    where = "import cv2, numpy; print(cv2.__file__, numpy.__file__)"
    for path in container.check("/opt/smart-bin/venv/bin/python", "-c", where).split():
        assert path.startswith("/usr/lib/python3/")


def test_the_models_are_there(container: Container) -> None:
    assert container.run("diff", "-r", "/src/models", "/opt/smart-bin/models").returncode == 0


def kill(container: Container) -> None:
    """Returns when it is ready again."""
    before = container.show("smart-bin", "MainPID")
    container.check("systemctl", "kill", "-s", "KILL", "smart-bin")
    wait_until(lambda: container.show("smart-bin", "MainPID") not in ("0", before), 30)
    wait_until(lambda: container.show("smart-bin", "ActiveState") == "active", 60)


def test_killed_it_comes_back_and_as_soon_the_next_time(container: Container) -> None:
    kill(container)
    kill(container)
    # Bookworm's systemd does not tell; there the pause never grows
    assert container.show("smart-bin", "RestartUSecNext") in ("", "5s")


def test_what_it_may_take_is_bounded_and_so_is_the_journal(container: Container) -> None:
    limits = {key: container.show("smart-bin", key) for key in ("MemoryMax", "TasksMax", "CPUQuotaPerSecUSec")}
    assert (limits["MemoryMax"], limits["TasksMax"]) == (str(512 * 2**20), "128")
    assert float(limits["CPUQuotaPerSecUSec"].removesuffix("s")) == 3.5
    assert "SystemMaxUse=64M" in container.check("systemd-analyze", "cat-config", "systemd/journald.conf").splitlines()


def test_a_program_that_hangs_is_ended_by_the_watchdog_and_started_again(container: Container) -> None:
    """With a shorter period than the unit's 30 s; the drop-in is gone afterwards."""
    drop_in = "/run/systemd/system/smart-bin.service.d/shorter.conf"
    container.check(
        "sh", "-ec", f"mkdir -p {drop_in.rpartition('/')[0]}; printf '[Service]\nWatchdogSec=5\n' >{drop_in}"
    )
    container.check("sh", "-ec", "systemctl daemon-reload; systemctl restart smart-bin")
    hung, told = container.show("smart-bin", "MainPID"), len(events(container))
    container.check("systemctl", "kill", "-s", "STOP", "--kill-whom=main", "smart-bin")
    wait_until(lambda: container.show("smart-bin", "MainPID") not in ("0", hung), 60)
    wait_until(lambda: container.show("smart-bin", "ActiveState") == "active", 60)
    assert "watchdog" in journal(container, "smart-bin", "-n", "30").lower()
    wait_until(lambda: len(events(container)) > told, 60)
    numbers = [event["seq"] for event in events(container)]
    assert numbers == list(range(1, len(numbers) + 1))
    container.check("sh", "-ec", f"rm {drop_in}; systemctl daemon-reload; systemctl restart smart-bin")


def test_stopped_it_ends_cleanly_and_soon(container: Container) -> None:
    container.check("systemctl", "stop", "smart-bin")
    assert container.show("smart-bin", "Result") == "success"
    assert container.show("smart-bin", "ExecMainStatus") == "0"


def test_what_cannot_start_is_tried_until_it_can(container: Container) -> None:
    container.check("sed", "-i", "s/^id = .*/id = 7/", CONFIG)
    assert container.run("systemctl", "start", "smart-bin").returncode != 0
    wait_until(lambda: int(container.show("smart-bin", "NRestarts")) >= 2, 60)
    container.check("cp", "/given/config.toml", CONFIG)
    wait_until(lambda: container.show("smart-bin", "ActiveState") == "active", 60)


def test_an_upgrade_that_cannot_be_installed_leaves_the_old_version_running(container: Container) -> None:
    pid, version = container.show("smart-bin", "MainPID"), container.check("readlink", "/opt/smart-bin/current")
    unknown = f"no-such-package==1.0 --hash=sha256:{'0' * 64}"
    next_version(container, f"for pins in systemd/requirements-*.txt; do echo '{unknown}' >>$pins; done")
    done = container.run("/next/setup.sh", "install")
    assert done.returncode == 1
    assert "no-such-package" in done.stderr
    assert container.show("smart-bin", "MainPID") == pid
    assert container.check("readlink", "/opt/smart-bin/current") == version
    assert container.check("ls", "/opt/smart-bin").split() == sorted((version, "current", "models", "venv"))


def test_an_upgrade_that_does_not_get_ready_gives_way_to_the_old_version(container: Container) -> None:
    unit, version = "/etc/systemd/system/smart-bin.service", container.check("readlink", "/opt/smart-bin/current")
    container.check("cp", unit, "/unit-before")
    next_version(
        container, "echo 'raise SystemExit(\"this version is broken\")' >>edge/app.py", f"echo >>systemd/{unit[20:]}"
    )
    done = container.run("/next/setup.sh", "install")
    assert done.returncode == 1
    for said in ("this version is broken", "did not get ready", "the version before runs again"):
        assert said in done.stderr
    assert container.show("smart-bin", "ActiveState") == "active"
    assert container.check("readlink", "/opt/smart-bin/current") == version
    assert container.run("cmp", unit, "/unit-before").returncode == 0
    assert container.run("grep", "-r", "version is broken", "/opt/smart-bin").returncode == 1
    told = len(events(container))
    wait_until(lambda: len(events(container)) > told, 60)


def test_with_a_read_only_root_it_sorts_and_keeps_what_waits_over_a_reboot(
    container: Container, tmp_path: Path
) -> None:
    def sorted_with_read_only_root(at_least: int) -> list[int]:
        container.reboot("--read-only", f"--bind={tmp_path}:/var/lib/smart-bin")
        assert container.run("touch", CONFIG).returncode != 0
        wait_until(lambda: container.show("smart-bin", "ActiveState") == "active", 60)
        wait_until(lambda: len(events(container)) >= at_least, 60)
        return [event["seq"] for event in events(container)]

    before = sorted_with_read_only_root(3)
    after = sorted_with_read_only_root(len(before) + 3)
    assert after == list(range(1, len(after) + 1))
    container.reboot()


def test_newer_models_are_looked_for_once_somebody_enables_that(container: Container) -> None:
    assert container.run("systemctl", "is-enabled", "smart-bin-update.timer").stdout.strip() == "disabled"
    container.check("systemctl", "start", "smart-bin-update.service")
    assert "nothing was asked" in journal(container, "smart-bin-update")
    container.check("systemctl", "enable", "--now", "smart-bin-update.timer")
    assert container.show("smart-bin-update.timer", "ActiveState") == "active"


def state(container: Container) -> dict[str, Any]:
    """What the page shows; nothing while there is no page yet."""
    asked = container.run("python3", "-c", ASK.format(url="http://127.0.0.1:8080/api/v1/state"))
    found: dict[str, Any] = json.loads(asked.stdout) if asked.returncode == 0 else {}
    return found


def version(container: Container) -> str:
    """Of the model that sorts."""
    return str(state(container).get("model", {}).get("version"))


def updates(container: Container) -> dict[str, Any]:
    """What is known of newer models."""
    return state(container).get("updates") or {}


def state_with(container: Container, version: str, result: str) -> dict[str, Any]:
    """The first one in which this model sorts, and the comparison of a new one has come so far."""
    seen: list[dict[str, Any]] = []

    def is_so() -> bool:
        seen.append(state(container))
        shadow = (seen[-1].get("updates") or {}).get("shadow") or {}
        return (seen[-1].get("model", {}).get("version"), shadow.get("result")) == (version, result)

    wait_until(is_so, 60)
    return seen[-1]


def published(container: Container, folder: str) -> None:
    """Copy what is published now to a folder that everybody may read."""
    container.check(
        "sh", "-ec", f"rm -rf {folder}; mkdir -p {folder}; cp -R {PUBLISHED}/. {folder}; chmod -R a+rX {folder}"
    )


def test_a_newer_model_from_the_web_answers_in_shadow_and_is_taken_over(
    container: Container, publisher: Publisher
) -> None:
    package = publisher.add("2.0.0")
    published(container, "/srv/site")
    container.check("cp", "/srv/site/root.json", "/etc/smart-bin/root.json")
    container.check("systemd-run", "--unit=site", "python3", "-m", "http.server", "-b", "127.0.0.1", "-d", "/srv/site")
    wait_until(lambda: container.run("python3", "-c", ASK.format(url=SITE)).returncode == 0, 60)
    faster = f"sed -i 's/^fps = .*/fps = 30/; s/^enabled = false/enabled = true/; /^.update./,/^mode/d' {CONFIG}"
    container.check("sh", "-ec", f"{faster}; cat >>{CONFIG}", given=UPDATE)
    container.check("systemctl", "start", "smart-bin-update.service")
    assert container.show("smart-bin-update.service", "Result") == "success"
    assert f"{package} " in container.check("smartbin", "models")

    pid = container.show("smart-bin", "MainPID")
    container.check("systemctl", "reload", "smart-bin")  # it looks for a new model at once, then twice a minute
    assert "is compared with it" in state_with(container, "1.0.0", "comparing")["updates"]["message"]

    shadow = state_with(container, "2.0.0", "fine")["updates"]["shadow"]
    assert (shadow["package"], shadow["result"], shadow["items"], shadow["same_label"]) == (package, "fine", 10, 1.0)
    assert container.show("smart-bin", "MainPID") == pid
    wait_until(lambda: events(container)[-1]["model"]["version"] == "2.0.0", 30)


def test_a_tampered_stick_is_refused_and_the_bin_sorts_on(container: Container, publisher: Publisher) -> None:
    publisher.add("3.0.0")
    published(container, STICK)
    changed = f"printf x | dd conv=notrunc bs=1 seek=2000 of=$(ls {STICK}/targets/*3.0.0*)"
    container.check("sh", "-ec", f"{changed}; sed -i 's#{SITE}#{STICK}#' {CONFIG}")
    assert container.run("systemctl", "start", "smart-bin-update.service").returncode != 0
    assert container.show("smart-bin-update.service", "Result") == "exit-code"
    said = "a file is not the one that was signed"
    assert said in journal(container, "smart-bin-update", "-n", "5")
    wait_until(lambda: said in (updates(container).get("message") or ""), 30)
    assert container.show("smart-bin", "ActiveState") == "active"
    assert version(container) == "2.0.0"
    told = len(events(container))
    wait_until(lambda: len(events(container)) > told, 30)
    container.check("cp", "/given/config.toml", CONFIG)


def test_two_of_them_at_once_do_not_meet(container: Container) -> None:
    for command in ("install", "uninstall"):
        second = container.run("flock", "/run/smart-bin-setup.lock", "/src/setup.sh", command)
        assert "another setup.sh installs or removes" in second.stderr
    assert container.show("smart-bin", "ActiveState") == "active"


def test_second_install_and_uninstall(container: Container) -> None:
    version = container.check("readlink", "/opt/smart-bin/current")
    container.check("cp", "-R", "/tiny-model", "/opt/smart-bin/models/own")
    # a folder in which anybody may have put a module of Python's
    container.check("sh", "-ec", "mkdir /here; echo 'raise SystemExit(\"led astray\")' >/here/pip.py")
    container.check("sh", "-ec", "cd /here; /src/setup.sh install")
    assert container.show("smart-bin", "ActiveState") == "active"
    assert container.check("readlink", "/opt/smart-bin/current") != version
    assert container.run("diff", "-r", "/tiny-model", "/opt/smart-bin/models/own").returncode == 0, (
        "perhaps it is in use"
    )
    assert version not in container.check("ls", "/opt/smart-bin").split()
    assert container.run("cmp", "/given/config.toml", CONFIG).returncode == 0
    # a look for newer models that is under way, and takes long
    drop_in = "/run/systemd/system/smart-bin-update.service.d"
    long = "[Service]\nExecStart=\nExecStart=/bin/sleep 600\n"
    container.check("sh", "-ec", f"mkdir {drop_in}; printf '{long}' >{drop_in}/long.conf; systemctl daemon-reload")
    container.check("systemctl", "start", "--no-block", "smart-bin-update")
    wait_until(lambda: container.show("smart-bin-update", "ActiveState") == "activating", 30)
    override = "/etc/systemd/system/smart-bin.service.d/override.conf"
    container.check("install", "-D", "/dev/null", override)  # as `systemctl edit` makes it
    container.check("/src/setup.sh", "uninstall")
    container.check("test", "-f", override)
    assert container.show("smart-bin-update", "ActiveState") in ("inactive", "failed"), "it was ended"
    assert container.show("smart-bin", "LoadState") == "not-found"
    assert container.show("smart-bin-update.timer", "LoadState") == "not-found"
    assert container.run("ls", "/opt/smart-bin", "/usr/local/bin/smartbin").returncode != 0
    container.check("test", "-f", CONFIG)
    container.check("test", "-f", "/var/lib/smart-bin/outbox.db")
    container.check("test", "-f", "/var/log/smart-bin-setup.log")
    container.check("/src/setup.sh", "uninstall")  # once more is fine
    container.check("sh", "-ec", f"mv {CONFIG} /root/; ln -s /disk/config.toml {CONFIG}")
    assert container.run("/src/setup.sh", "install").returncode != 0, "the disk with the configuration is not there"
    assert container.check("readlink", CONFIG) == "/disk/config.toml", "it is kept as it is"
    container.check("mv", "/root/config.toml", CONFIG)
    assert "say --yes too" in container.run("/src/setup.sh", "uninstall", "--purge").stderr
    container.check("test", "-f", CONFIG)
    container.check("mount", "-t", "tmpfs", "tmpfs", "/var/lib/smart-bin")  # a disk of its own, see docs/READ-ONLY.md
    container.check("sh", "-ec", "touch /var/lib/smart-bin/.kept; /src/setup.sh uninstall --purge --yes")
    assert container.check("ls", "-A", "/var/lib/smart-bin") == ""
    container.check("umount", "/var/lib/smart-bin")
    container.check("/src/setup.sh", "uninstall", "--purge", "--yes")
    assert container.run("ls", override).returncode != 0
    assert container.run("ls", "/etc/smart-bin").returncode != 0
    assert container.run("ls", "/var/lib/smart-bin").returncode != 0
    assert container.run("id", "smart-bin").returncode != 0
    assert container.run("getent", "group", "smart-bin").returncode != 0
    assert container.run("ls", "/var/log/smart-bin-setup.log").returncode != 0
    container.check("id", "admin")


def test_the_bundle_has_the_packages_of_every_pi(bundle: Path) -> None:
    wheels = [path.name for path in (bundle / "wheels").glob("*.whl")]
    for tag in ("cp311-manylinux", "cp313-manylinux"):
        for machine in ("aarch64", "x86_64"):
            assert [name for name in wheels if name.startswith("ai_edge_litert") and tag in name and machine in name]
