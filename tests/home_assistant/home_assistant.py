"""Home Assistant itself, from PyPI, in a Debian that has the Python it wants; asked and operated as its page does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import websocket
from broker_fixtures import free_port, wait_until
from nspawn import cache_dir, checked, make_once

VERSION = "2026.11.0"
SUITE, PACKAGES = "testing", ("ca-certificates", "python3-venv")  # it wants Python 3.14
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
VENV = "/srv/home-assistant"
INSTALL = f"""
python3 -m venv {VENV}
{VENV}/bin/pip install --quiet --disable-pip-version-check uv
{VENV}/bin/uv pip install --quiet --compile-bytecode --python {VENV}/bin/python homeassistant=={VERSION}
"""
COMPLAINT = re.compile(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) \(\S+\) (.*)", re.MULTILINE)
START_S = 120.0
INSTALL_S = 600.0


def make_home_assistant() -> Path:
    """A folder with a Debian that has it; the first time takes some minutes. Needs root. Raises NoDebianError."""
    return make_once(cache_dir() / f"home-assistant-{VERSION}", SUITE, PACKAGES, _install)


def _install(root: Path) -> None:
    if (Path("/") / CERTIFICATES).exists():  # a proxy may have one of its own, which this machine trusts
        shutil.copy(Path("/") / CERTIFICATES, root / CERTIFICATES)
    checked(*_inside(root), "sh", "-ec", INSTALL)
    with TemporaryDirectory() as folder, HomeAssistant(root, Path(folder), installs=True) as first:
        first.begin_mqtt()  # what its parts want it fetches itself, when they are used first


def _inside(root: Path, *options: str) -> list[str]:
    quiet = ("--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe")
    environ = (f"--setenv=PATH={VENV}/bin:/usr/bin:/bin", f"--setenv=SSL_CERT_FILE=/{CERTIFICATES}")
    return ["systemd-nspawn", *quiet, f"--machine=home-assistant-{os.getpid()}", *environ, *options, f"-D{root}"]


class HomeAssistant:
    """One household: start() and stop() as often as wanted; what it knows stays. installs: into `root`."""

    def __init__(self, root: Path, folder: Path, *, installs: bool = False) -> None:
        self._config, self._log, self._port = folder / "config", folder / "log", free_port()
        self._within_s = INSTALL_S if installs else START_S
        self._config.mkdir()
        listens = f"http:\n  server_host: 127.0.0.1\n  server_port: {self._port}\n"
        (self._config / "configuration.yaml").write_text(listens)
        how = ["--read-only", "--tmpfs=/tmp"] if not installs else []
        program = [f"{VENV}/bin/hass", "--config=/config", *([] if installs else ["--skip-pip"])]
        self._command = [*_inside(root, f"--bind={self._config}:/config", *how), *program]
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""
        self._told: list[str] = []
        self._usual: set[str] = set()

    def __enter__(self) -> Self:
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            self.start()
            on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Until everything in it runs, with somebody logged in."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, self._within_s)
        new = not self._token
        if new:
            self._log_in()
        wait_until(lambda: self.get("config")["state"] == "RUNNING", self._within_s)
        if new:
            self._usual = set(self.complaints())

    def stop(self) -> None:
        """In good order, so that it writes down what it knows."""
        if self._process is None:
            return
        with suppress(OSError):
            self.call("homeassistant.stop")
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.terminate()  # systemd-nspawn then kills all in there
            self._process.wait(10)
        self._process = None

    def complaints(self) -> list[str]:
        """Warnings and errors in its log since this was asked last, without those of a start with nothing to do."""
        before, self._told = len(self._told), COMPLAINT.findall(self._log.read_text(errors="replace"))
        return [line for line in self._told[before:] if line not in self._usual]

    def get(self, path: str) -> Any:
        """What /api/`path` answers."""
        return json.loads(self._ask(f"/api/{path}"))

    def picture(self, entity: str) -> bytes:
        """What the page shows for an image."""
        return self._ask(self.states()[entity]["attributes"]["entity_picture"])

    def states(self) -> dict[str, Any]:
        """Of every entity, with attributes."""
        return {state["entity_id"]: state for state in self.get("states")}

    def rendered(self, template: str) -> Any:
        """What its own template language makes of something, which is JSON."""
        return json.loads(self._ask("/api/template", {"template": f"{{{{ ({template}) | tojson }}}}"}))

    def call(self, action: str, entity: str | None = None) -> None:
        """An action, such as switch.turn_on."""
        target = {"entity_id": entity} if entity else {}
        self._ask(f"/api/services/{action.replace('.', '/')}", target)

    def begin_mqtt(self) -> str:
        """The dialogue that adds the integration; its number."""
        return str(json.loads(self._ask("/api/config/config_entries/flow", {"handler": "mqtt"}))["flow_id"])

    def add_mqtt(self, port: int, user: str, password: str) -> None:
        """The integration, as somebody adds it on the page."""
        more = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
        answers = {"broker": "127.0.0.1", "port": port, "protocol": "5", "username": user, "password": password}
        flow = self.begin_mqtt()
        done = json.loads(self._ask(f"/api/config/config_entries/flow/{flow}", answers | {"other_settings": more}))
        assert done["type"] == "create_entry", done

    def say(self, kind: str, **more: object) -> Any:
        """A command on the line that its page has, and the answer."""
        with closing(websocket.create_connection(f"ws://127.0.0.1:{self._port}/api/websocket", timeout=20)) as line:
            line.recv()
            line.send(json.dumps({"type": "auth", "access_token": self._token}))
            line.recv()
            line.send(json.dumps({"id": 1, "type": kind, **more}))
            answer = json.loads(line.recv())
        assert answer["success"], answer
        return answer["result"]

    def _log_in(self) -> None:
        """The first person, who finds it new."""
        client = f"http://127.0.0.1:{self._port}/"
        person = {"client_id": client, "name": "Ada", "username": "ada", "password": "ada", "language": "en"}
        code = json.loads(self._ask("/api/onboarding/users", person))["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client}
        with urlopen(f"{client}auth/token", urlencode(form).encode(), timeout=20) as answer:
            self._token = json.load(answer)["access_token"]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Home Assistant ended: {self._log.read_text()[-4000:]}"
        with suppress(URLError, ConnectionError):
            self._ask("/api/onboarding")
            return True
        return False

    def _ask(self, path: str, body: object = None) -> bytes:
        """GET, or POST where there is a body."""
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"http://127.0.0.1:{self._port}{path}", data, headers), timeout=30) as answer:
            content: bytes = answer.read()
        return content
