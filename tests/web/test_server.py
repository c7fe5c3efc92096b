"""The API as an application: what it answers to what is right, wrong, too much, and meant badly."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from edge import manifest
from edge.adapters.listening import listen
from edge.adapters.password_file import read_password
from edge.classify import Judge
from edge.decision import Policy
from edge.errors import ConfigError, ModelError
from edge.manifest import Manifest
from edge.ports import Classifier
from edge.testing import FakeClassifier, FakeClock, prediction_for
from edge.web.asking import Asker
from edge.web.counting import Counts
from edge.web.limits import Rate
from edge.web.passwords import Password
from edge.web.patience import PatientProtocol
from edge.web.problems import ApiError
from edge.web.server import Services, create
from edge.web.serving import Server, configured
from edge.web.uploads import Room, Upload, uploads

PLENTY = Rate(burst=1000, per_s=1000)
MakeClient = Callable[..., TestClient]


@pytest.fixture
def model(tiny_model: Path) -> Manifest:
    return manifest.load(tiny_model)


def judge(model: Manifest, classifier: Classifier) -> Judge:
    policy = Policy(model.labels, dict.fromkeys(model.labels, "recycling"), default="landfill")
    return Judge(classifier, policy, model.id, 0.0)


@pytest.fixture
def client(model: Manifest) -> Iterator[MakeClient]:
    askers = []

    def make(
        classifier: Classifier | None = None,
        *,
        password: Password | None = None,
        rate: Rate = PLENTY,
        waiting: int = 32,
    ) -> TestClient:
        glass = FakeClassifier([prediction_for(model.labels.index("glass"), len(model.labels))])
        asker = Asker(judge(model, classifier or glass), waiting)
        askers.append(asker)
        services = Services(asker, model, Counts(model.id), rate, password)
        return TestClient(create(services), raise_server_exceptions=False)

    yield make
    for asker in askers:
        asker.close()


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["detail"]
    return document


def test_a_picture_as_body_or_in_a_form_is_one_verdict_several_are_a_list(client: MakeClient) -> None:
    asked = client()
    raw = asked.post("/api/v1/classify", content=png()).json()
    assert (raw["outcome"], raw["label"], raw["compartment"], raw["file"]) == ("sorted", "glass", "recycling", "image")
    assert raw["top"][0] == {"label": "glass", "p": raw["confidence"]}
    form = asked.post("/api/v1/classify", files={"file": ("a.png", png())}).json()
    assert form == {**raw, "file": "a.png"}
    both = asked.post("/api/v1/classify", files=[("file", ("a.png", png())), ("file", ("b.txt", b"no picture"))])
    assert both.status_code == 200
    assert [(v["file"], v["outcome"]) for v in both.json()] == [("a.png", "sorted"), ("b.txt", "rejected")]


@pytest.mark.parametrize(
    ("charset", "name", "status"),
    [("latin-1", b"\xe4.png", 200), ("no-such", b"a.png", 200), ("unicode_escape", b"\\ud800.png", 200)]
    + [(odd, b"a.png", 400) for odd in ("undefined", "punycode", "a\0b")],
)
def test_no_charset_of_a_form_is_the_servers_fault(client: MakeClient, charset: str, name: bytes, status: int) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    kind = {"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
    answer = client().post("/api/v1/classify", content=head + png() + b"\r\n--b--\r\n", headers=kind)
    if status == 200:
        assert answer.json()["file"].endswith(".png"), answer.text
    else:
        problem(answer, status)


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 100 million pixels."""
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("content", [b"no picture", png()[:40], bomb()], ids=["text", "cut off", "bomb"])
def test_what_is_no_picture_is_a_problem_and_a_verdict(client: MakeClient, content: bytes) -> None:
    told = problem(client().post("/api/v1/classify", content=content), 415)
    assert told["outcome"] == "rejected"
    assert told["reason"] == told["detail"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({}, 400),
        ({"content": b""}, 400),
        ({"data": {"picture": "x"}, "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"files": {"picture": ("a.png", b"x")}}, 400),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"files": [("file", ("a.png", b"x"))] * 21}, 400),
        ({"content": b"x" * 10_000_001}, 413),
        ({"files": {"file": ("a.png", b"x" * 10_000_001)}}, 413),
    ],
)
def test_a_request_that_is_wrong_is_told_what_is_wrong(
    client: MakeClient, arguments: dict[str, Any], status: int
) -> None:
    problem(client().post("/api/v1/classify", **arguments), status)


def test_paths_and_methods_that_are_not_there(client: MakeClient) -> None:
    asked = client()
    for path in (
        "/nothing",
        "/pages/../server.py",
        "/pages/%2e%2e/server.py",
        "/pages//etc/passwd",
        "/api/v1/classify/x",
    ):
        problem(asked.get(path), 404)
    assert problem(asked.get("/api/v1/classify"), 405)
    assert asked.get("/api/v1/classify").headers["allow"] == "POST"


def test_one_address_asks_so_often_and_no_more(client: MakeClient) -> None:
    asked = client(rate=Rate(burst=2, per_s=0.01))
    answers = [asked.post("/api/v1/classify", content=png()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1


def test_a_model_that_fails_is_a_problem_and_the_next_picture_is_answered(client: MakeClient, model: Manifest) -> None:
    asked = client(FakeClassifier([ModelError("it answered NaN"), prediction_for(0, len(model.labels))]))
    assert problem(asked.post("/api/v1/classify", content=png()), 500)["detail"] == "it answered NaN"
    assert asked.post("/api/v1/classify", content=png()).status_code == 200


def test_the_queue_is_short_and_whoever_finds_it_full_is_told_to_come_back(model: Manifest) -> None:
    async def flood() -> list[object]:
        asker = Asker(judge(model, FakeClassifier([prediction_for(0, len(model.labels))])), most_waiting=3)
        try:
            asks = (asker.verdicts([Upload("a", png())]) for _ in range(50))
            return await asyncio.gather(*asks, return_exceptions=True)
        finally:
            asker.close()

    answers = asyncio.run(flood())
    refused = [answer for answer in answers if isinstance(answer, ApiError)]
    assert len(refused) == 47
    assert {answer.status for answer in refused} == {503}


def test_a_client_that_sends_slowly_is_given_up() -> None:
    async def wait() -> None:
        async def receive() -> Message:
            await asyncio.sleep(60)
            raise AssertionError

        scope = {"type": "http", "method": "POST", "headers": []}
        await uploads(Request(scope, receive), within_s=0.01)

    with pytest.raises(ApiError, match="did not arrive within") as caught:
        asyncio.run(wait())
    assert caught.value.status == 408


def test_what_is_uploaded_at_a_time_is_bounded_and_its_room_is_given_back() -> None:
    room = Room(most_bytes=10)
    with room.shared() as one, room.shared() as other:
        one(8)
        with pytest.raises(ApiError, match="ask again") as caught:
            other(3)
        other(2)
    assert caught.value.status == 503
    with room.shared() as again:
        again(10)


def test_who_sends_slowly_leaves_places_for_others_and_they_are_given_back() -> None:
    room = Room(most_sending=2)
    with room.shared(), room.shared(), pytest.raises(ApiError, match="ask again") as caught, room.shared():
        pass
    assert caught.value.status == 503
    with room.shared(), room.shared():
        pass


async def until_closed(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(20):
        heard = await reader.read()
    writer.close()
    await writer.wait_closed()
    return heard


@pytest.mark.parametrize(
    "said", [b"", b"GET /healthz HTTP/1.1\r\nHost: b", b"GET / HTTP/1.1\r\nHost: b\r\n\r\nGET /he"]
)
def test_a_connection_that_says_too_little_is_ended(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def home(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("fine")(scope, receive, send)

    async def ask() -> bytes:
        with listen("127.0.0.1", 0, "port") as listener:
            server = Server(configured(home), lambda: None)
            serving = asyncio.create_task(server.serve([listener]))
            try:
                return await until_closed(listener.getsockname()[1], said)
            finally:
                server.should_exit = True
                await serving

    monkeypatch.setattr(PatientProtocol, "headers_within_s", 0.1)
    assert asyncio.run(ask()).count(b"200 OK") == said.count(b"\r\n\r\n")


def test_what_is_told_does_not_wait_for_what_was_told_before() -> None:
    with listen("127.0.0.1", 0, "port") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_client_that_goes_away_is_no_error_of_ours() -> None:
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    with pytest.raises(ApiError, match="ended early"):
        asyncio.run(uploads(Request({"type": "http", "method": "POST", "headers": []}, receive)))


# Password


def test_with_a_password_nothing_but_health_and_metrics_is_open(client: MakeClient) -> None:
    asked = client(password=Password("sesame", lambda: 0.0))
    assert asked.get("/healthz").status_code == asked.get("/metrics").status_code == 200
    for answer in (asked.post("/api/v1/classify", content=png()), asked.get("/api/v1/model")):
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert asked.get("/api/v1/model", auth=("anybody", "sesame")).status_code == 200


def test_guessing_is_slow_also_for_the_guess_that_is_right(client: MakeClient) -> None:
    clock = FakeClock()
    asked = client(password=Password("sesame", clock))
    for _ in range(20):
        assert asked.get("/api/v1/model", auth=("", "sesame")).status_code == 200, "who knows it is not counted"
    guesses = [asked.get("/api/v1/model", auth=("", str(number))).status_code for number in range(7)]
    assert guesses == [401] * 5 + [429] * 2
    assert asked.get("/api/v1/model", auth=("", "sesame")).status_code == 429
    clock.now_s += 5.0
    assert asked.get("/api/v1/model", auth=("", "sesame")).status_code == 200


def test_a_password_is_compared_by_what_takes_as_long_whatever_is_wrong_with_it(
    client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else decides, as a `==` before it would."""
    asked, compared = client(password=Password("sesame", lambda: 0.0)), list[tuple[bytes, bytes]]()

    def never(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return False

    monkeypatch.setattr("edge.web.passwords.hmac.compare_digest", never)
    for given in ("sesame", "s", ""):
        assert asked.get("/api/v1/model", auth=("", given)).status_code == 401
    assert compared == [(given, b"sesame") for given in (b"sesame", b"s", b"")]


@pytest.mark.parametrize("header", ["Basic", "Basic ###", "Bearer sesame", "Basic c2VzYW1l"])
def test_a_header_that_is_no_password_is_refused(client: MakeClient, header: str) -> None:
    asked = client(password=Password("sesame", lambda: 0.0))
    problem(asked.get("/api/v1/model", headers={"authorization": header}), 401)


def test_a_password_file_must_have_one(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_password(path)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="first line is empty"):
        read_password(path)
    path.write_text("sesame\nand a remark\n")
    assert read_password(path) == "sesame"


# What is shown


def test_every_page_and_file_comes_from_here_with_strict_headers(client: MakeClient) -> None:
    asked = client()
    for path in ("/", "/docs", "/pages/app.css", "/pages/try.js", "/pages/texts.en.json"):
        answer = asked.get(path)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert "https://" not in answer.text


def test_a_page_is_told_the_language_where_it_is_not_the_browsers(model: Manifest) -> None:
    services = Services(Asker(judge(model, FakeClassifier([]))), model, Counts(model.id), PLENTY)
    for path in ("/", "/docs"):
        assert "data-language" not in TestClient(create(services)).get(path).text
        assert '<html data-language="de" lang="en">' in TestClient(create(services, language="de")).get(path).text


def test_metrics_count_what_was_answered(client: MakeClient) -> None:
    asked = client()
    asked.post("/api/v1/classify", content=png())
    asked.post("/api/v1/classify", content=b"x")
    text = asked.get("/metrics").text
    assert 'smartbin_classify_pictures_total{label="glass",outcome="sorted"} 1.0' in text
    assert 'smartbin_classify_pictures_total{label="",outcome="rejected"} 1.0' in text
    assert "smartbin_classify_seconds_count 2.0" in text


def test_the_model_is_told_as_its_manifest_says(client: MakeClient, model: Manifest) -> None:
    assert client().get("/api/v1/model").json() == json.loads(model.model_dump_json(by_alias=True))
