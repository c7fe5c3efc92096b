"""A page in real Chromium for the tests of a module, and the bin that they play behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import headless
import pytest
from broker_fixtures import WITHIN_S
from playedbin import PlayedBin


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedBin]:
    bin_ = PlayedBin(tmp_path_factory.mktemp("bin"))
    yield bin_
    bin_.stop()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with headless.chromium(tmp_path_factory.mktemp("user")) as browser:
        browser.set_script_timeout(WITHIN_S)
        yield browser
