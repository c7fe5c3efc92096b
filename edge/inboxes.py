"""Several inboxes as one: commands from MQTT and from the page, each answered where it came from."""

from __future__ import annotations

from collections.abc import Sequence

from edge.ports import Inbox, Received


class Inboxes:
    """Implements ports.Inbox. Whoever takes a command answers it before taking the next, as Commander does."""

    def __init__(self, inboxes: Sequence[Inbox]) -> None:
        self._inboxes = list(inboxes)
        self._asked = self._inboxes[0]

    def take(self) -> Received | None:
        """Each is asked in turn, so that none waits for another."""
        for inbox in list(self._inboxes):
            self._inboxes.append(self._inboxes.pop(0))
            if (received := inbox.take()) is not None:
                self._asked = inbox
                return received
        return None

    def reply(self, name: str, payload: bytes) -> bool:
        """To whom the last command came from."""
        return self._asked.reply(name, payload)

    def show(self, jpeg: bytes) -> bool:
        """To whom the last command came from."""
        return self._asked.show(jpeg)
