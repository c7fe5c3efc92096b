"""What several test folders share: the images, the packaged model, and a tiny model that loads at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tinymodel import write_tiny_model

pytest_plugins = ["broker_fixtures", "browser_fixtures", "prepared_fixtures", "prometheus_fixtures"]

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of image sets: SMARTBIN_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("SMARTBIN_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not (folder / "garbage10").is_dir():
        pytest.skip(f"no images: {folder}/garbage10 is not there (set SMARTBIN_DATA)")
    return folder


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """The model that the repository ships."""
    folder = _REPOSITORY / "models" / "garbage10-efficientnet-lite2"
    if not (folder / "model.json").is_file():
        pytest.skip(f"no packaged model: {folder}/model.json is not there")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, ten labels, int8, two outputs, that names a picture by its colour (tinymodel.COLOURS)."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny-colours")
