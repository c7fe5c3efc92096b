"""Event ids: UUID version 7 (RFC 9562), so that ids sort by time where the clock is right and are unique where not."""

from __future__ import annotations

import uuid


def uuid7(unix_ms: int, random_bytes: bytes) -> str:
    """unix_ms: 48 bits of time. random_bytes: 10 of them, of which 74 bits are used."""
    value = (unix_ms & (1 << 48) - 1) << 80 | int.from_bytes(random_bytes[:10], "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))
