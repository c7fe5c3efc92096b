"""The power is cut at every step of an update: the bin starts with a working model and finishes it later."""

from __future__ import annotations

from pathlib import Path

import pytest
import updatekills


@pytest.mark.slow
def test_a_power_cut_at_any_step_leaves_a_working_model(tmp_path: Path) -> None:
    updatekills.prepare(tmp_path)
    count = updatekills.steps(tmp_path)
    cuts = list(updatekills.kills(tmp_path, range(1, count + 1)))
    assert len(cuts) == count > 50
    assert all(cut.step for cut in cuts), "each was killed"
    assert [cut for cut in cuts if cut.works not in ("1.5", "2.0") or cut.ends != "2.0"] == []
    assert {cut.works for cut in cuts} == {"1.5", "2.0"}


def test_the_cuts_find_what_is_not_synced(tmp_path: Path) -> None:
    """An update that forgets to sync its files is found out: of the new model the half is left, and it is put back."""
    updatekills.prepare(tmp_path)
    cuts = list(updatekills.kills(tmp_path, range(40, 44), "careless"))
    assert {cut.works for cut in cuts} == {"1.5"}, "not even that leaves a bin without a model"
    assert [cut.step for cut in cuts if cut.ends != "2.0"] != []
