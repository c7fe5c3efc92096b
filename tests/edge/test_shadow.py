"""A new model beside the one that sorts: compared on the same pictures, judged, taken or put back; it moves nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from broker_fixtures import wait_until
from fakebin import BATTERY, GLASS, ITEM, LABELS, Bin, quiet_reporter
from modelrepo import bin_settings
from tinymodel import write_tiny_model

from edge import chosen, fittings, shadow
from edge.adapters.model_keeper import LOOK_EVERY_S, ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.adapters.shadowing import FILE, MOST_BEGUN, Candidate, Shadowing
from edge.decision import Policy, decide
from edge.errors import ModelError
from edge.model import Decision, Phase, Prediction, Problem
from edge.novelty import Novelty, Statistics
from edge.shadow import Comparison, Limits, Result, judged
from edge.testing import FakeClassifier, FakeClock, blank_frame, prediction_for

LIMITS = Limits(items=20, hours=24.0, slower=1.5, more_abstentions=0.1)
POLICY = Policy(LABELS, {"glass": "recycling", "battery": "hazard"}, default="landfill")
UNSURE = prediction_for(0, 2, logit=0.1)
PACKAGE = "tiny-2"
RUNS = "a" * 64


def decided(prediction: Prediction) -> Decision:
    return decide([prediction], POLICY)


def after(items: int, new: Prediction = GLASS, new_ms: float = 10.0, old_ms: float = 10.0) -> Comparison:
    so_far = Comparison(PACKAGE, RUNS)
    for _ in range(items):
        so_far = shadow.compared(so_far, decided(GLASS), decided(new), old_ms, new_ms)
    return so_far


# --- the judgement ---


def test_what_is_compared_is_counted() -> None:
    so_far = shadow.compared(after(1, GLASS), decided(GLASS), decided(UNSURE), 10.0, 40.0)
    so_far = shadow.compared(so_far, decided(GLASS), decided(BATTERY), 10.0, 10.0)
    assert (so_far.items, so_far.same_label, so_far.same_compartment) == (3, 2, 1)
    assert (so_far.unsure_old, so_far.unsure_new) == (0, 1)
    assert so_far.old_ms == pytest.approx(10.0)
    assert shadow.parse(shadow.dump(so_far)) == so_far


@pytest.mark.parametrize("text", ["", "{", "[]", '{"package": 1}'])
def test_a_damaged_note_begins_anew(text: str) -> None:
    assert shadow.parse(text) is None


def test_it_ends_after_so_many_items_or_so_long() -> None:
    assert judged(after(19), LIMITS)[0] is Result.COMPARING
    assert judged(after(20), LIMITS)[0] is Result.FINE
    late = Limits(items=1000, hours=0.0, slower=1.5, more_abstentions=0.1)
    assert judged(after(9), late)[0] is Result.COMPARING, "fewer than ten items say nothing, however long it took"
    assert judged(after(10), late)[0] is Result.FINE


def test_a_slow_one_shows_soon_and_one_stall_is_not_slow() -> None:
    result, reason = judged(after(10, new_ms=16.0), LIMITS)
    assert (result, reason) == (
        Result.TOO_SLOW,
        "it takes 1.6 times as long as the model that sorts (16 ms, not 10 ms)",
    )
    stalled = shadow.compared(after(19), decided(GLASS), decided(GLASS), 10.0, 20_000.0)
    assert judged(stalled, LIMITS)[0] is Result.FINE


def test_one_that_is_far_more_often_unsure_is_refused_and_a_little_more_is_not() -> None:
    def with_unsure(count: int) -> Comparison:
        so_far = after(20 - count)
        for _ in range(count):
            so_far = shadow.compared(so_far, decided(GLASS), decided(UNSURE), 10.0, 10.0)
        return so_far

    assert judged(with_unsure(2), LIMITS)[0] is Result.FINE
    result, reason = judged(with_unsure(3), LIMITS)
    assert (result, reason) == (Result.ABSTAINS, "it is unsure of 15% of 20 items, the model that sorts of 0%")


# --- beside a bin of fakes ---


@dataclass
class World:
    """A store with a candidate, a keeper, and what opens it."""

    store: ModelStore
    answers: list[Prediction | ModelError] = field(default_factory=lambda: [GLASS])
    broken: str = ""
    policy: Policy = POLICY
    opened: list[FakeClassifier] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keeper = ModelKeeper(self.store)
        self.clock = FakeClock(step_s=0.05)

    def open_candidate(self, folder: Path) -> Candidate:
        if self.broken:
            raise ModelError(self.broken)
        assert folder.name == PACKAGE
        self.opened.append(FakeClassifier(self.answers))
        return Candidate(self.opened[-1], self.policy, margin=0.25)

    def shadowing(self, *, take: bool = False, against: str = RUNS) -> Shadowing:
        return Shadowing(
            self.store,
            self.open_candidate,
            against=against,
            sorts=POLICY,
            limits=LIMITS,
            take=take,
            put_back=self.keeper.put_back,
            monotonic_s=self.clock,
            look_every_s=0.02,
        )

    def noted(self) -> Comparison | None:
        return shadow.parse(self.store.read(FILE))


@pytest.fixture
def world(tmp_path: Path) -> World:
    store = ModelStore(tmp_path / "models")
    write_tiny_model(store.path(PACKAGE), version="2")
    store.propose(PACKAGE)
    return World(store)


def until(condition: Callable[[], bool]) -> None:
    wait_until(condition, within_s=20)


def progress(beside: Shadowing) -> tuple[int, Result]:
    now = beside.comparison
    assert now is not None
    return now.items, now.result


def sort(beside: Shadowing, items: int) -> list[str]:
    """So many items, each compared before the next; where they went."""
    moves: list[str] = []
    for _ in range(items):
        before = progress(beside)
        bin_ = Bin([*ITEM, Phase.EMPTY], observers=[beside])
        bin_.run()
        moves += bin_.flap.moves
        until(lambda before=before: progress(beside) != before)  # type: ignore[misc] # cannot be told
    return moves


def begun(beside: Shadowing, world: World) -> None:
    until(lambda: bool(world.opened))
    until(lambda: beside._candidate is not None)


def test_it_sees_what_the_bin_saw_and_moves_nothing(world: World) -> None:
    world.answers = [BATTERY]
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        moves = sort(beside, 3)
        assert moves == ["recycling"] * 3, "the old one sorts"
        assert len(world.opened[0].shapes) == 3, "one answer an item"
        assert beside.comparison is not None
        assert (beside.comparison.items, beside.comparison.same_label) == (3, 0)


def test_both_look_at_the_same_picture_in_the_same_lay(world: World) -> None:
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        frames = [blank_frame(i / 10) for i in range(len(ITEM) + 1)]
        frames[4].rgb[0, 0] = 255
        bin_ = Bin([*ITEM, Phase.EMPTY], observers=[beside], seen=frames)
        bin_.run()
        until(lambda: bool(world.opened[0].pictures))
    assert np.array_equal(world.opened[0].pictures[0], bin_.asked.pictures[2])
    assert bin_.asked.pictures[2].max() == 255


def test_while_something_lies_on_the_tray_it_waits(world: World) -> None:
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        stuck = [*ITEM[:5], *[Phase.SETTLED] * 40]  # it does not fall: a jam
        Bin(stuck, observers=[beside]).run()
        assert beside._waiting is not None
        assert world.opened[0].shapes == []
        Bin([Phase.EMPTY], observers=[beside]).run()
        until(lambda: len(world.opened[0].shapes) == 1)


def test_a_good_one_is_taken_over_by_itself_where_that_is_wanted(world: World) -> None:
    with closing(world.shadowing(take=True)) as beside:
        begun(beside, world)
        sort(beside, LIMITS.items - 1)
        assert world.store.usable() == "shipped"
        sort(beside, 1)
        until(lambda: world.store.usable() == PACKAGE)
        assert world.opened[0].closed, "the bin opens it anew, between two items"
    assert world.keeper.other_wanted(quiet_reporter(), LOOK_EVERY_S)


def test_else_it_waits_for_somebody_and_is_asked_no_more(world: World) -> None:
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        sort(beside, LIMITS.items)
        until(lambda: (noted := world.noted()) is not None and noted.result is Result.FINE)
        assert (world.store.usable(), world.opened[0].closed) == ("shipped", True)
    with closing(world.shadowing()) as beside:
        until(lambda: beside.comparison is not None and beside._candidate is None)
        assert len(world.opened) == 1, "nor after a restart"
    with closing(world.shadowing(take=True)):
        until(lambda: world.store.usable() == PACKAGE)


def test_one_that_cannot_be_opened_is_put_back_and_said(world: World) -> None:
    world.broken = "model.tflite: cannot be loaded"
    with closing(world.shadowing(take=True)) as beside:
        until(lambda: beside.comparison is not None and beside.comparison.result is Result.FAILED)
        until(lambda: world.store.candidate() is None)
    told = quiet_reporter()
    world.keeper.other_wanted(told, LOOK_EVERY_S)
    (warning,) = told.state.warnings
    assert warning.problem is Problem.MODEL_PUT_BACK
    assert "tiny-2 was put back (model.tflite: cannot be loaded); shipped runs" in warning.message


def test_one_whose_files_do_not_fit_each_other_is_put_back_and_said(world: World) -> None:
    world.answers = [replace(GLASS, embedding=np.ones(3, np.float32))]
    world.policy = replace(POLICY, novelty=Novelty(Statistics(np.eye(4, 2, dtype=np.float32)), 0.5))
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        sort(beside, 1)
        until(lambda: world.store.candidate() is None)
        assert world.opened[0].closed
    assert "statistics are of 4 features" in world.store.rejected()[PACKAGE]


def test_one_that_fails_on_an_item_is_put_back_and_the_item_was_sorted(world: World) -> None:
    world.answers = [ModelError("the model answers NaN")]
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        assert sort(beside, 1) == ["recycling"]
        until(lambda: world.store.rejected() == {PACKAGE: "the model answers NaN"})


def test_one_that_is_unsure_is_put_back_and_not_taken(world: World) -> None:
    world.answers = [UNSURE]
    with closing(world.shadowing(take=True)) as beside:
        begun(beside, world)
        sort(beside, LIMITS.items)
        until(lambda: PACKAGE in world.store.rejected())
    assert world.store.usable() == "shipped"
    assert "it is unsure of 100% of 20 items" in world.store.rejected()[PACKAGE]


def test_a_restart_goes_on_where_it_was(world: World) -> None:
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        sort(beside, 3)
    noted = world.noted()
    assert noted is not None
    assert (noted.items, noted.begun) == (3, 0)
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        sort(beside, 1)
        assert beside.comparison is not None
        assert beside.comparison.items == 4


def test_beside_another_model_it_begins_anew(world: World) -> None:
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        sort(beside, 2)
    with closing(world.shadowing(against="b" * 64)) as beside:
        until(lambda: len(world.opened) == 2)
        assert beside.comparison is not None
        assert beside.comparison.items == 0


def test_a_bin_that_dies_with_it_does_so_three_times_at_most(world: World) -> None:
    world.store.write(FILE, shadow.dump(Comparison(PACKAGE, RUNS, begun=MOST_BEGUN)))
    with closing(world.shadowing()):
        until(lambda: "ended 3 times" in world.store.rejected().get(PACKAGE, ""))
    assert not world.opened


def test_what_somebody_takes_by_hand_is_compared_no_more(world: World) -> None:
    with closing(world.shadowing()) as beside:
        begun(beside, world)
        world.store.use(PACKAGE)
        until(lambda: world.opened[0].closed)
        assert world.store.usable() == PACKAGE


@pytest.mark.parametrize(
    ("head", "mode", "takes"), [(None, "auto", True), ("0001", "auto", False), (None, "shadow", False)]
)
def test_where_a_taught_head_answers_a_new_model_waits_for_somebody(
    tmp_path: Path, world: World, head: str | None, mode: str, takes: bool
) -> None:
    """It does not know what was taught here."""
    settings = bin_settings(tmp_path, "https://models.example.org", tmp_path / "root.json", mode=mode)
    model = chosen.checked_model(settings)
    policy = chosen.policy_for(settings, model)
    (beside,) = fittings.shadows_for(settings, model, policy, world.keeper, head)
    beside.close()
    assert beside._take is takes
