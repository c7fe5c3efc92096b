"""Kept items over the API: pages of them, pictures, labels, two people at once, and what is asked wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from site_items import JPEG, opened, site_item
from starlette.applications import Starlette
from starlette.testclient import TestClient

from edge.web.captures import MOST_BYTES, MOST_CHANGES, Captures, Kept
from edge.web.guard import Guard
from edge.web.passwords import Password
from edge.web.problems import ApiError, on_api_error

HERE = "http://localhost"


@pytest.fixture
def captures(tmp_path: Path) -> Iterator[Captures]:
    made = Captures(Kept(opened(tmp_path / "captures"), ("glass", "paper"), "on"))
    yield made
    made.close()


@pytest.fixture
def client(captures: Captures) -> TestClient:
    routes = captures.routes(Guard(Password("sesame", lambda: 0.0)))
    app = Starlette(routes=routes, exception_handlers={ApiError: on_api_error})
    return TestClient(app, base_url=HERE, client=("127.0.0.1", 5000))


def fill(tmp_path: Path, items: int) -> list[str]:
    """Ids, the most useful first."""
    store = opened(tmp_path / "captures")
    made = [site_item(number, usefulness=number / items) for number in range(items)]
    for item in made:
        store.add(item, JPEG)
    store.close()
    return [item.item_id for item in reversed(made)]


def label(client: TestClient, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post("/api/v1/captures/labels", json={"changes": list(changes)}, auth=("", "sesame"))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def test_pages_come_with_the_most_useful_first_and_end(client: TestClient, tmp_path: Path) -> None:
    ids = fill(tmp_path, 7)
    told = client.get("/api/v1/captures?limit=3&labelled=false").json()
    pages = [told]
    while told["next"]:
        told = client.get(f"/api/v1/captures?limit=3&labelled=false&after={told['next']}").json()
        pages.append(told)
    assert [item["item_id"] for page in pages for item in page["items"]] == ids
    assert len(pages) == 3
    assert "embedding" not in told["items"][0]
    assert told["counts"].items() >= {"total": 7, "labelled": 0, "by_label": {}}.items()
    assert (told["labels"], told["mode"]) == (["glass", "paper"], "on")


def test_a_label_is_kept_counted_found_and_taken_away_again(client: TestClient, tmp_path: Path) -> None:
    first, second, *_ = fill(tmp_path, 3)
    cup, hand = {"item_id": first, "label": "cup", "revision": 0}, {"item_id": second, "label": "not-an-item"}
    assert [result["item"]["label"] for result in label(client, cup, hand)] == ["cup", "not-an-item"]
    (sidecar,) = (tmp_path / "captures").glob(f"*/{first}.json")
    kept = json.loads(sidecar.read_text())
    assert (kept["label"], kept["labelled_by"], kept["revision"]) == ("cup", "page", 1)
    told = client.get("/api/v1/captures?labelled=true&label=cup").json()
    assert [item["item_id"] for item in told["items"]] == [first]
    assert told["counts"]["by_label"] == {"cup": 1, "not-an-item": 1}
    assert told["labels"] == ["glass", "paper", "cup"]
    (undone,) = label(client, {"item_id": first, "label": None, "revision": 1})
    assert undone["item"]["label"] is None


def test_who_is_slower_is_told_what_it_is_now_and_the_others_go_through(client: TestClient, tmp_path: Path) -> None:
    first, second, third = fill(tmp_path, 3)
    label(client, {"item_id": first, "label": "glass", "revision": 0})
    store = opened(tmp_path / "captures")
    store.remove(second)
    store.close()
    changes = [{"item_id": item_id, "label": "paper", "revision": 0} for item_id in (first, second, third)]
    faster, evicted, fine = label(client, *changes)
    assert (faster["problem"]["status"], faster["item"]["label"], faster["item"]["revision"]) == (409, "glass", 1)
    assert (evicted["ok"], evicted["problem"]["status"]) == (False, 404)
    assert (fine["ok"], fine["item"]["label"]) == (True, "paper")


def test_a_label_that_can_be_none_is_refused_by_itself(client: TestClient, tmp_path: Path) -> None:
    first, *_ = fill(tmp_path, 1)
    for bad in ("", " glass", "a/b", "..", "x" * 61, "a\nb"):
        (told,) = label(client, {"item_id": first, "label": bad})
        assert (told["ok"], told["problem"]["status"]) == (False, 400)


def test_the_picture_is_the_one_that_was_kept(client: TestClient, tmp_path: Path) -> None:
    first, *_ = fill(tmp_path, 1)
    answer = client.get(f"/api/v1/captures/{first}/picture.jpg")
    assert (answer.content, answer.headers["content-type"]) == (JPEG, "image/jpeg")
    missing = client.get("/api/v1/captures/nothing/picture.jpg")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=201", "labelled=maybe", "after=x", "after=9" + "9" * 40 + "/x", "after=x/y"]
)
def test_what_cannot_be_asked_is_said(client: TestClient, tmp_path: Path, query: str) -> None:
    fill(tmp_path, 1)
    answer = client.get(f"/api/v1/captures?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"changes": []}', b'{"changes": [{"item_id": "../x", "label": null}]}',
        b'{"changes": [{"item_id": "a", "label": 3}]}', b'{"changes": [{"item_id": "a"}]}', b"[" * 30_000,
        json.dumps({"changes": [{"item_id": "a", "label": None}] * (MOST_CHANGES + 1)}).encode(),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/v1/captures/labels", content=body, auth=("", "sesame"))
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")


def test_a_body_that_is_too_large_is_a_problem(client: TestClient) -> None:
    answer = client.post("/api/v1/captures/labels", content=b"x" * (MOST_BYTES + 1), auth=("", "sesame"))
    assert answer.status_code == 413
    assert str(MOST_BYTES) in answer.json()["detail"]


def test_nothing_is_told_and_nothing_labelled_without_the_password(captures: Captures, tmp_path: Path) -> None:
    first, *_ = fill(tmp_path, 1)
    app = Starlette(
        routes=captures.routes(Guard(Password("sesame", lambda: 0.0))), exception_handlers={ApiError: on_api_error}
    )
    far = TestClient(app, base_url="http://bin.local", client=("192.168.1.9", 5000))
    assert far.get("/api/v1/captures").status_code == 401
    assert far.get(f"/api/v1/captures/{first}/picture.jpg").status_code == 401
    here = TestClient(app, base_url=HERE, client=("127.0.0.1", 5000))
    assert here.post("/api/v1/captures/labels", json={"changes": []}).status_code == 401


def test_a_bin_that_keeps_nothing_answers_and_makes_no_folder(client: TestClient, tmp_path: Path) -> None:
    told = client.get("/api/v1/captures").json()
    assert (told["items"], told["counts"]["total"]) == ([], 0)
    assert not (tmp_path / "captures").exists()
