"""What goes wrong during a soak. Each mishap ends by itself: afterwards everything is in its place again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from bin_process import BinProcess
from broker_fixtures import Mosquitto
from paho.mqtt import publish


@dataclass(frozen=True, slots=True)
class Stage:
    """Where mishaps happen. model: the model's folder."""

    bin: BinProcess
    broker: Mosquitto
    model: Path


Mishap = Callable[[Stage, Random], None]


def broker_killed(stage: Stage, random: Random) -> None:
    """kill -9, and back after a while."""
    stage.broker.kill()
    time.sleep(random.uniform(0.1, 3))  # how long the broker is away is the point, as in every sleep below
    stage.broker.start()


def broker_frozen(stage: Stage, random: Random) -> None:
    """It takes connections and acknowledges nothing."""
    os.kill(stage.broker.pid, signal.SIGSTOP)
    time.sleep(random.uniform(0.1, 3))
    os.kill(stage.broker.pid, signal.SIGCONT)


def reload(stage: Stage, _: Random) -> None:
    """The same configuration again: everything but the outbox is taken apart and put together."""
    stage.bin.terminate(signal.SIGHUP)


def bad_reload(stage: Stage, random: Random) -> None:
    """A configuration with a mistake, for a moment."""
    good = stage.bin.config.read_text()
    stage.bin.config.write_text(good + "\n[nonsense]\n")
    stage.bin.terminate(signal.SIGHUP)
    time.sleep(random.uniform(0.5, 2))
    stage.bin.config.write_text(good)


def model_damaged(stage: Stage, random: Random) -> None:
    """Another file in the model's place, for a moment."""
    path, spare = stage.model / "model.tflite", stage.model / "spare"
    path.rename(spare)
    path.write_bytes(random.randbytes(1000))
    time.sleep(random.uniform(0.1, 1))
    spare.replace(path)


def commands(stage: Stage, random: Random) -> None:
    """Right and wrong ones, more than are admitted."""
    now = datetime.now(UTC).isoformat()
    texts = [json.dumps({"id": f"soak-{random.getrandbits(64)}", "time": now}), "{}", "null", "[" * 500]
    names = ["pause", "status", "resume", "nonsense", "test-flap"]
    topics = [f"smartbin/e2e/cmd/{random.choice(names)}" for _ in range(20)] + ["smartbin/e2e/cmd/resume"]
    with suppress(OSError):  # the broker may be away
        publish.multiple(
            [{"topic": topic, "payload": random.choice(texts), "qos": 1} for topic in topics],
            port=stage.broker.port,
        )
    time.sleep(random.uniform(1, 2))  # until a command is admitted again
    with suppress(OSError):
        payload = json.dumps({"id": f"soak-{random.getrandbits(64)}", "time": now})
        publish.single("smartbin/e2e/cmd/resume", payload, qos=1, port=stage.broker.port)


def bin_killed(stage: Stage, random: Random) -> None:
    """kill -9 at any moment of an item, and started again."""
    time.sleep(random.uniform(0, 0.5))
    stage.bin.kill()
    stage.bin.start()


GENTLE: tuple[Mishap, ...] = (broker_killed, broker_frozen, reload, bad_reload, model_damaged, commands)
