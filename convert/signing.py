"""The keys that sign model updates: one file a role, readable by their owner alone, with or without a passphrase."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from edge.errors import UpdateError

ROLES = ("root", "targets", "snapshot", "timestamp")


class KeyFolder:
    """passphrase: of every file in it; None where they are not encrypted."""

    def __init__(self, folder: Path, passphrase: str | None = None) -> None:
        self.folder = folder
        self._passphrase = passphrase.encode() if passphrase else None

    def make(self, role: str) -> CryptoSigner:
        """A new key, which takes its place with replace(); the one of a make() before that. Raises UpdateError."""
        path = self._next(role)
        if not path.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            locked = BestAvailableEncryption(self._passphrase) if self._passphrase else NoEncryption()
            private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(private)
                file.flush()
                os.fsync(file.fileno())
        return self._load(path)

    def made(self, role: str) -> str | None:
        """The id of what make() made, while it waits for replace()."""
        return str(self._load(self._next(role)).public_key.keyid) if self._next(role).exists() else None

    def replace(self, role: str) -> None:
        """What make() made is the role's key from now on; the one before stays beside it as ROLE-old.pem."""
        if self.has(role):
            self._path(role).replace(self.folder / f"{role}-old.pem")
        self._next(role).replace(self._path(role))

    def has(self, role: str) -> bool:
        """Whether the role's key is here; root and targets may lie on a stick in a drawer."""
        return self._path(role).is_file()

    def signer(self, role: str) -> CryptoSigner:
        """The role's key. Raises UpdateError: not here, another passphrase."""
        if not self.has(role):
            raise UpdateError(f"{self._path(role)}: there is no such key; name the folder that holds it with --keys")
        return self._load(self._path(role))

    def _load(self, path: Path) -> CryptoSigner:
        try:
            private = load_pem_private_key(path.read_bytes(), self._passphrase)
        except (ValueError, TypeError) as error:
            raise UpdateError(f"{path}: cannot be opened ({error}); is it the right passphrase?") from error
        except OSError as error:
            raise UpdateError(f"{path}: cannot be read ({error.strerror})") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise UpdateError(f"{path}: not an ed25519 key")
        return CryptoSigner(private)

    def _path(self, role: str) -> Path:
        return self.folder / f"{role}.pem"

    def _next(self, role: str) -> Path:
        return self.folder / f"{role}-next.pem"
