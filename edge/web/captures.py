"""The items kept from the tray, to be labelled over the page: what there is, their pictures, and labels in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.adapters.site_store import SiteStore
from edge.errors import SiteConflictError, SiteError, SiteItemMissingError
from edge.site_item import ITEM_ID, NOT_AN_ITEM, to_dict
from edge.web.asked import json_object, one_of, whole
from edge.web.guard import Guard
from edge.web.problems import ApiError

MOST_ITEMS, SOME_ITEMS = 200, 60  # of one answer, at most and unless asked
MOST_CHANGES = 100
MOST_BYTES = 40_000
EXAMPLE = '{"changes": [{"item_id": "0198…", "label": "glass", "revision": 0}]}'
BY = "page"
Result = TypeVar("Result")


def _number(found: object) -> object:
    """Not true and not "1", which pydantic takes for numbers, but 1.0, which JSON does."""
    if isinstance(found, bool | str):
        raise ValueError("write a whole number")
    return found


class Change(BaseModel):
    """One label set or, with null, taken away. revision: the item's as it was seen; null overrules what there is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: Annotated[str, Field(pattern=ITEM_ID)]
    label: Annotated[str, Field(max_length=200)] | None
    revision: Annotated[int, Field(ge=0, le=2**31), BeforeValidator(_number)] | None = None


class Changes(BaseModel):
    """What is posted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=MOST_CHANGES)]


@dataclass(frozen=True, slots=True)
class Kept:
    """labels: those of the model, and those that it is to be taught. mode: of [capture]."""

    store: SiteStore
    labels: Sequence[str]
    mode: str


class Captures:
    """The disk is asked in a thread of its own, so that nobody waits for it who looks at something else. close() it."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._thread = ThreadPoolExecutor(1, "captures")

    def routes(self, guard: Guard) -> list[BaseRoute]:
        """Pictures of a tray are private: who may look at it may look at them, and who may command may label."""
        return [
            Route("/api/v1/captures", guard.reading(self.items)),
            Route("/api/v1/captures/labels", guard.commanding(self.label), methods=["POST"]),
            Route("/api/v1/captures/{item_id}/picture.jpg", guard.reading(self.picture)),
        ]

    async def items(self, request: Request) -> Response:
        """A page of them, and how many there are."""
        limit = whole(request, "limit", SOME_ITEMS, MOST_ITEMS, least=1)
        labelled = {None: None, "true": True, "false": False}[one_of(request, "labelled", ("true", "false"))]
        query = request.query_params
        return JSONResponse(
            await self._ask(lambda: self._page(query.get("after"), limit, labelled, query.get("label")))
        )

    async def picture(self, request: Request) -> Response:
        """The JPEG of one."""
        item_id = request.path_params["item_id"]
        return Response(await self._ask(lambda: self._kept.store.picture(item_id)), media_type="image/jpeg")

    async def label(self, request: Request) -> Response:
        """Each change by itself: what could not be done is told beside what was."""
        body = await json_object(request, MOST_BYTES, EXAMPLE)
        try:
            wanted = Changes.model_validate(body)
        except ValidationError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"the body is as {EXAMPLE}: {_explained(error)}") from error
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        results = await self._ask(lambda: [self._change(change, at) for change in wanted.changes])
        return JSONResponse({"results": results})

    def close(self) -> None:
        """Twice is fine."""
        self._thread.shutdown(cancel_futures=True)
        self._kept.store.close()

    def _page(self, after: str | None, limit: int, labelled: bool | None, label: str | None) -> dict[str, Any]:
        store = self._kept.store
        try:
            page = store.page(after, limit, labelled=labelled, label=label)
        except (ValueError, OverflowError) as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, "after: write the `next` of an earlier answer") from error
        counts = store.counts()
        used = [label for label in counts.by_label if label != NOT_AN_ITEM]
        return {
            "items": [to_dict(item, embedding=False) for item in page.items],
            "next": page.next,
            "counts": {
                "total": counts.total,
                "labelled": counts.labelled,
                "by_label": dict(counts.by_label),
                "bytes": counts.bytes,
            },
            "labels": list(dict.fromkeys([*self._kept.labels, *used])),
            "mode": self._kept.mode,
        }

    def _change(self, change: Change, at: str) -> dict[str, Any]:
        store, item_id = self._kept.store, change.item_id
        try:
            changed = store.label(item_id, change.label, BY, at, change.revision)
        except SiteConflictError as error:
            return self._conflict(item_id, error)
        except SiteItemMissingError as error:
            return _failed(item_id, HTTPStatus.NOT_FOUND, str(error))
        except SiteError as error:
            return _failed(item_id, HTTPStatus.INSUFFICIENT_STORAGE, str(error))
        except ValueError as error:
            return _failed(item_id, HTTPStatus.BAD_REQUEST, str(error))
        return {"item_id": item_id, "ok": True, "item": to_dict(changed, embedding=False)}

    def _conflict(self, item_id: str, error: SiteConflictError) -> dict[str, Any]:
        """With the item as it is now, for who was slower."""
        try:
            now = to_dict(self._kept.store.get(item_id), embedding=False)
        except SiteError as gone:
            return _failed(item_id, HTTPStatus.NOT_FOUND, str(gone))
        return {**_failed(item_id, HTTPStatus.CONFLICT, str(error)), "item": now}

    async def _ask(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except SiteItemMissingError as error:
            raise ApiError(HTTPStatus.NOT_FOUND, str(error)) from error
        except SiteError as error:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


def _failed(item_id: str, status: HTTPStatus, detail: str) -> dict[str, Any]:
    problem = {"title": status.phrase, "status": int(status), "detail": detail}
    return {"item_id": item_id, "ok": False, "problem": problem}


def _explained(error: ValidationError) -> str:
    """Without what was sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))[:64]}: {first['msg'][:200]}"
