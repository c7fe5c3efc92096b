"""A little of `make fuzz` with every run of the suite, and that it would find something."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import Crash, Tally, Target, command_inputs, fuzz, targets

COUNT = 60

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of broken files


@pytest.mark.parametrize("name", ["commands", "configuration", "model.json", "images"])
def test_no_input_brings_it_down(name: str, tmp_path: Path) -> None:
    tally = Tally()
    fuzz(targets(tmp_path)[name], COUNT, 1, tally, lambda: None)
    assert tally.inputs >= COUNT


def test_a_crash_is_found_and_shown() -> None:
    def fragile(data: bytes) -> int:
        return len(data) // (b"reboot" not in data)

    with pytest.raises(Crash, match=r"ZeroDivisionError.*reboot"):
        fuzz(Target(command_inputs(), fragile, 1.0), 500, 1, Tally(), lambda: None)
