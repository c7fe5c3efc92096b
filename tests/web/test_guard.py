"""Who may look at a bin's page and who may command it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from edge.web.guard import Guard
from edge.web.passwords import Password
from edge.web.problems import ApiError, on_api_error


async def answer(_: Request) -> Response:
    return PlainTextResponse("fine")


def client(guard: Guard, address: str, host: str) -> TestClient:
    routes = [Route("/look", guard.reading(answer)), Route("/do", guard.commanding(answer), methods=["POST"])]
    app = Starlette(routes=routes, exception_handlers={ApiError: on_api_error})
    return TestClient(app, base_url=f"http://{host}", client=(address, 5000))


@pytest.mark.parametrize(
    ("address", "host", "password", "looking", "commanding"),
    [
        ("127.0.0.1", "localhost:8080", None, 200, 403),
        ("::1", "localhost", None, 200, 403),
        ("127.0.0.1", "evil.example", None, 403, 403),
        ("192.168.1.9", "bin.local", None, 403, 403),
        ("127.0.0.1", "localhost:8080", "sesame", 200, 401),
        ("127.0.0.1", "evil.example", "sesame", 401, 401),
        ("192.168.1.9", "bin.local", "sesame", 401, 401),
        ("192.168.1.9", "localhost", "sesame", 401, 401),
        ("nonsense", "localhost", "sesame", 401, 401),
    ],
)
def test_without_the_password(address: str, host: str, password: str | None, looking: int, commanding: int) -> None:
    guard = Guard(Password(password, lambda: 0.0) if password else None)
    asked = client(guard, address, host)
    assert (asked.get("/look").status_code, asked.post("/do").status_code) == (looking, commanding)


@pytest.mark.parametrize(
    ("host", "status"),
    [("LOCALHOST:8080", 200), ("[::1]:8080", 200), ("127.0.0.1", 200), ("", 403)]
    + [(f"a{odd}b.evil.example:8080", 403) for odd in '{`"_'],
)
def test_only_who_asks_by_a_name_of_this_computer_is_on_it(host: str, status: int) -> None:
    """Some that Starlette finds impossible, and takes for our own address, a browser sends as they are."""
    asked = client(Guard(None), "127.0.0.1", "127.0.0.1:8080")
    assert asked.get("/look", headers={"host": host}).status_code == status


def test_with_the_password_from_anywhere_but_not_from_a_page_of_another_site() -> None:
    asked = client(Guard(Password("sesame", lambda: 0.0)), "192.168.1.9", "bin.local")
    known = {"auth": ("", "sesame")}
    assert asked.get("/look", **known).status_code == 200  # type: ignore[arg-type] # as the client takes it
    assert asked.post("/do", **known).status_code == 200  # type: ignore[arg-type] # as above
    origins = (("http://bin.local", 200), ("http://evil.example", 403), ("null", 403), ("http://[", 403), ("", 403))
    for origin, status in origins:
        assert asked.post("/do", auth=("", "sesame"), headers={"origin": origin}).status_code == status
