"""Started by `smartbin run` where [web] is enabled: python -m edge.web DESCRIPTOR SETTINGS."""

from __future__ import annotations

import logging
import os
import socket
import sys

from edge import logs
from edge.config import Settings
from edge.errors import SmartBinError
from edge.web import bin_server


def main() -> int:
    """The exit code; 2 for what is wrong in the configuration."""
    logs.setup(os.environ, logging.INFO)
    with socket.socket(fileno=int(sys.argv[1])) as line:
        try:
            bin_server.run(line, Settings.model_validate_json(sys.argv[2]))
        except SmartBinError as error:
            logging.getLogger(__name__).error("%s", error)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
