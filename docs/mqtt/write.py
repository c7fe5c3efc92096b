"""Writes the files beside this one from the code: make docs-pages"""

from __future__ import annotations

import json
from pathlib import Path

from edge.asyncapi import document
from edge.model import Correction, SortEvent
from edge.state import BinState
from edge.wire import message_schema

HERE = Path(__file__).resolve().parent


def files() -> dict[str, str]:
    """Name -> content."""
    made = {
        "asyncapi.json": document(),
        "event.schema.json": message_schema(SortEvent),
        "correction.schema.json": message_schema(Correction),
        "state.schema.json": message_schema(BinState),
    }
    return {name: json.dumps(content, indent=1, ensure_ascii=False) + "\n" for name, content in made.items()}


if __name__ == "__main__":
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")
