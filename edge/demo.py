"""The demo: a bin without hardware, before your eyes. Its own outbox and broker, both gone at the end."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from edge import app, chosen, config, manifest
from edge.adapters.local_broker import LocalBroker, find_mosquitto
from edge.adapters.terminal_view import PlainView, RichView, Score
from edge.addresses import without_secrets
from edge.config import Settings
from edge.manifest import Manifest

CONFIG = Path(__file__).with_name("demo.toml")
INSTALL_MOSQUITTO = "Mosquitto is not installed, so the demo runs without MQTT (on Debian: sudo apt install mosquitto)."
CLEARED_BY_HAND_S = 30
FAST_S = 0.02  # how long a flap of the demo stays open when nobody wants to watch it


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; None leaves the demo's own."""

    images: Path | None = None
    camera: str | None = None
    model: Path | None = None
    plain: bool = False
    fast: bool = False
    loop: bool = False


def run(wishes: Wishes, environ: Mapping[str, str], should_stop: Callable[[], bool]) -> None:
    """Sort until the pictures end or the user stops it; then say how it went."""
    with tempfile.TemporaryDirectory(prefix="smartbin-demo-") as folder, _broker() as port:
        settings = settings_for(wishes, environ, Path(folder), port)
        model = manifest.load(settings.model.path)
        seen = settings.camera
        pictures = seen.path if seen.source == "replay" else without_secrets(f"camera {seen.device}")
        _say(f"model: {model.name}, pictures: {pictures}")
        with _view(settings, model, wishes.plain) as view:
            app.run(settings, environ, should_stop, [view.watch], show_pulses=False)


def settings_for(wishes: Wishes, environ: Mapping[str, str], folder: Path, port: int | None) -> Settings:
    """The demo's configuration with the user's wishes on top, given as the environment would give them."""
    wanted: dict[str, Any] = {"OUTBOX__PATH": folder / "outbox.db", "MQTT__ENABLED": str(port is not None).lower()}
    if port is not None:
        wanted |= {"MQTT__HOST": "127.0.0.1", "MQTT__PORT": port}
    if wishes.images is not None:
        wanted["CAMERA__PATH"] = wishes.images.resolve()
    if wishes.camera is not None:
        # an item on a table does not fall: it is no jam before a hand had time to take it away
        wanted |= {"CAMERA__SOURCE": "opencv", "CAMERA__DEVICE": wishes.camera, "TRIGGER__CLEAR_S": CLEARED_BY_HAND_S}
    if wishes.model is not None:
        wanted["MODEL__PATH"] = wishes.model.resolve()
    wanted |= {"CAMERA__PACE": "fast" if wishes.fast else "real", "CAMERA__LOOP": str(wishes.loop).lower()}
    overrides = {f"{config.ENV_PREFIX}{key}": str(value) for key, value in wanted.items()}
    settings = config.load(CONFIG, {**environ, **overrides})
    if wishes.model is not None:
        settings = chosen.to_try(settings, settings.model.path, _say)
    return hurried(settings) if wishes.fast else settings


def hurried(settings: Settings) -> Settings:
    """The same bin with flaps that nobody waits for."""
    quick = {"open_s": FAST_S, "settle_s": FAST_S}
    compartments = {name: c.model_copy(update=quick) for name, c in settings.compartments.items()}
    return settings.model_copy(update={"compartments": compartments})


def _view(settings: Settings, model: Manifest, plain: bool) -> PlainView | RichView:
    score = Score(model.labels, settings.routes)
    if plain:
        logging.getLogger().setLevel(logging.WARNING)  # the view has a line for every item
        return PlainView(sys.stdout, score)
    logging.getLogger().setLevel(logging.CRITICAL)  # log lines would tear the screen; faults are shown on it
    compartments = {name: compartment.labels for name, compartment in settings.compartments.items()}
    return RichView(Console(), score, compartments, time.monotonic)


@contextmanager
def _broker() -> Iterator[int | None]:
    program = find_mosquitto()
    if program is None:
        _say(INSTALL_MOSQUITTO)
        yield None
        return
    with LocalBroker(program) as broker:
        if broker.trouble is not None:
            _say(f"The demo runs without MQTT: {broker.trouble}")
            yield None
            return
        _say(
            f"events go to a Mosquitto of the demo's own; watch them: mosquitto_sub -p {broker.port} -v -t 'smartbin/#'"
        )
        yield broker.port


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
