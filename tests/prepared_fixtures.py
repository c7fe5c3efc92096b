"""Class folders of made-up pictures, and a set prepared from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from madeup import write_classes


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Three classes of twenty pictures."""
    return write_classes(tmp_path / "pictures")


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set of sixty pictures."""
    # here, so that a run of edge's tests alone does not import TensorFlow
    from convert import prepare  # noqa: PLC0415 - see above
    from convert.split import MAIN  # noqa: PLC0415 - see above

    folder = tmp_path_factory.mktemp("set")
    prepare.prepare([(write_classes(folder / "pictures"), MAIN)], folder / "set", shares=(0.2, 0.2))
    return folder / "set"
