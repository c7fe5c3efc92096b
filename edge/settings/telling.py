"""Who the bin is and whom it tells: [bin], [mqtt], [outbox], [web]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from edge.settings.section import ID_PATTERN, AnyPath, ExistingPath, Section

OWN_NAMES = ("127.0.0.1", "::1", "localhost")  # of this computer, where nobody else can reach it
MOST_LETTERS = 1000  # of what MQTT gives 65 535 bytes


class BinSettings(Section):
    """[bin]: which bin this is.

    id: part of every MQTT topic, so each bin needs its own: a-z, 0-9, _ and -.
    """

    id: Annotated[str, Field(pattern=ID_PATTERN, max_length=64)]


class MqttSettings(Section):
    """[mqtt]: the broker to which the bin tells everything.

    enabled: false: no broker, nothing leaves the bin.
    host, port: of the broker.
    username: as the broker knows the bin.
    password_file: its first line is the password.
    tls: whether the connection is encrypted and the broker's certificate checked; turn it on over a network.
    ca_file: the authority that signed the broker's certificate. Without it, those that the system trusts.
    cert_file, key_file: a certificate of the bin's own.
    prefix: what every topic begins with.
    commands: whether to listen to cmd/... topics, so whether others can move flaps.
    pictures: whether the command `snapshot` may publish a picture of the tray.
    discovery: whether Home Assistant is told.
    """

    enabled: bool = True
    host: Annotated[str, Field(min_length=1)] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: Annotated[str, Field(max_length=MOST_LETTERS)] | None = None
    password_file: ExistingPath | None = None
    tls: bool = False
    ca_file: ExistingPath | None = None
    cert_file: ExistingPath | None = None
    key_file: ExistingPath | None = None
    prefix: Annotated[str, Field(pattern=r"^[^+#/\s][^+#\s]*$", max_length=MOST_LETTERS)] = "smartbin"
    commands: bool = False
    pictures: bool = False
    discovery: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = []
        if self.password_file and not self.username:
            problems.append("username is missing; password_file is of no use without it")
        if (self.cert_file is None) != (self.key_file is None):
            problems.append("cert_file and key_file go together; give both or neither")
        if not self.tls and (self.ca_file or self.cert_file):
            problems.append("certificates are named but tls is false; write tls = true")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class OutboxSettings(Section):
    """[outbox]: the events on disk that wait for the broker.

    path: of the database.
    max_mb: the oldest events are dropped, and counted, beyond this size.
    """

    path: AnyPath = Path("/var/lib/smart-bin/outbox.db")
    max_mb: Annotated[float, Field(ge=1.0, le=100_000)] = 50.0


class WebSettings(Section):
    """[web]: the page of the bin.

    enabled: whether there is one.
    host: where it listens: "127.0.0.1" for this computer alone, "0.0.0.0" for everybody.
    port: of the page; 0 takes a free one.
    password_file: its first line is asked for; needed where others can reach it.
    language: of the pages, as "de"; left out, each browser's own, where there are texts in it (en, de, es).
    """

    enabled: bool = False
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    password_file: ExistingPath | None = None
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None

    @model_validator(mode="after")
    def _locked(self) -> Self:
        if self.enabled and self.password_file is None and self.host not in OWN_NAMES:
            raise ValueError(f'others can reach {self.host}: name a password_file, or write host = "127.0.0.1"')
        return self
