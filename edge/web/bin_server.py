"""The web process of a bin: fed by it over a socket, answers people and programs, ends with it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from threading import Lock
from types import FrameType

import uvicorn
from starlette.routing import Route

from edge import manifest
from edge.adapters.site_store import site_store
from edge.config import Settings, new_labels
from edge.feed import LARGEST, Kind, Packet, pack, unpack
from edge.verdict import Verdict
from edge.web import bin_openapi, openapi
from edge.web.asking import Asker, Verdicts
from edge.web.bin_metrics import StateCollector
from edge.web.bin_pages import BinParts, routes
from edge.web.captures import Captures, Kept
from edge.web.counting import Counts
from edge.web.guard import Guard
from edge.web.history import History
from edge.web.item_metrics import ItemMetrics
from edge.web.limits import Rate
from edge.web.passwords import Password, read_password
from edge.web.server import Services, create, page
from edge.web.serving import Server, configured, listen
from edge.web.tray import Tray
from edge.web.view import View

RATE = Rate(burst=20, per_s=1)  # pictures that one address may ask about
MOST_PIXELS = 12_500_000  # a picture takes 14 bytes a pixel while it is read, and the bin lives in the same memory
COMMIT_EVERY_S = 30.0
PAGES = ("try", "kiosk", "review", "teach")


def run(line: socket.socket, settings: Settings) -> None:
    """Until the bin hangs up, or SIGTERM. Raises ConfigError."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopped)
    web = settings.web
    password = Password(read_password(web.password_file), time.monotonic) if web.password_file else None
    guard = Guard(password)
    with ExitStack() as stack:
        model = manifest.load(settings.model.path)
        judge = stack.enter_context(closing(_LateJudge(settings)))
        asker = stack.enter_context(closing(Asker(judge)))
        listener = stack.enter_context(listen(web.host, web.port))
        history = stack.enter_context(closing(History(settings.outbox.path.with_name("history.db"))))
        send = _sender(line)
        items = ItemMetrics(settings.bin.id, settings.routes, settings.default_compartment)
        tray = Tray(lambda: send(Packet(Kind.LOOK)), time.monotonic)
        view = View(on_item=(history.add, items.count), on_correction=history.correct, tray=tray)
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
        server = _Server(configured(create(services, more, "bin.html", described, web.language)), view)
        asyncio.run(_serve(server, listener, line, view, history))


def _stopped(number: int, frame: FrameType | None) -> None:
    """uvicorn raises the signal again once it has stopped; that must not be the end before the history is written."""


async def _serve(
    server: uvicorn.Server, listener: socket.socket, line: socket.socket, view: View, history: History
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
    committing = asyncio.create_task(_commit(history))
    await server.serve([listener])
    committing.cancel()


async def _commit(history: History) -> None:
    while True:
        await asyncio.sleep(COMMIT_EVERY_S)
        history.commit()


def _sender(line: socket.socket) -> Callable[[Packet], bool]:
    def send(packet: Packet) -> bool:
        try:
            line.send(pack(packet))
        except OSError:
            return False
        return True

    return send


class _Server(Server):
    def __init__(self, settings: uvicorn.Config, view: View) -> None:
        super().__init__(settings, lambda: None)
        self._view = view

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._view.end()
        await super().shutdown(sockets)


class _LateJudge:
    """Loads the model when the first picture is asked about: most bins are asked nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._stack = ExitStack()
        self._judge: Verdicts | None = None

    def verdict(self, source: bytes, file: str) -> Verdict:
        """See Judge."""
        with self._lock:
            if self._judge is None:
                from edge import app  # noqa: PLC0415 - much memory for what most bins never do

                one = self._settings.model_copy(
                    update={"model": self._settings.model.model_copy(update={"threads": 1})}
                )
                judge = self._stack.enter_context(app.judge(one, taught=True))[0]
                self._judge = replace(judge, max_pixels=MOST_PIXELS)
        return self._judge.verdict(source, file)

    def close(self) -> None:
        """Twice is fine."""
        self._stack.close()
