"""A file of arrays that a power cut or a full disk left is told by its name, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convert import arrays, data
from convert.errors import DataError

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "zeros": lambda whole: bytes(len(whole)),
    "scribbled on": lambda whole: whole[:100] + b"?" * 200 + whole[300:],
}


@pytest.fixture(params=DAMAGE)
def damage(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(DAMAGE[request.param](path.read_bytes()))

    return damage


def test_damaged_arrays_are_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "checkpoint.npz"
    arrays.save(path, {"weight": np.arange(100.0)})
    assert (arrays.load(path) or {})["weight"].sum() == 4950
    damage(path)
    with pytest.raises(DataError, match=r"checkpoint.npz: damaged .* Remove it and run the same command again"):
        arrays.load(path)


def test_a_damaged_index_of_pictures_is_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    data.write_index(tmp_path, [(4, 5)])
    (tmp_path / data.PIXELS).write_bytes(bytes(60))
    assert len(data.Pictures(tmp_path)) == 1
    damage(tmp_path / data.INDEX)
    with pytest.raises(DataError, match=r"missing or damaged .*: run prepare again"):
        data.Pictures(tmp_path)
