"""The tray's picture: asked for only while somebody looks, and never an old one."""

from __future__ import annotations

import asyncio

from edge.testing import FakeClock
from edge.web.tray import ASK_EVERY_S, FRESH_S, Tray


def test_whoever_looks_first_waits_for_a_picture_and_the_next_does_not() -> None:
    async def look() -> None:
        asked: list[float] = []
        clock = FakeClock()
        tray = Tray(lambda: asked.append(clock.now_s), clock)
        first = asyncio.create_task(tray.picture())
        await asyncio.sleep(0)
        assert asked == [0.0]
        assert not first.done()
        tray.take(b"one")
        assert await first == b"one"
        assert await tray.picture() == b"one"
        assert asked == [0.0], "the bin is not told with every picture"
        clock.sleep(ASK_EVERY_S)
        tray.take(b"two")
        assert await tray.picture() == b"two"
        assert asked == [0.0, ASK_EVERY_S]

    asyncio.run(look())


def test_an_old_picture_is_not_shown_for_the_present_tray() -> None:
    async def look() -> None:
        clock = FakeClock()
        tray = Tray(lambda: None, clock)
        tray.take(b"old")
        clock.sleep(FRESH_S)
        assert await tray.picture(within_s=0.01) is None
        many = [asyncio.create_task(tray.picture()) for _ in range(5)]
        await asyncio.sleep(0)
        tray.take(b"new")
        assert await asyncio.gather(*many) == [b"new"] * 5

    asyncio.run(look())
