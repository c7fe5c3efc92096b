"""No broker is configured: nothing is published, and the events stay in the outbox."""

from __future__ import annotations

from collections.abc import Sequence


class NoPublisher:
    """Implements ports.Publisher."""

    connected = False
    connects = 0
    trouble: str | None = None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Never taken."""
        return None

    def acknowledged(self) -> Sequence[int]:
        """Nothing."""
        return ()

    def refused(self) -> Sequence[int]:
        """Nothing."""
        return ()

    def close(self) -> None:
        """Nothing to close."""
