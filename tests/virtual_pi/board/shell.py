"""Runs what the machine outside asks for: one JSON object a line.

In: {"id": 7, "script": "date"}; out: {"id": 7, "status": 0, "output": "..."}.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any, BinaryIO

PORTS = Path("/sys/class/virtio-ports")


def answer(request: dict[str, Any], port: BinaryIO, writing: threading.Lock) -> None:
    """Run one script with bash; output and errors come back together."""
    done = subprocess.run(
        ["bash", "-c", request["script"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    reply = {"id": request["id"], "status": done.returncode, "output": done.stdout.decode(errors="replace")}
    with writing:
        port.write(json.dumps(reply).encode() + b"\n")


def main() -> None:
    """Several requests may run at once."""
    writing = threading.Lock()
    name = next(port.name for port in PORTS.iterdir() if (port / "name").read_text().strip() == "shell")
    with Path("/dev", name).open("r+b", buffering=0) as port:
        port.write(b'{"id": 0, "status": 0, "output": "ready"}\n')
        buffered = b""
        while chunk := port.read(65536):
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                threading.Thread(target=answer, args=(json.loads(line), port, writing), daemon=True).start()


main()
