"""Says what is on pictures, for the web process of a bin: python -m edge.web.judge_process DESCRIPTOR.

Over the line come the name of a picture and its content; back goes {"verdict": ...} or {"error": ...}. It is started by
edge.web.judge_child, as low in line as that, and ends when nobody is at the other end any more.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from multiprocessing.connection import Connection

from pydantic import JsonValue

from edge import chosen
from edge.adapters.child_process import SETTINGS
from edge.classify import Judge
from edge.config import Settings
from edge.errors import SmartBinError
from edge.verdict import to_json_dict

MOST_PIXELS = 12_500_000  # a picture takes 14 bytes a pixel while it is read, and the bin lives in the same memory


def main(line: Connection, settings: Settings) -> None:
    """Until the other end hangs up."""
    with ExitStack() as stack, suppress(EOFError, ConnectionError):
        judge: Judge | None = None
        while True:
            file, source = line.recv_bytes().decode(), line.recv_bytes()
            answer: dict[str, JsonValue]
            try:
                judge = judge or _opened(settings, stack)  # not before: what is wrong with it is the answer
                answer = {"verdict": to_json_dict(judge.verdict(source, file))}
            except SmartBinError as error:
                answer = {"error": str(error)}
            line.send_bytes(json.dumps(answer).encode())


def _opened(settings: Settings, stack: ExitStack) -> Judge:
    one = settings.model_copy(update={"model": settings.model.model_copy(update={"threads": 1})})
    judge, _ = stack.enter_context(chosen.judge(one, taught=True))
    return replace(judge, max_pixels=MOST_PIXELS)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), Settings.model_validate_json(os.environ[SETTINGS]))
