"""The state that dashboards see."""

from __future__ import annotations

from dataclasses import replace

from sample_event import sample_event

from edge import state as states
from edge.model import Fault, ModelId, Outcome, Problem
from edge.state import BinState

START = BinState(bin_id="b", model=ModelId("m", "1", "0" * 64), version="1")


def test_counts_every_item_by_label_compartment_and_outcome() -> None:
    state = states.counted(
        states.counted(START, sample_event(seq=1)), sample_event(seq=2, label="metal", outcome=Outcome.JAM)
    )
    assert state.items == 2
    assert state.by_label == {"glass": 1, "metal": 1}
    assert state.by_compartment == {"recycling": 2}
    assert state.by_outcome == {"sorted": 1, "jam": 1}
    assert state.last is not None
    assert state.last.seq == 2


def test_a_fault_lasts_until_its_part_heals() -> None:
    state = states.with_fault(states.ready(START), Fault("camera", "gone", Problem.CAMERA_LOST))
    state = states.with_fault(state, Fault("disk", "full", Problem.DISK_FAILED))
    assert state.state == "fault"
    state = states.healed(state, "camera")
    assert (state.state, state.faults) == ("fault", (Fault("disk", "full", Problem.DISK_FAILED),))
    assert states.healed(state, "disk").state == "ready"


def test_counts_how_often_each_problem_began() -> None:
    lost = Fault("camera", "gone", Problem.CAMERA_LOST)
    state = states.with_fault(states.with_fault(START, lost), replace(lost, message="still gone"))
    state = states.with_fault(state, Fault("fill recycling", "full", Problem.COMPARTMENT_FULL))
    state = states.with_fault(state, Fault("fill organic", "full", Problem.COMPARTMENT_FULL))
    assert state.by_problem == {"camera_lost": 1, "compartment_full": 2}
    state = states.with_fault(states.healed(state, "camera"), lost)
    assert state.by_problem["camera_lost"] == 2
    state = states.with_fault(state, replace(lost, problem=Problem.CAMERA_FROZEN))
    assert state.by_problem["camera_frozen"] == 1


def test_a_newer_message_of_a_part_replaces_the_older() -> None:
    state = states.with_fault(
        states.with_fault(START, Fault("camera", "gone", Problem.CAMERA_LOST)),
        Fault("camera", "hangs", Problem.CAMERA_LOST),
    )
    assert state.faults == (Fault("camera", "hangs", Problem.CAMERA_LOST),)


def test_healing_a_sound_part_changes_nothing() -> None:
    assert states.healed(START, "camera") is START, "identity is what tells the reporter that nothing changed"


def test_the_summary_names_the_fault_or_the_last_item() -> None:
    state = states.counted(states.ready(START), sample_event(seq=1))
    assert states.summary(replace(state, queued=4)) == "ready: 1 items, last glass -> recycling, 4 events queued"
    assert "camera: gone" in states.summary(states.with_fault(state, Fault("camera", "gone", Problem.CAMERA_LOST)))
