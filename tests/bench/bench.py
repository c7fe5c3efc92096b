"""What the bin costs, measured here and now: `make bench`. Arguments are those of `smartbin bench`.

loop: one frame of 640 x 480 through trigger, cycle, delivery and reporter, without the classifier.
start: from the start of `smartbin run` to READY=1. memory: its peak while sorting.
stop: from SIGTERM to the end, the slowest of ten at random moments of an item, half of them with a frozen broker.
idle: the processor's time while nothing lies on the tray. card: what sorting writes to the disk (cards wear).
Then `smartbin bench` with the shipped model and, where the packages of the extra "bench" are installed, both networks
in the format of every runtime; they are made in build/bench the first time, and the chart is drawn there.
"""

from __future__ import annotations

import importlib.util
import os
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bin_process import BinProcess, coloured_pictures, config_text
from broker_fixtures import PROGRAM, Mosquitto
from tinymodel import COLOURS, write_tiny_model

from edge import chosen, cli, config, demo, fittings
from edge.adapters.no_publisher import NoPublisher
from edge.adapters.replay import ReplayCamera
from edge.adapters.sqlite_outbox import SqliteOutbox
from edge.adapters.systemd_notify import SystemdNotifier
from edge.config import Settings
from edge.delivery import Delivery
from edge.images import read_image
from edge.loop import Sorter
from edge.model import Fault, ModelId
from edge.parts import Clock, Parts
from edge.preprocess import small_luma
from edge.presence import Settings as PresenceSettings
from edge.presence import VisionTrigger
from edge.reporter import Reporter
from edge.state import BinState, Health
from edge.testing import FakeClassifier, FakeFlap

BUILD = Path(__file__).resolve().parents[2] / "build" / "bench"


def main() -> int:
    """Print one line a figure, then the tables."""
    with tempfile.TemporaryDirectory() as folder:
        settings = config.load(demo.CONFIG, {**os.environ, "SMARTBIN_OUTBOX__PATH": f"{folder}/outbox.db"})
        loop_ms, worst_ms = loop_cost(settings, Path(folder))
        print(f"loop    {loop_ms:6.2f} ms a frame (median; 99th percentile {worst_ms:.2f} ms), classifier left out")
        ready_s, peak_mb = start_and_memory(settings, Path(folder))
        print(f"start   {ready_s:6.2f} s from exec to READY")
        print(f"memory  {peak_mb:6.0f} MB peak of `smartbin run` over the sample frames", flush=True)
        print(f"stop    {slowest_stop_s(Path(folder)):6.2f} s from SIGTERM to the end, the slowest of ten", flush=True)
        print(f"idle    {idle_share(Path(folder)):6.1%} of one core at 10 frames a second, 640 x 480", flush=True)
        print(f"card    {written_kb(Path(folder)):6.0f} kB written per 1,000 items, each published at once", flush=True)
    made = made_formats()
    models = map(str, [settings.model.path, *made])
    return cli.main(["bench", *models, "--plot", str(BUILD / "ratios.svg"), *sys.argv[1:]])


