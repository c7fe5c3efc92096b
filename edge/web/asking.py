"""One model, many who ask: one picture at a time in a thread of its own, and a queue that is never long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Protocol

from edge.verdict import Verdict
from edge.web.problems import ApiError
from edge.web.uploads import Upload

MOST_WAITING = 32  # pictures


class Verdicts(Protocol):
    """What edge.classify.Judge does."""

    def verdict(self, source: bytes, file: str) -> Verdict:
        """See Judge."""


class Asker:
    """close() it."""

    def __init__(self, judge: Verdicts, most_waiting: int = MOST_WAITING) -> None:
        self._judge = judge
        self._most_waiting = most_waiting
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "classify")

    async def verdicts(self, pictures: Sequence[Upload]) -> list[Verdict]:
        """In the same order. Raises ApiError 503 when too many wait, ModelError."""
        if self._waiting and self._waiting + len(pictures) > self._most_waiting:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many pictures are waiting; ask again", headers={"Retry-After": "1"}
            )
        self._waiting += len(pictures)
        try:
            loop = asyncio.get_running_loop()
            return [await loop.run_in_executor(self._thread, self._ask, picture) for picture in pictures]
        finally:
            self._waiting -= len(pictures)

    def close(self) -> None:
        """Twice is fine."""
        self._thread.shutdown(cancel_futures=True)

    def _ask(self, picture: Upload) -> Verdict:
        return self._judge.verdict(picture.content, picture.name)
