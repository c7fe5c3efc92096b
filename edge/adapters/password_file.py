"""The file that holds the page's password."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigError


def read_password(path: Path) -> str:
    """The first line of a file. Raises ConfigError."""
    try:
        password = path.read_text(encoding="utf-8").splitlines()[0:1]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: the password cannot be read ({error})"]) from error
    if not password or not password[0]:
        raise ConfigError([f"{path}: the first line is empty; write the password there"])
    return password[0]
