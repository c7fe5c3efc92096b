"""Log lines for people and for journald: `message key=value ...`, one line each."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping

# journald reads a leading <n> as the priority (man sd-daemon)
JOURNAL_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def fields(**values: object) -> str:
    """key=value pairs; None is left out, text with spaces is quoted."""
    return " ".join(f"{key}={_shown(value)}" for key, value in values.items() if value is not None)


def setup(environ: Mapping[str, str], level: int = logging.INFO) -> None:
    """Log to stderr: with priorities under systemd, with the time elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JournalFormatter() if "JOURNAL_STREAM" in environ else _plain())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\r\t') else text


def _plain() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # journald would split a traceback into entries of the wrong priority
        text = super().format(record).replace("\n", " | ")
        return f"<{JOURNAL_PRIORITY.get(record.levelno, 6)}>{text}"
