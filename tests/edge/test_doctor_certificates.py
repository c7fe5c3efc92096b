"""What doctor says of TLS certificates that are expired, or are about to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from small_config import SMALL

from edge import config
from edge.adapters import certificates, pi_health
from edge.adapters.broker_settings import BrokerSettings
from edge.checkup import checks_for
from edge.doctor import Finding, Level, run_checks
from edge.doctor_certificates import Role, Validity, check_certificates

LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker.example.org")])


def pem(begin: datetime, end: datetime, version_1: bool = False) -> bytes:
    """A certificate and its key, in one."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number(), begin, end)
    if not version_1:
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM) + private


def said(begin: datetime, end: datetime, *, now: datetime = NOW, synced: bool = True) -> Finding:
    found = [(Role.BROKER, Validity(begin, end))]
    (finding,) = run_checks([check_certificates(lambda: found, lambda: now, lambda: synced)])
    return finding


def test_one_that_holds_is_told_with_its_date() -> None:
    finding = said(NOW - DAY, NOW + 31 * DAY)
    assert (finding.level, finding.text) == (Level.OK, "the broker's: valid until 2026-12-28")


def test_one_that_ends_within_a_month_is_a_warning_with_a_remedy() -> None:
    finding = said(NOW - DAY, NOW + 29 * DAY)
    assert finding.level is Level.WARN
    assert finding.text == "the broker's: valid until 2026-12-26, 29 days from now"
    assert finding.remedy is not None
    assert finding.remedy.startswith("give the broker a new one")


def test_one_that_is_expired_is_a_failure() -> None:
    finding = said(NOW - 2 * DAY, NOW - DAY)
    assert (finding.level, finding.text) == (Level.FAIL, "the broker's: expired on 2026-11-26")
    assert finding.remedy


def test_one_of_tomorrow_is_a_failure() -> None:
    finding = said(NOW + DAY, NOW + 2 * DAY)
    assert (finding.level, finding.text) == (Level.FAIL, "the broker's: not valid before 2026-11-28")


@pytest.mark.parametrize(
    ("now", "level", "text"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), Level.WARN, "not valid before 2026-11-26"),
        (datetime(2038, 1, 1, tzinfo=UTC), Level.WARN, "expired on 2027-11-27"),
        (datetime(2027, 11, 20, tzinfo=UTC), Level.WARN, "valid until 2027-11-27, 7 days from now"),
        (NOW, Level.OK, "valid until 2027-11-27"),
    ],
)
def test_without_a_clock_it_says_by_which_one_it_goes(now: datetime, level: Level, text: str) -> None:
    finding = said(NOW - DAY, datetime(2027, 11, 27, tzinfo=UTC), now=now, synced=False)
    clock = f"; the clock here, which is not synchronised, says {now:%Y-%m-%d}"
    assert (finding.level, finding.text) == (level, f"the broker's: {text}{clock}")
    assert (finding.remedy or "set the clock").startswith("set the clock")


@pytest.mark.parametrize("end", [datetime(2026, 12, 1, 23, 59, 58, tzinfo=UTC), datetime(2051, 1, 2, tzinfo=UTC)])
@pytest.mark.parametrize("version_1", [False, True])
def test_the_dates_of_a_file(tmp_path: Path, end: datetime, version_1: bool) -> None:
    begin = datetime(1999, 5, 6, 7, 8, 9, tzinfo=UTC)
    (tmp_path / "two.crt").write_bytes(pem(begin, end, version_1) + pem(begin, NOW))
    assert certificates.of_file(tmp_path / "two.crt") == [Validity(begin, end), Validity(begin, NOW)]


def test_a_file_of_something_else_has_no_dates(tmp_path: Path) -> None:
    whole = ssl.PEM_cert_to_DER_cert(pem(NOW, NOW + DAY).decode().partition("-----BEGIN PRIVATE")[0].strip())
    assert certificates.validity(whole) == Validity(NOW, NOW + DAY)
    for cut in range(100):  # so far the dates
        with pytest.raises(ValueError):  # of one kind or another
            certificates.validity(whole[:cut])
    (tmp_path / "cut.crt").write_text(ssl.DER_cert_to_PEM_cert(whole[:40]))
    assert certificates.of_file(tmp_path / "cut.crt") == []
    assert certificates.of_file(tmp_path / "none.crt") == []


@pytest.fixture
def expired_broker(tmp_path: Path) -> Iterator[int]:
    """The port of something that shows an expired certificate, to all who come."""
    (tmp_path / "server.pem").write_bytes(pem(LONG_AGO, LONG_AGO + DAY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            line.settimeout(20)
            with line, suppress(OSError), context.wrap_socket(line, server_side=True) as tls:
                tls.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(20)


def test_the_date_of_a_certificate_that_is_not_trusted_any_more(expired_broker: int) -> None:
    broker = BrokerSettings("lobby-1", "127.0.0.1", expired_broker, tls=True)
    assert certificates.of_broker(broker) == [Validity(LONG_AGO, LONG_AGO + DAY)]


def test_a_broker_that_cannot_be_reached_shows_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    assert certificates.of_broker(BrokerSettings("lobby-1", "127.0.0.1", port, tls=True)) == []
    assert certificates.of_broker(BrokerSettings("lobby-1", "127.0.0.1", port)) == []
    missing = BrokerSettings("lobby-1", "127.0.0.1", port, tls=True, ca_file=tmp_path / "ca.crt")
    assert certificates.of_broker(missing) == []


CONFIG = SMALL + '[mqtt]\nhost = "127.0.0.1"\n'


def checked(folder: Path, mqtt: str) -> list[str]:
    checks = checks_for(config.parse(CONFIG + mqtt, {}, base=folder))
    return [finding.text for finding in run_checks(check for check in checks if check.name == "certificates")]


def test_all_that_tls_takes_are_looked_at(expired_broker: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pi_health, "clock_synced", lambda: True)
    far = datetime(2099, 1, 1, tzinfo=UTC)
    # an old authority beside the new one does no harm; what the bin shows is as good as its worst part
    (tmp_path / "ca.crt").write_bytes(pem(LONG_AGO, LONG_AGO + DAY) + pem(LONG_AGO, far))
    (tmp_path / "bin.pem").write_bytes(pem(LONG_AGO, far) + pem(LONG_AGO, LONG_AGO + DAY))
    tls = 'tls = true\nca_file = "ca.crt"\ncert_file = "bin.pem"\nkey_file = "bin.pem"'
    assert checked(tmp_path, f"port = {expired_broker}\n{tls}") == [
        "the broker's: expired on 2001-02-04",
        "mqtt.ca_file: valid until 2099-01-01",
        "mqtt.cert_file: expired on 2001-02-04",
    ]


def test_without_tls_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    assert checked(tmp_path, "") == []
    assert checked(tmp_path, "tls = true\nenabled = false") == []
