"""Where a repository's files come from: a web server, or a folder such as a USB stick's. Fetchers for python-tuf.

What they bring is not to be trusted before it was verified.
"""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from edge.version import VERSION

CHUNK = 64 * 1024
CONNECT_S, SILENT_S, PAUSE_S = 20.0, 30.0, 0.5
PATIENCE_S, LEAST_BYTES_A_S = 60.0, 500  # who sends less keeps a bin waiting for ever
_RANGE = re.compile(r"bytes (\d+)-")
AWAY = "{base} cannot be reached ({error}); check the network and update.url"
CERTIFICATE = "{base} shows a certificate that does not hold ({error}); check the clock (`timedatectl`) and update.url"
DRIPS = "{base} sends {rate:.0f} bytes a second; too slow to wait for. The next run goes on from here"
NO_FOLDER = "{base} is not there; plug the stick in and mount it, or correct update.url; the next run goes on"
NO_FILE = "{path} is a folder, a device or a pipe, not a file; copy the repository to the stick again"
FOLDER_AWAY = "{path} cannot be read ({error}); was the stick pulled out? The next run goes on from here"


class WebFiles(FetcherInterface):
    """Files of a web server. base: https://..."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._pool = urllib3.PoolManager(
            headers={"User-Agent": f"smart-bin/{VERSION}"},
            timeout=urllib3.Timeout(connect=CONNECT_S, read=SILENT_S),
            retries=urllib3.Retry(2, backoff_factor=PAUSE_S, raise_on_status=False),
        )

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self.read_from(url, 0)[1]

    def read_from(self, url: str, start: int) -> tuple[int, Iterator[bytes]]:
        """The bytes from `start` on, or all of them: the first is where they begin. Raises DownloadError."""
        headers = {**self._pool.headers, **({"Range": f"bytes={start}-"} if start else {})}
        try:
            answer = self._pool.request("GET", url, headers=headers, preload_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise self._trouble(error) from error
        self._answer = answer
        if answer.status == 416 and start:
            answer.close()
            return self.read_from(url, 0)
        if answer.status not in (200, 206):
            answer.close()
            raise DownloadHTTPError(f"{url}: the server answers {answer.status}", answer.status)
        begins = _RANGE.match(answer.headers.get("Content-Range", "")) if answer.status == 206 else None
        return int(begins[1]) if begins else 0, self._chunks(answer)

    def _chunks(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        began_s, taken = time.monotonic(), 0
        try:
            while chunk := answer.read1(CHUNK):  # what has come, so that a broken line loses nothing
                yield chunk
                taken += len(chunk)
                passed_s = time.monotonic() - began_s
                if passed_s > PATIENCE_S and taken < LEAST_BYTES_A_S * passed_s:
                    raise DownloadError(DRIPS.format(base=self.base, rate=taken / passed_s))
        except urllib3.exceptions.HTTPError as error:
            raise self._trouble(error) from error
        finally:
            answer.close()

    def close(self) -> None:
        """Hang up, also where an answer was not read to its end."""
        if self._answer is not None:
            self._answer.close()
        self._pool.clear()

    def _trouble(self, error: urllib3.exceptions.HTTPError) -> DownloadError:
        reason = getattr(error, "reason", None) or error
        told = CERTIFICATE if isinstance(reason, urllib3.exceptions.SSLError) else AWAY
        return DownloadError(told.format(base=self.base, error=reason))


class FolderFiles(FetcherInterface):
    """Files of a folder. base: its path."""

    def __init__(self, base: str) -> None:
        self.base = base

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self.read_from(url, 0)[1]

    def read_from(self, url: str, start: int) -> tuple[int, Iterator[bytes]]:
        """As WebFiles has it."""
        if not Path(self.base, "metadata").is_dir():
            raise DownloadError(NO_FOLDER.format(base=self.base))
        try:
            status = Path(url).stat()
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{url} is not there", 404) from error
        except OSError as error:
            raise _unreadable(url, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise DownloadError(NO_FILE.format(path=url))  # reading a pipe would wait for ever
        begins = start if start <= status.st_size else 0
        return begins, self._chunks(url, begins)

    def close(self) -> None:
        """Nothing is held."""

    def _chunks(self, url: str, begins: int) -> Iterator[bytes]:
        try:
            with Path(url).open("rb") as file:
                file.seek(begins)
                while chunk := file.read(CHUNK):
                    yield chunk
        except OSError as error:
            raise _unreadable(url, error) from error


def files_of(base: str) -> WebFiles | FolderFiles:
    """base: as update.url has it."""
    return WebFiles(base) if "://" in base else FolderFiles(base)


def _unreadable(path: str, error: OSError) -> DownloadError:
    return DownloadError(FOLDER_AWAY.format(path=path, error=error.strerror))
