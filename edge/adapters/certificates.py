"""How long certificates are valid: those of files, and the one that a broker shows."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edge.adapters.broker_settings import BrokerSettings, tls_context
from edge.doctor_certificates import Validity
from edge.errors import PublishError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME, _LONG_FORM = 0xA0, 0x17, 0x80  # of DER


def of_file(path: Path) -> list[Validity]:
    """Of every certificate in a PEM file, in its order; none where it cannot be read: connecting says why."""
    try:
        found = _PEM.findall(path.read_text(encoding="ascii", errors="replace"))
        return [validity(ssl.PEM_cert_to_DER_cert(pem)) for pem in found]
    except (OSError, ValueError):
        return []


def of_broker(settings: BrokerSettings, timeout_s: float = 5.0) -> list[Validity]:
    """Of the one that the broker shows, trusted or not, since an expired one is not; none where there is no TLS."""
    try:
        context = tls_context(settings)
        if context is None:
            return []
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent on this connection
        with (
            socket.create_connection((settings.host, settings.port), timeout_s) as line,
            context.wrap_socket(line, server_hostname=settings.host) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
        return [] if shown is None else [validity(shown)]
    except (OSError, ValueError, PublishError):
        return []


def validity(der: bytes) -> Validity:
    """From when until when (RFC 5280, section 4.1). Raises ValueError for what is no certificate.

    Python's ssl tells it only of a certificate that it trusts, which an expired one is not.
    """
    try:
        (_, certificate), *_ = _parts(der)
        (_, signed), *_ = _parts(certificate)
        fields = [part for part in _parts(signed) if part[0] != _VERSION]  # serial, algorithm, issuer, validity
        begin, end = _parts(fields[3][1])
    except IndexError as error:
        raise ValueError("not a certificate") from error
    return Validity(_time(*begin), _time(*end))


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of each element."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & _LONG_FORM:
            digits = length & ~_LONG_FORM
            length, at = int.from_bytes(der[at : at + digits]), at + digits
        yield tag, der[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year, from 1950 on
        text = ("19" if text >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
