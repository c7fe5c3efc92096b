"""Writes requirements-3.11.txt and -3.13.txt beside this file: what `setup.sh install` takes, with versions and hashes.

    make lock

pip resolves the package for every Python and processor of a Raspberry Pi OS (and x86-64, for tests), beside the numpy
that apt has there. numpy itself comes from apt. Run it when dependencies change, or to take newer versions.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NUMPY_OF_APT = {"3.11": "1.24.2", "3.13": "2.2.4"}  # Bookworm, Trixie
MACHINES = ("aarch64", "x86_64")
PLATFORMS = (HERE / "platforms.txt").read_text().split()  # both systems' pips take these; the newest first
FROM_APT = ("numpy", "smart-bin")
ALSO = ("gpiozero>=2.0.1",)  # plain Bookworm's 1.6 is too old
HEAD = "# Made by `make lock`: every version and hash that setup.sh installs. Do not edit.\n"


def main() -> int:
    """Both files."""
    for python in NUMPY_OF_APT:
        found = [resolved(python, machine) for machine in MACHINES]
        path = HERE / f"requirements-{python}.txt"
        path.write_text(HEAD + "".join(lines(found)))
        print(f"{path.relative_to(HERE.parent)}: {len(found[0])} packages")
    return 0


def resolved(python: str, machine: str) -> dict[str, tuple[str, str]]:
    """Name -> version, sha256 of the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(f"numpy=={NUMPY_OF_APT[python]}\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--ignore-installed",
            "--report",
            "-",
        ]
        command += ["--only-binary", ":all:", "--target", folder, "--python-version", python, "-c", str(constraints)]
        command += [word for platform in PLATFORMS for word in ("--platform", f"{platform}_{machine}")]
        answer = subprocess.run([*command, *requirements(), *ALSO], check=True, stdout=subprocess.PIPE)
    found = map(_pin, json.loads(answer.stdout)["install"])
    return {name: (version, digest) for name, version, digest in found if name not in FROM_APT}


def requirements() -> list[str]:
    """What the package itself asks for."""
    project: dict[str, Any] = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def lines(found: list[dict[str, tuple[str, str]]]) -> list[str]:
    """One requirement for each package, with the hash of each processor's wheel."""
    written = []
    for name in sorted({name for packages in found for name in packages}):
        pins = [packages[name] for packages in found if name in packages]
        versions = {version for version, _ in pins}
        if len(versions) > 1:
            raise SystemExit(
                f"{name}: {' and '.join(sorted(versions))} on different processors; bound it in pyproject.toml"
            )
        hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in sorted({digest for _, digest in pins}))
        written.append(f"{name}=={versions.pop()} \\\n{hashes}\n")
    return written


def _pin(item: dict[str, Any]) -> tuple[str, str, str]:
    name = item["metadata"]["name"].lower().replace("_", "-").replace(".", "-")
    return name, item["metadata"]["version"], item["download_info"]["archive_info"]["hashes"]["sha256"]


if __name__ == "__main__":
    sys.exit(main())
