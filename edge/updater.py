"""A look at the repository of signed models, in a process that does not sort. The bin starts one when it is told to."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from edge import chosen, logs, manifest
from edge.adapters.arrivals import Arrivals
from edge.adapters.child_process import SETTINGS, give_way
from edge.adapters.head_update import HeadUpdate
from edge.adapters.model_store import ModelStore
from edge.adapters.tuf_client import TufClient
from edge.adapters.updating import Updating
from edge.config import Settings
from edge.errors import SmartBinError

OFF = 'nothing was asked: update.mode is "off" in the configuration'


def update(settings: Settings) -> str:
    """One look; what came of it, for people. Raises UpdateError, ModelError."""
    wanted, store = settings.update, ModelStore(settings.models_folder)
    if wanted.mode == "off" or wanted.root is None:
        return OFF
    now = datetime.now(UTC)
    runs = manifest.load(chosen.chosen_model(settings).model.path)

    def try_out(folder: Path) -> None:
        chosen.open_package(settings, folder)[1].close()

    arrivals = Arrivals(store)
    check_labels = partial(chosen.check_labels, settings)
    heads = HeadUpdate(chosen.heads_of(settings, runs), arrivals, check_labels, take_over=wanted.mode == "auto")
    with closing(TufClient(wanted.url, wanted.root, arrivals.seen, now)) as source:
        name = f"{runs.name}-{runs.version}"
        looks = Updating(wanted, store, source, try_out=try_out, runs=(name, runs.sha256), heads=heads)
        return looks.check(now)


def main() -> int:
    """Started by a bin that sorts meanwhile. Returns the exit code; what came of it is on disk, for its state."""
    give_way()
    logs.setup(os.environ, logging.INFO)
    log = logging.getLogger(__name__)
    try:
        log.info("update %s", logs.fields(message=update(Settings.model_validate_json(os.environ[SETTINGS]))))
    except SmartBinError as error:
        log.warning("update %s", logs.fields(message=error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
