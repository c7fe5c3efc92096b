"""`smartbin serve`: the API alone, without a bin."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.listening import listen
from edge.adapters.password_file import read_password
from edge.classify import Judge
from edge.manifest import Manifest
from edge.web.asking import Asker
from edge.web.counting import Counts
from edge.web.guard import is_loopback
from edge.web.limits import Rate
from edge.web.passwords import Password
from edge.web.server import Services, create
from edge.web.serving import address, serve

log = logging.getLogger(__name__)

OPEN = "everybody who reaches %s may ask: give --password-file, or put it behind a proxy that asks"


@dataclass(frozen=True, slots=True)
class Wishes:
    """rate: pictures a second that one address may ask about."""

    host: str
    port: int
    rate: float
    password_file: Path | None


def run(wishes: Wishes, judge: Judge, model: Manifest, say: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigError: the password cannot be read, the address cannot be had."""
    password = read_password(wishes.password_file) if wishes.password_file else None
    if password is None and not (wishes.host == "localhost" or is_loopback(wishes.host)):
        log.warning(OPEN, wishes.host)
    with closing(Asker(judge)) as asker, listen(wishes.host, wishes.port, "--port or --host") as listener:
        services = Services(
            asker=asker,
            model=model,
            counts=Counts(model.id),
            rate=Rate(burst=max(20.0, 2 * wishes.rate), per_s=wishes.rate),
            password=Password(password, time.monotonic) if password else None,
        )
        at = address(wishes.host, listener)
        serve(create(services), listener, lambda: say(f"{at}  (its API: /docs; Ctrl-C ends)"))
