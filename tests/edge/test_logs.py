"""What the journal gets: one line an entry, with its priority."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge.logs import fields

PROGRAM = r"""
import logging, os
from edge import logs
logs.setup(os.environ)
log = logging.getLogger("edge.x")
log.info("item %s", logs.fields(seq=1, label="glass", reason="two\nlines"))
log.warning("odd")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
log.debug("nobody asked")
"""


def logged(**environ: str) -> list[str]:
    command, checkout = [sys.executable, "-c", PROGRAM], Path(__file__).resolve().parents[2]
    done = subprocess.run(command, env=environ, cwd=checkout, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "", "stdout is for answers"
    return done.stderr.splitlines()


def test_under_systemd_every_entry_is_one_line_with_its_priority() -> None:
    item, odd, broken = logged(JOURNAL_STREAM="8:1")
    assert item == '<6>item seq=1 label=glass reason="two\\nlines"'
    assert odd == "<4>odd"
    assert broken.startswith("<3>broken | Traceback ")
    assert broken.endswith(" | ZeroDivisionError: division by zero")


def test_elsewhere_it_has_the_time() -> None:
    first = logged()[0].split(" ", 1)
    assert first[0].count(":") == 2
    assert first[1] == 'INFO    item seq=1 label=glass reason="two\\nlines"'


def test_a_value_can_be_read_back_from_its_line() -> None:
    assert fields(a=1, b=None, c="", d='say "x"', e="k=v") == 'a=1 c="" d="say \\"x\\"" e="k=v"'
