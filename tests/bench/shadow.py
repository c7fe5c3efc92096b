"""What a new model in shadow costs the sorting, measured here and now: `python tests/bench/shadow.py`.

An item's time with a second model that answers beside the one that sorts, against none, by turns on the same pictures.
The second one is a copy of the shipped model, so that it takes as long.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from turns import MODEL, Figures, compare, settings_text, sort_samples

from edge import shadow
from edge.adapters.model_store import ModelStore
from edge.adapters.shadowing import FILE

PACKAGE = "as-shipped-2"
# never judged in this run; nobody is asked for newer ones
UPDATE = '[update]\nmode = "shadow"\nurl = "{folder}"\nroot = "{root}"\nshadow_items = 100000\nmax_slower = 10'


def main() -> int:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="of 48 items each, with and without (4)")
    parser.add_argument("--pace", choices=["fast", "real"], default="real", help="of the pictures (real)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        compare("shadow", args.rounds, lambda mode, number: one_run(Path(place) / f"{number}-{mode}", mode, args.pace))
    return 0


def one_run(folder: Path, mode: str, pace: str) -> Figures:
    """The same bin in both modes, but for the candidate."""
    folder.mkdir()
    root = folder / "root.json"
    root.write_text("{}")
    store = ModelStore(folder / "models")
    if mode == "on":
        propose(store)
    settings, figures = sort_samples(folder, settings_text(folder, pace, UPDATE.format(folder=folder, root=root)))
    assert settings.models_folder == store.folder
    items, answered = len(figures["total"]), compared(store)
    print(f"shadow   {folder.name}: {answered} of {items} items asked of the second model too", flush=True)
    assert answered == 0 if mode == "off" else answered > 0, f"{answered} of {items} in shadow"
    return figures


def propose(store: ModelStore) -> None:
    """The shipped model as an installed package."""
    shutil.copytree(MODEL, store.path(PACKAGE))
    store.propose(PACKAGE)


def compared(store: ModelStore) -> int:
    """How many items it answered."""
    noted = shadow.parse(store.read(FILE))
    return noted.items if noted is not None else 0


if __name__ == "__main__":
    sys.exit(main())
