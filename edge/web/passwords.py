"""HTTP Basic with one password: compared in constant time, guesses rate-limited by address."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request

from edge.web.limits import Limiter, Rate
from edge.web.problems import ApiError

GUESSES = Rate(burst=5, per_s=0.2)
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="smart bin", charset="UTF-8"'}


class Password:
    """check(request) raises ApiError unless the request carries the password. The user's name does not matter."""

    def __init__(self, password: str, monotonic_s: Callable[[], float]) -> None:
        self._password = password.encode()
        self._monotonic_s = monotonic_s
        self._guesses = Limiter(GUESSES)

    def check(self, request: Request) -> None:
        """Raises ApiError 401, or 429 for an address that guesses, and then whatever it gives: else it could go on."""
        given = _given(request.headers.get("authorization", ""))
        if given is not None:
            address, now_s = address_of(request), self._monotonic_s()
            if wait_s := self._guesses.until_s(address, now_s):
                raise too_many(wait_s)
            if hmac.compare_digest(given, self._password):
                return
            self._guesses.wait_s(address, now_s)
        raise ApiError(HTTPStatus.UNAUTHORIZED, "this needs the password (HTTP Basic)", headers=_CHALLENGE)


def address_of(request: Request) -> str:
    """The client's address, for limits."""
    return request.client.host if request.client else "unknown"


def too_many(wait_s: float) -> ApiError:
    """429, with the time to wait."""
    seconds = max(1, round(wait_s))
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"too many requests; ask again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


def _given(header: str) -> bytes | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
