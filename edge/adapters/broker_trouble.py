"""What is wrong with the connection to the broker, in words that say what to check. Never a secret in them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters.broker_settings import BrokerSettings

PASSWORD = "check mqtt.username and the password in mqtt.password_file"
REFUSALS = {
    0x81: "it calls the connection malformed; check that it speaks MQTT 5 or 3.1.1",
    0x84: "it speaks neither MQTT 5 nor 3.1.1; update it",
    0x85: "it does not take the client id; check the broker's rules for client ids",
    0x86: f"it refuses the user name or password; {PASSWORD}",
    0x87: f"it does not let this client in; {PASSWORD}, and the broker's access rules",
    0x88: "it is not available now",
    0x89: "it is busy",
    0x8A: "it has banned this client; check the broker's access rules",
    0x8B: "it is shutting down",
    0x8E: "another client took this one's place; give every bin its own bin.id",
    0x9C: "it says to use another server; check mqtt.host",
    0x9D: "it says that it moved; check mqtt.host",
}
# the first kind that fits
FAILURES: Sequence[tuple[type[Exception], str]] = (
    (socket.gaierror, "its name cannot be resolved; check mqtt.host, the network and its DNS"),
    (UnicodeError, "its name cannot be one; check mqtt.host"),
    (ConnectionRefusedError, "nothing listens there; check mqtt.port and that the broker runs"),
    (
        ssl.SSLCertVerificationError,
        "its certificate is not trusted ({error.verify_message}); check mqtt.ca_file, that mqtt.host is the name "
        "in the certificate, and this computer's clock",
    ),
    (ssl.SSLError, "no TLS ({error.reason}); check that {port} is its TLS port, and mqtt.cert_file"),
    (TimeoutError, "no answer in time; check mqtt.host, the network and firewalls"),
    (OSError, "{error.strerror}; check mqtt.host and the network"),
)


def unreachable(error: Exception, settings: BrokerSettings) -> str:
    """No connection came about. error: what connecting raised."""
    if isinstance(error, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError):
        return no_answer(settings)
    why = next((text for kind, text in FAILURES if isinstance(error, kind)), "{error}; check that it is an MQTT broker")
    return f"{_broker(settings)}: {why.format(error=error, port=settings.port)}"


def turned_away(reason: ReasonCode, settings: BrokerSettings) -> str:
    """The broker answered with a refusal, or ended the connection with a reason."""
    return f"{_broker(settings)}: {REFUSALS.get(reason.value, f'it says {str(reason).lower()!r}')}"


def no_answer(settings: BrokerSettings) -> str:
    """Something took the connection but did not answer as a broker does."""
    tls = "that this is its TLS port, and whether it demands a certificate (mqtt.cert_file)"
    plain = "that this is its MQTT port, and whether it wants mqtt.tls = true"
    return f"{_broker(settings)}: it closed the line or stayed silent; check {tls if settings.tls else plain}"


def lost(settings: BrokerSettings) -> str:
    """A working connection ended without a word."""
    # this is also how many brokers end a connection when another client comes with the same id
    return f"{_broker(settings)}: the line was lost; if this goes on, check that no other bin has this bin.id"


def silent(settings: BrokerSettings) -> str:
    """It takes messages and acknowledges none."""
    return f"{_broker(settings)}: it acknowledges nothing; restart it and check its disk; events wait here meanwhile"


def flooded(settings: BrokerSettings) -> str:
    """It sends a message that would fill the memory."""
    return (
        f"{_broker(settings)}: it sends far more than a command or an announcement; see who may write to this bin's "
        "cmd/... and to homeassistant/device/..., and take away what is retained there"
    )


def denied(topics: list[str], reason: str) -> str:
    """The broker did not take messages."""
    return (
        f"the broker refuses messages on {', '.join(topics)} ({reason.lower()}); check its access rules for this user"
    )


def _broker(settings: BrokerSettings) -> str:
    return f"broker {settings.host}:{settings.port}"
