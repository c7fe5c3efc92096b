"""Who may look and who may command.

On the bin's own computer everybody may look: that is its kiosk. From elsewhere looking needs the password. Commanding
always does, and a page of another site cannot do it with the password that a browser remembers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from edge.settings.telling import OWN_NAMES
from edge.web.passwords import Password
from edge.web.problems import ApiError

Handler = Callable[[Request], Awaitable[Response]]

_PORT = re.compile(":[0-9]*$")
NO_PASSWORD = "commands are off: write web.password_file into the configuration"


class Guard:
    """password: None where none is set; then nobody but this computer can reach the page."""

    def __init__(self, password: Password | None) -> None:
        self._password = password

    def reading(self, handler: Handler) -> Handler:
        """The handler for who may look."""

        async def checked(request: Request) -> Response:
            if not _is_here(request):
                self._ask(request)
            return await handler(request)

        return checked

    def commanding(self, handler: Handler) -> Handler:
        """The handler for who may command."""

        async def checked(request: Request) -> Response:
            _same_site(request)
            if self._password is None:
                raise ApiError(HTTPStatus.FORBIDDEN, NO_PASSWORD)
            self._password.check(request)
            return await handler(request)

        return checked

    def _ask(self, request: Request) -> None:
        if self._password is None:
            raise ApiError(HTTPStatus.FORBIDDEN, "without a password this page is for its own computer: use localhost")
        self._password.check(request)


def is_loopback(address: str) -> bool:
    """Whether it is an address that leads from this computer to itself; a name is none."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _is_here(request: Request) -> bool:
    """By address and by name: a name of another site that leads here is a trick (DNS rebinding)."""
    local = request.client is not None and is_loopback(request.client.host)
    # as it came: for a name that request.url finds impossible it has our own address, and browsers do ask by some
    name = _PORT.sub("", request.headers.get("host", "")).lower().strip("[]")
    return local and name in OWN_NAMES


def _same_site(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise ApiError(HTTPStatus.FORBIDDEN, "a page of another site may not command this bin")
