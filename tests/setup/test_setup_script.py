"""setup.sh with stand-ins for python, pip, apt-get and sudo: what it says, what it would run, how it fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMMANDS = ("demo", "test", "install", "uninstall", "bundle")

# Says what it was asked, like every stand-in; as python it makes an environment whose programs are stand-ins too.
FAKE_PYTHON = """#!/bin/bash
echo "python $*" >> "$CALLS"
case "$*" in
    *ensurepip*) [[ -z ${NO_VENV_MODULE:-} || -e $CALLS.venv ]] ;;
    *version_info*) [[ -z ${OLD_PYTHON:-} ]] ;;
    "-m venv"*)
        mkdir -p "${@: -1}/bin"
        cp "$0" "${@: -1}/bin/python"
        cp "$FAKES/pip" "$FAKES/smartbin" "${@: -1}/bin/" ;;
esac
"""
FAKE_PIP = """#!/bin/bash
[[ $* != --version ]] || exit 0
echo "pip $*" >> "$CALLS"
echo "what pip prints"
[[ -z ${PIP_FAILS:-} ]]
"""
FAKE_APT_GET = """#!/bin/bash
echo "apt-get $*" >> "$CALLS"
[[ -z ${APT_FAILS:-} ]] || exit 100
[[ $* != *python3-venv* ]] || touch "$CALLS.venv"
[[ $* != *download* ]] || touch prometheus_2_amd64.deb
"""
FAKE_DPKG_DEB = """#!/bin/bash
[[ $1 == -x && -e $2 ]] && mkdir -p "$3/usr/bin" && touch "$3/usr/bin/promtool" && chmod +x "$3/usr/bin/promtool"
"""
FAKE_SUDO = """#!/bin/bash
[[ $1 == -n ]] && shift
exec "$@"
"""
FAKE_SMARTBIN = """#!/bin/bash
echo "this is smartbin $*"
"""
FAKES = {
    "python3": FAKE_PYTHON,
    "python3.13": FAKE_PYTHON,
    "python3.12": FAKE_PYTHON,
    "python3.11": FAKE_PYTHON,
    "pip": FAKE_PIP,
    "apt-get": FAKE_APT_GET,
    "dpkg-deb": FAKE_DPKG_DEB,
    "apt-cache": '#!/bin/bash\n[[ $* == "show python3-picamera2" ]]\n',
    "sudo": FAKE_SUDO,
    "smartbin": FAKE_SMARTBIN,
    "mosquitto": "#!/bin/bash\n",
    "dpkg-query": "#!/bin/bash\nexit 1\n",
    "make": '#!/bin/bash\necho "made $*"\n[[ -z ${CHECKS_FAIL:-} ]]\n',
}


class Sandbox:
    """A checkout with nothing installed, and a PATH on which the stand-ins come first."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self._fakes, self._calls = folder / "checkout", folder / "fakes", folder / "calls"
        self.checkout.mkdir()
        self._fakes.mkdir()
        for name in ("setup.sh", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, self.checkout / name)
        for name, text in FAKES.items():
            (self._fakes / name).write_text(text)
            (self._fakes / name).chmod(0o755)

    def setup(
        self, *arguments: str, told: int = subprocess.PIPE, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ./setup.sh without a terminal. told: where what it says goes."""
        own = {"PATH": f"{self._fakes}:/usr/bin:/bin", "CALLS": str(self._calls), "FAKES": str(self._fakes)}
        return subprocess.run(
            [self.checkout / "setup.sh", *arguments],
            env={**own, "HOME": str(self.checkout), **environment},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            text=True,
            check=False,
            timeout=60,
        )

    def calls(self, program: str) -> list[str]:
        """With which arguments a stand-in was called."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} ")]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_scripts_are_shellcheck_clean() -> None:
    scripts = ["setup.sh", ".ci/run", ".githooks/pre-commit"]
    done = subprocess.run(["shellcheck", *scripts], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert all(os.access(CHECKOUT / script, os.X_OK) for script in scripts)


def test_help_names_every_command(sandbox: Sandbox) -> None:
    done = sandbox.setup("--help")
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("arguments", [(), ("dance",), ("--dance",), ("-h-", "demo")])
def test_what_it_does_not_know_ends_with_2_and_the_help(sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
    done = sandbox.setup(*arguments)
    assert done.returncode == 2
    assert "Usage: ./setup.sh" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_dry_run_says_the_steps_and_does_none(sandbox: Sandbox, command: str) -> None:
    before = sorted(sandbox.checkout.iterdir())
    done = sandbox.setup("--dry-run", command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("==> ")
    assert sorted(sandbox.checkout.iterdir()) == before
    assert sandbox.calls("pip") == []
    assert sandbox.calls("apt-get") == []


def test_dry_run_of_install_names_what_matters(sandbox: Sandbox) -> None:
    said = sandbox.setup("--dry-run", "install").stdout
    assert "python3-picamera2" in said
    assert "python3-lgpio" not in said, "this apt does not offer it"
    for part in ("--system-site-packages", "/etc/smart-bin", "python3-opencv", "systemctl enable smart-bin", "doctor"):
        assert part in said
    assert "tensorflow" not in said.lower()


def test_a_purge_takes_its_own_log_along_last_of_all(sandbox: Sandbox) -> None:
    log = "/var/log/smart-bin-setup.log"
    said = sandbox.setup("--dry-run", "uninstall", "--purge").stdout
    assert said.endswith(f"==> Deleting {log}\n      rm -f {log}\n")
    assert log not in sandbox.setup("--dry-run", "uninstall").stdout


def test_demo_installs_only_the_desktop_extra_and_passes_arguments_on(sandbox: Sandbox) -> None:
    done = sandbox.setup("demo", "--plain", "--images", "my holiday")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("this is smartbin demo --plain --images my holiday\n")
    assert "what pip prints" not in done.stdout
    (call,) = sandbox.calls("pip")
    assert call.endswith(f"-e {sandbox.checkout}[desktop]")


def test_second_run_installs_nothing_until_pyproject_changes(sandbox: Sandbox) -> None:
    sandbox.setup("demo")
    sandbox.setup("demo")
    assert len(sandbox.calls("pip")) == 1
    with (sandbox.checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    sandbox.setup("demo")
    assert len(sandbox.calls("pip")) == 2


def test_a_checkout_that_was_moved_gets_a_new_environment(sandbox: Sandbox) -> None:
    sandbox.setup("demo")
    sandbox.checkout = sandbox.checkout.rename(sandbox.checkout.with_name("moved"))
    pip = sandbox.checkout / ".venv" / "bin" / "pip"
    # what `python -m venv` writes names the folder that it was called in
    pip.write_text(pip.read_text().replace("#!/bin/bash", "#!/where/it/was/.venv/bin/python"))
    done = sandbox.setup("demo", "--plain")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("this is smartbin demo --plain\n")


def test_failure_shows_the_end_of_the_log_and_is_tried_again(sandbox: Sandbox) -> None:
    done = sandbox.setup("demo", PIP_FAILS="1")
    assert done.returncode == 1
    assert "what pip prints" in done.stderr
    assert str(sandbox.checkout / "build" / "setup-demo.log") in done.stderr
    assert sandbox.setup("demo").returncode == 0


def test_too_old_python_is_said(sandbox: Sandbox) -> None:
    done = sandbox.setup("demo", OLD_PYTHON="1")
    assert done.returncode == 1
    assert "no Python >= 3.11 found" in done.stderr
    assert "apt install python3" in done.stderr


def test_named_python_comes_first(sandbox: Sandbox) -> None:
    done = sandbox.setup("demo", PYTHON="python3.12")
    assert "/python3.12\n" in done.stdout


def test_missing_venv_module_comes_from_apt(sandbox: Sandbox) -> None:
    done = sandbox.setup("demo", NO_VENV_MODULE="1")
    assert done.returncode == 0, done.stderr
    assert any("install" in call and "python3-venv" in call for call in sandbox.calls("apt-get"))


def test_missing_venv_module_that_apt_cannot_bring_is_said(sandbox: Sandbox) -> None:
    done = sandbox.setup("demo", NO_VENV_MODULE="1", APT_FAILS="1")
    assert done.returncode == 1
    assert "no venv module" in done.stderr
    assert "python3-venv" in done.stderr


def test_tests_run_even_where_apt_fails_and_their_failure_is_the_result(sandbox: Sandbox) -> None:
    done = sandbox.setup("test", APT_FAILS="1")
    assert done.returncode == 0, done.stderr
    assert "made check\n" in done.stdout
    assert sandbox.calls("pip")[0].endswith("[dev]")
    failed = sandbox.setup("test", CHECKS_FAIL="1")
    assert failed.returncode != 0
    assert "That took" in failed.stdout


def script_with(sandbox: Sandbox, ending: str) -> None:
    """setup.sh's functions, and this instead of its last line; what it installs would be in the checkout."""
    script = sandbox.checkout / "setup.sh"
    text = script.read_text().replace("PREFIX=/opt/smart-bin", f"PREFIX={sandbox.checkout}/opt")
    text = text.replace("/etc/systemd/system", f"{sandbox.checkout}/units")
    script.write_text(text.replace('\nmain "$@"\n', ending))


GO_BACK = """
use_slot() { :; }
install_unit() { step "Installing the unit" true; }
systemctl() { eval "$MEANWHILE"; echo "systemctl $*" >>"$CALLS"; }
SLOT=b FALLBACK=a
trap clean_up EXIT
say "Stopping"
exit 1
"""


@pytest.mark.parametrize("meanwhile", ["", "kill -INT $$", "kill -HUP $$; kill -TERM $$"])
def test_the_version_before_comes_back_whatever_becomes_of_the_terminal(sandbox: Sandbox, meanwhile: str) -> None:
    """Nobody reads any more, and somebody hangs up or presses Ctrl-C again while it goes back."""
    script_with(sandbox, GO_BACK)
    read, write = os.pipe()
    os.close(read)
    sandbox.setup(MEANWHILE=meanwhile, told=write)
    os.close(write)
    assert sandbox.calls("systemctl") == ["restart smart-bin"]


CUT = """
install() { : >"${@: -1}"; kill -KILL $$; }
install_unit a
"""


def test_a_power_cut_while_a_unit_is_written_leaves_the_one_before(sandbox: Sandbox) -> None:
    unit = sandbox.checkout / "units" / "smart-bin.service"
    unit.parent.mkdir()
    unit.write_text("before")
    script_with(sandbox, CUT)
    assert sandbox.setup().returncode == -signal.SIGKILL
    assert unit.read_text() == "before"


PURGE = """
getent() { false; }
mountpoint() { [[ ${@: -1} == *disk || -L ${@: -1} ]]; }
purge
"""


def test_a_purge_says_what_of_the_bin_lies_elsewhere(sandbox: Sandbox) -> None:
    """Pictures and events on a disk that the folder is a link to, where there may be others' too."""
    script_with(sandbox, PURGE)
    script = sandbox.checkout / "setup.sh"
    elsewhere, state, settings = (sandbox.checkout / name for name in ("elsewhere", "state", "disk"))
    text = script.read_text().replace("/var/lib/smart-bin", str(state)).replace("/etc/smart-bin", str(settings))
    script.write_text(text.replace("/var/log/", f"{sandbox.checkout}/"))
    for folder in (elsewhere, settings):
        folder.mkdir()
        (folder / "file").touch()
    state.symlink_to(elsewhere)
    done = sandbox.setup()
    assert done.returncode == 0, done.stderr
    assert f"{state} is a link: what it leads to stays, delete it yourself: {elsewhere}" in done.stderr
    assert not state.is_symlink()
    assert (elsewhere / "file").exists()
    assert not list(settings.iterdir()), "on a disk of its own"


def test_all_of_an_installation_is_on_the_disk_when_it_says_so(sandbox: Sandbox) -> None:
    said = sandbox.setup("--dry-run", "install").stdout
    assert said.index("systemctl enable") < said.rindex("      sync\n")


def test_a_bundle_that_is_made_again_has_nothing_of_the_one_before(sandbox: Sandbox) -> None:
    for name in ("edge", "convert", "models", "systemd", "docs"):
        (sandbox.checkout / name).mkdir()
    for name in ("README.md", "LICENSE", "edge/old.py", "edge/new.py"):
        (sandbox.checkout / name).touch()
    fetch = sandbox.checkout / "systemd" / "fetch-wheels.sh"
    fetch.write_text("#!/bin/sh\n")
    fetch.chmod(0o755)
    target = sandbox.checkout.parent / "stick"
    assert sandbox.setup("bundle", str(target)).returncode == 0
    (sandbox.checkout / "edge" / "old.py").unlink()
    assert sandbox.setup("bundle", str(target)).returncode == 0
    assert [path.name for path in (target / "edge").iterdir()] == ["new.py"]
    sandbox.checkout = target
    assert "name another one" in sandbox.setup("bundle", str(target)).stderr
    assert (target / "edge" / "new.py").exists()


def test_nothing_is_installed_from_where_it_is_installed_to(sandbox: Sandbox) -> None:
    """`uninstall` would remove the checkout, and all that is in it."""
    script = sandbox.checkout / "setup.sh"
    script.write_text(script.read_text().replace("PREFIX=/opt/smart-bin", f"PREFIX={sandbox.checkout}"))
    for command in ("install", "uninstall"):
        done = sandbox.setup("--dry-run", command)
        assert done.returncode == 1
        assert "copy this folder to another place" in done.stderr


@pytest.mark.skipif(shutil.which("prometheus", path="/usr/bin:/bin") is not None, reason="prometheus is installed")
def test_prometheus_is_unpacked_once_and_never_installed(sandbox: Sandbox) -> None:
    for _ in range(2):
        assert sandbox.setup("test").returncode == 0
    assert [path.name for path in (sandbox.checkout / "build" / "prometheus").iterdir()] == ["usr"]
    asked = [call for call in sandbox.calls("apt-get") if "prometheus" in call]
    assert asked == ["-q download prometheus"]


def test_ci_runs_the_same() -> None:
    assert "exec ./setup.sh test" in (CHECKOUT / ".ci" / "run").read_text()
