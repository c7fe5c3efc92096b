"""What only the web process of a bin has: state, events, the live tray, commands, and the pages that show them."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from edge.commands import REQUESTS, Answer, Command, parse
from edge.feed import Kind, Packet
from edge.web.asked import json_object, whole
from edge.web.guard import Guard
from edge.web.history import LAST_SEQ, History
from edge.web.limits import Limiter, Rate
from edge.web.passwords import too_many
from edge.web.problems import ApiError
from edge.web.view import View
from edge.wire import state_json

EVENTS = "text/event-stream"
ANSWER_WITHIN_S = 10.0  # a flap that is tested moves before it answers
MOST_BYTES = 2000
EXAMPLE = '{"compartment": "recycling"}'
COMMANDS = Rate(burst=8, per_s=0.8)  # fewer than the bin takes, see edge.admission: those of MQTT come through too
MOST_EVENTS, SOME_EVENTS = 200, 50  # of one answer, at most and unless asked
MOST_DAYS, SOME_DAYS = 365, 30


@dataclass(frozen=True, slots=True)
class BinParts:
    """send: a packet to the bin; False when it does not take it. card: the model card."""

    view: View
    history: History
    send: Callable[[Packet], bool]
    guard: Guard
    card: Path


def routes(parts: BinParts) -> list[BaseRoute]:
    """To be put before those of the API."""
    pages = _Pages(parts)
    read = parts.guard.reading
    return [
        Route("/api/v1/state", read(pages.state)),
        Route("/api/v1/events", read(pages.events)),
        Route("/api/v1/events/{event_id}/picture.jpg", read(pages.picture)),
        Route("/api/v1/stats", read(pages.stats)),
        Route("/api/v1/tray.jpg", read(pages.tray)),
        Route("/api/v1/live", read(pages.live)),
        Route("/api/v1/card", read(pages.card)),
        Route("/api/v1/commands/{name}", parts.guard.commanding(pages.command), methods=["POST"]),
    ]


class _Pages:
    def __init__(self, parts: BinParts) -> None:
        self._parts = parts
        self._limiter = Limiter(COMMANDS)

    async def state(self, _: Request) -> Response:
        if self._parts.view.state is None:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the bin has said nothing yet", headers={"Retry-After": "1"})
        return JSONResponse(self._parts.view.state)

    async def events(self, request: Request) -> Response:
        limit = whole(request, "limit", SOME_EVENTS, MOST_EVENTS, least=1)
        before = whole(request, "before_seq", 0, LAST_SEQ)
        events = self._parts.history.events(before or None, limit)
        return JSONResponse({"events": events, "next": events[-1]["seq"] if len(events) == limit else None})

    async def picture(self, request: Request) -> Response:
        return _jpeg(
            self._parts.view.pictures.get(request.path_params["event_id"]), "only of the last items it is kept"
        )

    async def stats(self, request: Request) -> Response:
        days = self._parts.history.days(whole(request, "days", SOME_DAYS, MOST_DAYS))
        return JSONResponse({"days": days, "items": sum(day["items"] for day in days)})

    async def tray(self, _: Request) -> Response:
        return _jpeg(await self._parts.view.tray.picture(), "the camera shows nothing now")

    async def card(self, _: Request) -> Response:
        try:
            text = self._parts.card.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = "This model has no card."
        return Response(text, media_type="text/markdown")

    async def live(self, request: Request) -> Response:
        if request.method == "HEAD":  # nothing is written, so nobody would notice that who asked has gone
            return Response(media_type=EVENTS)
        if self._parts.view.crowded:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "too many are watching", headers={"Retry-After": "30"})
        return StreamingResponse(self._parts.view.live(), media_type=EVENTS)

    async def command(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in REQUESTS:
            raise ApiError(HTTPStatus.NOT_FOUND, f"the commands are {', '.join(REQUESTS)}")
        wanted = await json_object(request, MOST_BYTES, EXAMPLE)
        if wait_s := self._limiter.wait_s("", time.monotonic()):
            raise too_many(wait_s)
        own = {"id": f"web-{uuid.uuid4()}", "time": datetime.now(UTC).isoformat()}
        payload = json.dumps({**wanted, **own}).encode()
        # the bin could not tell whose it is to what it cannot read
        found = parse(name, payload)
        answer = json.loads(state_json(found)) if isinstance(found, Answer) else await self._ask(found, payload)
        return JSONResponse(answer, HTTPStatus.OK if answer["ok"] else HTTPStatus.CONFLICT)

    async def _ask(self, command: Command, payload: bytes) -> dict[str, Any]:
        replies = self._parts.view.replies
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        replies[command.request.id] = waiting
        try:
            if self._parts.send(Packet(Kind.COMMAND, command.name.encode(), payload)):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await waiting
        except TimeoutError:
            pass
        finally:
            replies.pop(command.request.id, None)
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the bin does not answer; is it starting, or its camera away?")


def _jpeg(content: bytes | None, why_not: str) -> Response:
    if not content:
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no picture: {why_not}")
    return Response(content, media_type="image/jpeg")
