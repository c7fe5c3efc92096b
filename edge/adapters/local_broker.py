"""A Mosquitto of one's own for the demo: on a free port of loopback, with its own configuration, gone at the end."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")  # not in everybody's PATH
STARTS_WITHIN_S = 5.0
POLL_S = 0.02


def find_mosquitto() -> str | None:
    """The broker's program, or None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=":".join(SBIN))


class LocalBroker:
    """Context manager. `port` is where it listens; `trouble` says why it does not run."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="smartbin-broker-")
        self.port = 0
        self.trouble: str | None = None

    def __enter__(self) -> LocalBroker:
        self.port = _free_port()
        config = Path(self._folder.name) / "mosquitto.conf"
        # errors alone: nobody reads what it says until it ends, and a full pipe would stop it
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n")
        self._process = subprocess.Popen(
            [self._program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.trouble = self._wait_until_it_listens(self._process)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.communicate(timeout=3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._process = None
        self._folder.cleanup()

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> str | None:
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline_s:
            if process.poll() is not None:
                said = process.communicate()[1].decode(errors="replace").strip().splitlines()
                return f"{self._program} ended at once: {said[-1] if said else f'exit code {process.returncode}'}"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return None
            time.sleep(POLL_S)
        return f"{self._program} did not listen within {STARTS_WITHIN_S:.0f} s"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