def made_formats() -> list[Path]:
    """Folders with the same network for every runtime; what cannot be made is said on stderr and left out."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if all(importlib.util.find_spec(name) for name in ("keras", "tf2onnx", "onnxruntime")):
        # in a process of its own: TensorFlow stays out of this one
        subprocess.run([sys.executable, "-m", "convert.formats", str(BUILD)], check=False)
    else:
        print("only the shipped model: for the other formats pip install 'smart-bin[bench]'", file=sys.stderr)
    return sorted(path for path in BUILD.iterdir() if (path / "int8.tflite").is_file())


def loop_cost(settings: Settings, folder: Path) -> tuple[float, float]:
    """Median and 99th percentile, in ms, over the sample frames."""
    assert settings.camera.path is not None
    camera = ReplayCamera(settings.camera.path, pace="fast")
    camera.open()
    model = chosen.open_classifier(settings)
    # a real answer, with all that a decision looks at
    answer = model.classify(read_image(next(settings.camera.path.glob("*.jpg"))))
    outbox = SqliteOutbox(folder / "bench.db", 50_000_000)
    delivery = Delivery(outbox, NoPublisher())
    notifier = SystemdNotifier({})
    reporter = Reporter(
        BinState("bench", ModelId("none", "0", ""), "0"),
        publish=lambda state: None,
        notifier=notifier,
        queue=outbox.stats,
        health=Health,
        now_s=time.monotonic(),
    )
    ids = iter(range(1_000_000))
    parts = Parts(
        camera=camera,
        trigger=VisionTrigger(PresenceSettings()),
        classifier=FakeClassifier([answer]),
        flap=FakeFlap(),
        outbox=outbox,
        delivery=delivery,
        reporter=reporter,
        notifier=notifier,
        policy=chosen.policy_for(settings, model.manifest),
        rules=fittings.rules_for(settings, model.manifest),
        model=model.manifest.id,
        clock=Clock(time.monotonic, fittings.wall_time, lambda: True),
        new_id=lambda: f"bench-{next(ids)}",
    )
    sorter, took_ms = Sorter(parts), []
    for seen in camera.frames():
        assert not isinstance(seen, Fault)
        started_s = time.perf_counter()
        small_luma(seen.rgb)  # the replay made it already; a live camera makes it once a frame
        sorter.handle(seen)
        delivery.tick(time.monotonic())
        reporter.tick(time.monotonic())
        took_ms.append((time.perf_counter() - started_s) * 1000)
    outbox.close()
    model.close()
    return statistics.median(took_ms), float(np.percentile(took_ms, 99))


def start_and_memory(settings: Settings, folder: Path) -> tuple[float, float]:
    """Seconds to READY=1 and peak resident MB of a real `smartbin run`."""
    address = str(folder / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(60)
        environ = {
            **os.environ,
            "NOTIFY_SOCKET": address,
            "SMARTBIN_CAMERA__PACE": "fast",
            "SMARTBIN_OUTBOX__PATH": str(folder / "run.db"),
        }
        command = [sys.executable, "-m", "edge", "run", "--config", str(demo.CONFIG)]
        started_s = time.monotonic()
        process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
        while b"READY=1" not in listener.recv(4096):
            pass
        ready_s = time.monotonic() - started_s
        process.wait(timeout=600)
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return ready_s, peak_kb / 1024


def slowest_stop_s(folder: Path, stops: int = 10) -> float:
    """Of a bin that sorts; NaN without Mosquitto."""
    if PROGRAM is None:
        return float("nan")
    home, took_s = folder / "stop", 0.0
    home.mkdir()
    broker = Mosquitto(str(PROGRAM), home / "mosquitto")
    text = config_text(
        write_tiny_model(home / "model"), coloured_pictures(home / "pictures", 1), broker.port, home, loop=True
    )
    bin_ = BinProcess(home, text.replace("open_s = 0.03\nsettle_s = 0.02\n", ""))
    for number in range(stops):
        broker.start()
        bin_.start()
        bin_.wait_for_items(bin_.items + 1)
        if number % 2:
            os.kill(broker.pid, signal.SIGSTOP)
        time.sleep(random.uniform(0.0, 1.2))  # a random moment of an item
        began_s = time.monotonic()
        bin_.terminate()
        bin_.wait()
        took_s = max(took_s, time.monotonic() - began_s)
        broker.kill()
    return took_s


def idle_share(folder: Path, seconds: float = 20.0) -> float:
    """Of one core, while the camera shows an empty tray at its own pace."""
    picture = folder / "tray" / "metal" / "grey.png"  # of the tray's own colour: nothing to see
    picture.parent.mkdir(parents=True)
    Image.fromarray(np.full((120, 160, 3), COLOURS["metal"], np.uint8)).save(picture)
    text = config_text(write_tiny_model(folder / "idle-model"), picture.parents[1], 1, folder / "idle", loop=True)
    (folder / "idle").mkdir()
    bin_ = BinProcess(
        folder / "idle", text.replace('pace = "fast"', 'pace = "real"').replace("[mqtt]", "[mqtt]\nenabled = false")
    )
    bin_.start()
    time.sleep(8)  # what a start costs is over
    before_s, began_s = processor_s(bin_.pid), time.monotonic()
    time.sleep(seconds)
    share = (processor_s(bin_.pid) - before_s) / (time.monotonic() - began_s)
    bin_.kill()
    return share


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def written_kb(folder: Path, items: int = 200) -> float:
    """Per 1,000 items, as the kernel counts it; NaN without Mosquitto."""
    if PROGRAM is None:
        return float("nan")
    (folder / "card").mkdir()
    broker = Mosquitto(str(PROGRAM), folder / "card" / "mosquitto")
    broker.start()
    pictures = coloured_pictures(folder / "card" / "pictures", 2)
    text = config_text(write_tiny_model(folder / "card" / "model"), pictures, broker.port, folder / "card", loop=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:  # the log: a service's goes to the journal
        bin_ = BinProcess(Path(memory), text)
        bin_.start()
        bin_.wait_for_items(20)
        before, first = written(bin_.pid), bin_.items
        bin_.wait_for_items(first + items)
        after, last = written(bin_.pid), bin_.items
        bin_.kill()
    broker.stop()
    return (after - before) / (last - first)


def written(pid: int) -> int:
    """Bytes that a process has sent to the disk; what it wrote into memory file systems does not count."""
    return int(dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())["write_bytes"])


if __name__ == "__main__":
    sys.exit(main())
