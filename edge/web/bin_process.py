"""What the web process of a bin does once it has put itself last."""

from __future__ import annotations

import logging
import os
import socket

from edge import logs
from edge.adapters.child_process import SETTINGS
from edge.config import Settings
from edge.errors import SmartBinError
from edge.web import bin_server


def main(descriptor: int) -> int:
    """descriptor: its end of the line to the bin. Returns the exit code."""
    logs.setup(os.environ, logging.INFO)
    with socket.socket(fileno=descriptor) as line:
        try:
            bin_server.run(line, Settings.model_validate_json(os.environ[SETTINGS]))
        except SmartBinError as error:
            logging.getLogger(__name__).error("%s", error)
            return error.exit_code
    return 0
