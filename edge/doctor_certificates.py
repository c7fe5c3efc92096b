"""What doctor looks at of TLS: how long the certificates hold. Made as in doctor_checks.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from edge.doctor import Check, Finding, Level

SOON = timedelta(days=30)
BY_CLOCK = "; the clock here, which is not synchronised, says {now:%Y-%m-%d}"
SET_CLOCK = "set the clock, and see `clock` below; where it is right: "
TOO_EARLY = "make it again, the clock of the computer that made it was ahead"


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a certificate holds."""

    begin: datetime
    end: datetime


class Role(StrEnum):
    """What a certificate is for, by the name that people find it under."""

    BROKER = "the broker's"
    AUTHORITY = "mqtt.ca_file"
    OWN = "mqtt.cert_file"


RENEW = {
    Role.BROKER: "give the broker a new one of the same authority, then restart it; bins need nothing",
    Role.AUTHORITY: "make a new authority and write its certificate into this file of every bin, beside the old one; "
    "then give the broker, and bins that have one, a certificate of it",
    Role.OWN: "make a new one for this bin (mqtt.cert_file, mqtt.key_file); it is taken at the next connection",
}


def check_certificates(
    read: Callable[[], Iterable[tuple[Role, Validity]]], now: Callable[[], datetime], synced: Callable[[], bool]
) -> Check:
    """Each holds, and for a while. TLS goes by the clock here, right or wrong; so does this, and says so."""
    return Check("certificates", lambda: _judge_all(read(), now(), synced()))


def _judge_all(found: Iterable[tuple[Role, Validity]], now: datetime, synced: bool) -> Iterator[Finding]:
    for role, validity in found:
        yield _judge(role, validity, now, synced)


def _judge(role: Role, validity: Validity, now: datetime, synced: bool) -> Finding:
    by_clock, first = ("", "") if synced else (BY_CLOCK.format(now=now), SET_CLOCK)
    wrong = Level.FAIL if synced else Level.WARN
    if now < validity.begin:
        return Finding(wrong, f"{role}: not valid before {validity.begin:%Y-%m-%d}{by_clock}", first + TOO_EARLY)
    if now > validity.end:
        return Finding(wrong, f"{role}: expired on {validity.end:%Y-%m-%d}{by_clock}", first + RENEW[role])
    until = f"{role}: valid until {validity.end:%Y-%m-%d}"
    if now > validity.end - SOON:
        left = f", {(validity.end - now).days} days from now"
        return Finding(Level.WARN, f"{until}{left}{by_clock}", first + RENEW[role])
    return Finding(Level.OK, f"{until}{by_clock}")
