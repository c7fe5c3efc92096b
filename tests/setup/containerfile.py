"""The steps of a Containerfile, carried out in a plain Debian: what podman would do, as far as ours needs it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe", "--private-network")


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Instruction and the rest of its line; comments left out, lines joined that end with a backslash."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


@dataclass
class Image:
    """root: a folder with a Debian, written to. context: where COPY copies from. wheels: instead of an index."""

    root: Path
    context: Path
    wheels: Path
    user: str = "root"
    folder: str = "/"
    port: int = 0
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})

    def build(self, text: str) -> None:
        """Every step; a step that fails, or is not known here, is an error."""
        for name, rest in steps(text):
            getattr(self, f"_{name.lower()}")(rest)

    def inside(self, *command: str) -> list[str]:
        """What runs a command in there, as the user and in the folder of the last step."""
        settings = [f"--setenv={key}={value}" for key, value in self.environ.items()]
        where = (
            f"--directory={self.root}",
            f"--machine=smart-bin-{os.getpid()}",
            f"--user={self.user}",
            f"--chdir={self.folder}",
        )
        pip = (f"--bind-ro={self.wheels}:/wheels", "--setenv=PIP_NO_INDEX=1", "--setenv=PIP_FIND_LINKS=/wheels")
        return [*NSPAWN, *where, *settings, *pip, *command]

    def _from(self, rest: str) -> None:
        assert "/python:3." in rest, "what is that image?"
        self._run("python3 -m venv /usr/local")  # there lie python and pip in the image

    def _run(self, rest: str) -> None:
        done = subprocess.run(self.inside("sh", "-c", rest), text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{rest}\n{done.stdout}\n{done.stderr}"

    def _copy(self, rest: str) -> None:
        *sources, target = shlex.split(rest)
        for source in (self.context / name for name in sources):
            into = self.root / self.folder.lstrip("/") / target
            if source.is_dir():
                shutil.copytree(source, into, dirs_exist_ok=True)
            else:
                shutil.copy(source, into)

    def _workdir(self, rest: str) -> None:
        (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.folder = rest

    def _env(self, rest: str) -> None:
        self.environ |= dict(one.split("=", 1) for one in shlex.split(rest))

    def _user(self, rest: str) -> None:
        self.user = rest

    def _expose(self, rest: str) -> None:
        self.port = int(rest)

    def _healthcheck(self, rest: str) -> None:
        self.health = json.loads(rest.removeprefix("CMD "))

    def _cmd(self, rest: str) -> None:
        self.command = json.loads(rest)
