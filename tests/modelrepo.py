"""A signed repository of tiny models, a web server that knows ranges, and a bin's side of it, for tests of updates."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from bin_process import config_text
from tinymodel import write_tiny_model

from convert.repository import Repository
from convert.signing import KeyFolder
from edge import chosen, config, manifest
from edge.adapters.model_keeper import ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.config import Settings
from edge.head import About, Head, to_bytes
from edge.lesson import Compared, Share
from edge.teach import Layer


class Publisher:
    """Who publishes: folder / repository, folder / keys."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.folder = folder
        self.files = folder / "repository"
        self.now = now or datetime.now(UTC)
        self.repository = self.at(timedelta())
        self.repository.begin()
        self.root = Path(shutil.copy(self.files / "root.json", folder / "root.json"))

    def at(self, later: timedelta) -> Repository:
        """The same repository at another time."""
        return Repository(self.files, KeyFolder(self.folder / "keys"), self.now + later)

    def add_head(self, content: bytes) -> str:
        """Publish a taught head; its name."""
        path = self.folder / "head.npz"
        path.write_bytes(content)
        return self.repository.add(path).package

    def add(self, version: str, **changes: Any) -> str:
        """Publish the tiny model under another version; the package's name."""
        model = write_tiny_model(self.folder / "models" / version, version=version, **changes)
        return self.repository.add(model).package


def head_for(model: Path, **changes: Any) -> bytes:
    """The file of a taught head that answers as the tiny model at `model` does."""
    described = manifest.load(model)
    compared = Compared(*[Share(1, 2)] * 4)
    fields: dict[str, Any] = {
        "model_sha256": described.sha256,
        "labels": described.labels,
        "temperature": 1.0,
        "made": "2026-11-26T12:00:00Z",
        "items": 50,
        "site": compared,
        "bank": compared,
    }
    count = len(described.labels)
    layer = Layer.unchanged(np.ones((count, 12), np.float32), np.zeros(count, np.float32))
    return to_bytes(Head(About(**{**fields, **changes}), layer))


class Server:
    """url, and what was asked. cut_after: bytes of a body after which the line breaks, once for each number."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.cut_after: list[int] = []
        self.ranges = True
        self.drips_s = 0.0  # between two bytes of a package
        self._http = _Http(("127.0.0.1", 0), partial(_Handler, self, directory=str(folder)))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """Twice is fine."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Somebody hung up: not to the terminal."""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer takes 40 ms

    def __init__(self, server_: Server, *args: Any, **kwargs: Any) -> None:
        self._to = server_
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self._to.asked.append((self.path, wanted))
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        begins = int(match[1]) if wanted and self._to.ranges and (match := re.match(r"bytes=(\d+)-$", wanted)) else 0
        if begins > len(content):
            self.send_error(416)
            return
        self.send_response(206 if begins else 200)
        if begins:
            self.send_header("Content-Range", f"bytes {begins}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begins))
        self.end_headers()
        cut = self._to.cut_after.pop(0) if self._to.cut_after and "/targets/" in self.path else None
        self._send(content[begins:] if cut is None else content[begins : begins + cut])
        if cut is not None:
            self.close_connection = True

    def _send(self, content: bytes) -> None:
        if not self._to.drips_s or "/targets/" not in self.path:
            self.wfile.write(content)
            return
        with suppress(ConnectionError):
            for number in range(len(content)):
                self.wfile.write(content[number : number + 1])
                time.sleep(self._to.drips_s)

    def log_message(self, format: str, *args: object) -> None:
        """Not to the terminal."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def bin_settings(folder: Path, url: str, root: Path, mode: str = "download", **update: object) -> Settings:
    """A bin with the tiny model as the shipped one, version 1.0.0."""
    shipped = write_tiny_model(folder / "model")
    (folder / "pictures").mkdir(exist_ok=True)
    text = config_text(shipped, folder / "pictures", 1, folder)
    wanted = {"mode": mode, "url": url, "root": str(root), **update}
    lines = [
        f"{key} = {value}" if isinstance(value, int | float) else f'{key} = "{value}"' for key, value in wanted.items()
    ]
    return config.parse(text + "\n[update]\n" + "\n".join(lines), {}, base=folder)


def store_of(settings: Settings) -> ModelStore:
    return ModelStore(settings.models_folder)


def works(settings: Settings) -> str:
    """Open the model as a start of the bin would; the version of what came up."""
    _, classifier = chosen.open_chosen(settings, ModelKeeper(store_of(settings)))
    try:
        return classifier.manifest.version
    finally:
        classifier.close()
