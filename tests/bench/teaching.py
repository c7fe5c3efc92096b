"""What a lesson takes: time and memory of `smartbin teach`, size of the bank and of a head.

    python tests/bench/teaching.py [--model DIR] [--items 500]

The items are the bank's own features, moved as another camera moves them; their pictures are noise. Once with what the
model saw in them kept beside them, as a bin keeps it, once without, as after an update of the model.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from edge import manifest
from edge.adapters.head_store import HeadStore
from edge.adapters.site_store import SiteStore
from edge.demo import CONFIG
from edge.ids import uuid7
from edge.site_item import Embedding, SiteItem, Why
from edge.snapshot import jpeg

MODEL = CONFIG.parents[1] / "models" / "garbage10-efficientnet-lite2"
SHIFT = 1.5  # of a feature's own spread


def main() -> int:
    """A table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL, metavar="DIR")
    parser.add_argument("--items", type=int, default=500, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name, embedded in (("embeddings kept", True), ("from their pictures", False)):
            folder = Path(scratch) / name
            _fill(folder / "captures", options.model, options.items, embedded)
            took_s, head_bytes = _taught(folder, options.model)
            print(f"{options.items} items, {name}: {took_s:.1f} s, head {head_bytes / 1000:.0f} kB")
    most_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(f"memory at most {most_mb:.0f} MB; bank {(options.model / 'bank.npz').stat().st_size / 1e6:.2f} MB")
    return 0


def _fill(folder: Path, model: Path, items: int, embedded: bool) -> None:
    described = manifest.load(model)
    bank = manifest.load_bank(model, described)
    assert bank is not None, "a model that is to be taught has one"
    random = np.random.default_rng(0)
    chosen = random.choice(len(bank.truth), items)
    shift = random.normal(0, SHIFT, bank.features.shape[1]) * bank.features.std(axis=0)
    seen = np.maximum(bank.features[chosen] + shift.astype(np.float32), 0)
    with closing(SiteStore(folder, 10**9, 0.9)) as store:
        for number, (features, truth) in enumerate(zip(seen, bank.truth[chosen], strict=True)):
            item = SiteItem(
                item_id=uuid7(1_800_000_000_000 + 70_000 * number, random.bytes(10)),
                bin_id="bench",
                day="2026-11-26",
                why=(Why.TAUGHT,),
                usefulness=1.0,
                embedding=Embedding.of(described.sha256, features) if embedded else None,
                label=described.labels[truth],
                labelled_by="page",
                labelled_at="2026-11-26T00:00:00Z",
                revision=1,
            )
            picture = random.integers(0, 255, (16, 16, 3), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)
            assert store.add(item, jpeg(picture))


def _taught(folder: Path, model: Path) -> tuple[float, int]:
    """Seconds, and bytes of the head; 0 where none was taken over."""
    own = {"SMARTBIN_OUTBOX__PATH": str(folder / "outbox.db"), "SMARTBIN_MODEL__PATH": str(model.resolve())}
    command = [sys.executable, "-m", "edge", "teach", "--json", "--config", str(CONFIG)]
    began_s = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=True)
    took_s = time.monotonic() - began_s
    number = json.loads(done.stdout)["head"]
    heads = HeadStore(folder / "heads", manifest.load(model).sha256)
    return took_s, (heads.folder / f"{number}.npz").stat().st_size if number else 0


if __name__ == "__main__":
    sys.exit(main())
