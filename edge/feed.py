"""What the bin and its web process say to each other: one message, one packet. Pure.

From the bin: the state, an item with its picture, what an item really was, what lies on the tray, the tray's picture,
an answer to a command.
To the bin: a command, and that somebody looks at the tray.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

LARGEST = 150_000  # bytes of one packet; what is larger is not sent


class Kind(IntEnum):
    """The first byte of a packet."""

    STATE = 1
    ITEM = 2
    SEEN = 3
    TRAY = 4
    REPLY = 5
    COMMAND = 6
    LOOK = 7
    CORRECTION = 8


@dataclass(frozen=True, slots=True)
class Packet:
    """text: JSON, or of a command its name. data: a JPEG, or of a command its JSON."""

    kind: Kind
    text: bytes = b""
    data: bytes = b""


def pack(packet: Packet) -> bytes:
    """As it is sent."""
    return bytes([packet.kind]) + len(packet.text).to_bytes(4, "big") + packet.text + packet.data


def unpack(received: bytes) -> Packet:
    """What pack() made. Raises ValueError."""
    length = int.from_bytes(received[1:5], "big")
    if len(received) < 5 + length:
        raise ValueError(f"a packet of {len(received)} bytes that was cut")
    return Packet(Kind(received[0]), received[5 : 5 + length], received[5 + length :])
