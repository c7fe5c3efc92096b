"""Where the broker is and how to be let in. Secrets and certificates are read from their files at every connection,
so that a file that was corrected or renewed is used without a restart."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client

from edge.errors import PublishError

LONGEST = 65_535  # bytes of a password, as MQTT has it


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """[mqtt] as the publisher takes it. The password itself is never kept here."""

    bin_id: str
    host: str = "localhost"
    port: int = 1883
    prefix: str = "smartbin"
    username: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    commands: bool = False  # whether to listen to them
    announcement: bytes = b""  # for Home Assistant; empty: none

    @property
    def client_id(self) -> str:
        """The same at every start, so that the broker knows the session again; one for each bin."""
        return f"smartbin-{self.bin_id}"

    def topic(self, name: str) -> str:
        """The full topic for one below the bin's prefix."""
        return f"{self.prefix}/{self.bin_id}/{name}"


def read_password(settings: BrokerSettings) -> str | None:
    """The first line of password_file. Raises PublishError."""
    if settings.password_file is None:
        return None
    try:
        lines = settings.password_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable("mqtt.password_file", settings.password_file, error) from error
    if not lines or not lines[0]:
        raise PublishError(f"mqtt.password_file {settings.password_file}: it is empty; write the password into it")
    if len(lines[0].encode()) > LONGEST:
        raise PublishError(f"mqtt.password_file {settings.password_file}: no password is as long as its first line")
    return lines[0]


def identify(client: Client, settings: BrokerSettings) -> None:
    """Give the client name, password and certificates, for its next connection. Raises PublishError."""
    if settings.username is not None:
        client.username_pw_set(settings.username, read_password(settings))
    if (context := tls_context(settings)) is not None:
        client.tls_set_context(context)


def leave(client: Client) -> None:
    """End its connection and thread, and forget whom it calls: a circle would keep it, and its wake-up line, open."""
    client.disconnect()
    client.loop_stop()
    client.on_connect = client.on_disconnect = client.on_message = client.on_publish = client.on_subscribe = None


def others_can_read(path: Path) -> bool:
    """Whether any user of this computer may read the file."""
    return bool(path.stat().st_mode & 0o004)


def tls_context(settings: BrokerSettings) -> ssl.SSLContext | None:
    """What the broker's certificate is checked with, and our own. None without TLS. Raises PublishError."""
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise _unusable("mqtt.ca_file", settings.ca_file, error) from error
    if settings.cert_file is not None:
        try:
            # an empty password: an encrypted key is an error here, never a question on a terminal nobody watches
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except OSError as error:
            raise _unusable("mqtt.cert_file and mqtt.key_file", settings.cert_file, error) from error
    return context


def _unusable(key: str, path: Path | None, error: OSError | UnicodeDecodeError) -> PublishError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return PublishError(
        f"{key} {path}: {reason}; check the path, its owner, and that it is an unencrypted text (PEM) file"
    )
