"""Addresses as they may be told: of a camera's, the journal and the broker need not know the password. Pure."""

from __future__ import annotations

import re

# one slash: of an address that was taken for a path
_ADDRESS = re.compile(r"(:/{1,2})(?:[^/\n]*@)?([^?#\s]*)(?:[?#]\S*)?")


def without_secrets(text: str) -> str:
    """Every address in it without user, password and query, whatever else is wrong with it."""
    return _ADDRESS.sub(r"\1\2", text)
