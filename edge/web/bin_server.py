"""The web process of a bin: fed by it over a socket, answers people and programs, ends with it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, closing
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.routing import Route

from edge import manifest
from edge.adapters.listening import listen
from edge.adapters.password_file import read_password
from edge.adapters.site_store import site_store
from edge.config import Settings, new_labels
from edge.feed import LARGEST, Kind, Packet, pack, unpack
from edge.logs import fields
from edge.web import bin_openapi, openapi
from edge.web.asking import Asker
from edge.web.bin_metrics import StateCollector
from edge.web.bin_pages import BinParts, routes
from edge.web.captures import Captures, Kept
from edge.web.counting import Counts
from edge.web.guard import Guard
from edge.web.history import Event, History
from edge.web.item_metrics import ItemMetrics
from edge.web.judge_child import JudgeChild, starter
from edge.web.limits import Rate
from edge.web.passwords import Password
from edge.web.server import Services, create, page
from edge.web.serving import Server, address, configured
from edge.web.tray import Tray
from edge.web.view import View

log = logging.getLogger(__name__)

RATE = Rate(burst=20, per_s=1)  # pictures that one address may ask about
TIDY_EVERY_S = 30.0
PAGES = ("try", "kiosk", "review", "teach")


def run(line: socket.socket, settings: Settings) -> None:
    """Until the bin hangs up, or SIGTERM. Raises ConfigError."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopped)
    web = settings.web
    password = Password(read_password(web.password_file), time.monotonic) if web.password_file else None
    guard = Guard(password)
    with ExitStack() as stack:
        model = manifest.read(settings.model.path)
        judge = JudgeChild(starter(settings.model_dump_json(), os.environ))
        asker = stack.enter_context(closing(Asker(judge)))
        stack.enter_context(closing(judge))  # before the asker, which waits for its answer
        listener = stack.enter_context(listen(web.host, web.port, "web.port or web.host"))
        history = stack.enter_context(closing(History(settings.outbox.path.with_name("history.db"))))
        send = _sender(line)
        items = ItemMetrics(settings.bin.id, settings.routes, settings.default_compartment)
        tray = Tray(lambda: send(Packet(Kind.LOOK)), time.monotonic)
        view = View(on_item=(history.add, items.count), on_correction=_corrector(history, items), tray=tray)
        counts = Counts(model.id, [StateCollector(view, settings.bin.id), *items.collectors], settings.bin.id)
        services = Services(asker, model, counts, RATE, lock=guard.reading)
        parts = BinParts(view, history, send, guard, settings.model.path / "README.md")
        captures = stack.enter_context(
            # what is routed and not known yet is to be taught
            closing(
                Captures(
                    Kept(
                        site_store(settings),
                        [*model.labels, *new_labels(settings, model.labels)],
                        settings.capture.mode,
                    )
                )
            )
        )
        pages = [Route(f"/{name}", page(f"{name}.html", web.language)) for name in PAGES]
        more = [*routes(parts), *captures.routes(guard), *pages]
        described = partial(openapi.document, more=bin_openapi.paths(), messages=bin_openapi.MESSAGES)
        server = _Server(
            configured(create(services, more, "bin.html", described, web.language)), view, address(web.host, listener)
        )
        asyncio.run(_serve(server, listener, line, view, partial(_tidy, history, judge)))


def _stopped(number: int, frame: FrameType | None) -> None:
    """uvicorn raises the signal again once it has stopped; that must not be the end before the history is written."""


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    line: socket.socket,
    view: View,
    tidy: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    line.setblocking(False)

    def receive() -> None:
        try:
            while received := line.recv(LARGEST):
                view.take(unpack(received))
        except BlockingIOError:
            return
        except OSError:
            pass
        asyncio.get_running_loop().remove_reader(line)
        server.should_exit = True  # the bin hung up

    asyncio.get_running_loop().add_reader(line, receive)
    tidying = asyncio.create_task(tidy())
    await server.serve([listener])
    tidying.cancel()


async def _tidy(history: History, judge: JudgeChild) -> None:
    while True:
        await asyncio.sleep(TIDY_EVERY_S)
        history.commit()
        await asyncio.to_thread(judge.rest)


def _corrector(history: History, items: ItemMetrics) -> Callable[[Event], None]:
    def correct(correction: Event) -> None:
        if (fell := history.correct(correction)) is not None:
            items.corrected(fell, correction["label"])

    return correct


def _sender(line: socket.socket) -> Callable[[Packet], bool]:
    def send(packet: Packet) -> bool:
        try:
            line.send(pack(packet))
        except OSError:
            return False
        return True

    return send


class _Server(Server):
    def __init__(self, settings: uvicorn.Config, view: View, at: str) -> None:
        super().__init__(settings, lambda: log.info("page %s", fields(at=at)))
        self._view = view

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._view.end()
        await super().shutdown(sockets)
