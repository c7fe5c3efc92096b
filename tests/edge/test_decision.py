from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decision import Policy, decide
from edge.model import Decision, Outcome, Prediction
from edge.novelty import Novelty, Statistics

_LABELS = ("battery", "biological", "glass", "paper", "trash")
_ROUTES = {
    "battery": "hazard",
    "biological": "organic",
    "glass": "recycling",
    "paper": "recycling",
    "trash": "landfill",
}


def _policy(
    abstain_below: float = 0.6, temperature: float = 1.0, costs: Mapping[str, Mapping[str, float]] | None = None
) -> Policy:
    return Policy(_LABELS, _ROUTES, "landfill", temperature, abstain_below, costs or {})


def _vote(**probabilities: float) -> Prediction:
    """A prediction with these probabilities at temperature 1; what is left over is shared by the other labels."""
    rest = (1 - sum(probabilities.values())) / (len(_LABELS) - len(probabilities))
    values = np.array([probabilities.get(label, rest) for label in _LABELS])
    return Prediction(np.log(np.maximum(values, 1e-9)).astype(np.float32), None, inference_ms=1.0)


def _p(decision: Decision) -> dict[str, float]:
    return {entry.label: entry.p for entry in decision.top}


def test_a_sure_item_is_sorted() -> None:
    decision = decide([_vote(glass=0.96)], _policy())

    assert decision.outcome is Outcome.SORTED
    assert (decision.label, decision.compartment, decision.reason, decision.votes) == ("glass", "recycling", None, 1)
    assert decision.confidence == pytest.approx(0.96, abs=1e-5)
    assert decision.compartment_confidence == pytest.approx(0.97, abs=1e-5)


def test_labels_that_go_the_same_way_support_each_other() -> None:
    decision = decide([_vote(glass=0.45, paper=0.45)], _policy(abstain_below=0.85))

    assert (decision.outcome, decision.compartment) == (Outcome.SORTED, "recycling")
    assert decision.confidence < 0.5 < decision.compartment_confidence


def test_the_label_is_the_most_probable_one_even_where_others_win_together() -> None:
    decision = decide([_vote(trash=0.36, glass=0.32, paper=0.31)], _policy())

    assert (decision.label, decision.compartment) == ("trash", "recycling")


def test_unsure() -> None:
    decision = decide([_vote(biological=0.41, trash=0.3)], _policy())

    assert (decision.outcome, decision.compartment) == (Outcome.ABSTAINED, "landfill")
    assert decision.reason == "unsure: organic 0.41 below 0.60"
    assert decision.label == "biological"
    assert decision.compartment_confidence == pytest.approx(0.3, abs=1e-5), "of the compartment it goes to"


def test_just_below_the_threshold_does_not_read_like_on_it() -> None:
    decision = decide([_vote(glass=0.5985, paper=0.0)], _policy())

    assert decision.reason == "unsure: recycling 0.59 below 0.60"


def test_votes_disagree() -> None:
    votes = [_vote(glass=0.999), _vote(biological=0.5, glass=0.49), _vote(trash=0.5, glass=0.49)]

    decision = decide(votes, _policy())

    assert (decision.outcome, decision.compartment, decision.votes) == (Outcome.ABSTAINED, "landfill", 3)
    assert decision.reason == "votes disagree: recycling, organic, landfill"


def test_half_of_the_votes_is_no_majority() -> None:
    votes = [_vote(glass=0.999), _vote(biological=0.51, glass=0.45)]

    assert decide(votes, _policy()).reason == "votes disagree: recycling, organic"


def test_two_of_three_are_enough() -> None:
    votes = [_vote(glass=0.99), _vote(paper=0.99), _vote(biological=0.99)]

    decision = decide(votes, _policy())

    assert (decision.outcome, decision.compartment) == (Outcome.SORTED, "recycling")


def test_the_temperature_calibrates() -> None:
    cold, hot = (decide([_vote(glass=0.9)], _policy(temperature=t)) for t in (1.0, 2.0))

    assert cold.confidence == pytest.approx(0.9, abs=1e-5)
    # Odds of glass against each other label are 36; at temperature 2 they are the root of it.
    assert hot.confidence == pytest.approx(6 / (6 + 4), abs=1e-5)


_NO_BATTERY_IN_PAPER = {"hazard": {"recycling": 20.0}}


def test_a_battery_does_not_go_to_paper_for_being_a_little_less_likely() -> None:
    vote = _vote(battery=0.2, paper=0.8)

    assert decide([vote], _policy()).compartment == "recycling"
    careful = decide([vote], _policy(costs=_NO_BATTERY_IN_PAPER))
    assert (careful.outcome, careful.compartment, careful.label) == (Outcome.ABSTAINED, "landfill", "paper")
    why = "unsure: hazard 0.20 below 0.60; recycling 0.80 is likelier, but too costly if wrong"
    assert careful.reason == why
    assert decide([vote], _policy(costs=_NO_BATTERY_IN_PAPER, abstain_below=0.1)).compartment == "hazard"


def test_a_remote_risk_is_taken() -> None:
    decision = decide([_vote(battery=0.01, paper=0.99)], _policy(costs=_NO_BATTERY_IN_PAPER))

    assert (decision.outcome, decision.compartment) == (Outcome.SORTED, "recycling")


def test_votes_are_counted_with_the_costs() -> None:
    votes = [_vote(battery=0.45, paper=0.5)] * 3

    decision = decide(votes, _policy(abstain_below=0.4, costs=_NO_BATTERY_IN_PAPER))

    assert (decision.outcome, decision.compartment, decision.reason) == (Outcome.SORTED, "hazard", None)


def test_a_compartment_where_everything_is_welcome() -> None:
    free = {true: {"landfill": 0.0} for true in ("hazard", "organic", "recycling")}

    assert decide([_vote(glass=0.9)], _policy(costs=free)).reason == (
        "unsure: landfill 0.02 below 0.60; recycling 0.92 is likelier, but too costly if wrong"
    )


def test_of_equal_costs_the_more_probable() -> None:
    indifferent = {"recycling": {"organic": 0.0}, "organic": {"recycling": 0.0}}

    assert decide([_vote(glass=0.7, biological=0.3)], _policy(costs=indifferent)).compartment == "recycling"


def test_the_default_need_not_take_a_label() -> None:
    policy = Policy(("a", "b"), {"a": "left", "b": "right"}, "middle")

    decision = decide([Prediction(np.zeros(2, np.float32), None, 1.0)], policy)

    assert (decision.outcome, decision.compartment, decision.compartment_confidence) == ("abstained", "middle", 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_answer_that_is_no_number(bad: float) -> None:
    vote = Prediction(np.array([bad, 0, 0, 0, 0], np.float32), None, 1.0)

    with pytest.raises(ValueError, match="finite"):
        decide([_vote(glass=0.9), vote], _policy())


def test_no_vote_and_a_vote_of_another_model() -> None:
    with pytest.raises(ValueError, match="no prediction"):
        decide([], _policy())
    with pytest.raises(ValueError, match="5 finite logits"):
        decide([Prediction(np.zeros(4, np.float32), None, 1.0)], _policy())


def test_a_policy_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="no compartment takes glass, paper, trash"):
        Policy(_LABELS, {"battery": "hazard", "biological": "organic"}, "organic")
    with pytest.raises(ValueError, match="costs name no compartment: recyling"):
        _policy(costs={"hazard": {"recyling": 20.0}})
    with pytest.raises(ValueError, match="temperature"):
        _policy(temperature=0.0)


_COMPARTMENTS = sorted(set(_ROUTES.values()))
_logits = st.lists(st.floats(-60, 60, width=32), min_size=5, max_size=5)
_votes = st.lists(_logits, min_size=1, max_size=5).map(
    lambda rows: [Prediction(np.array(row, np.float32), None, 1.0) for row in rows]
)
_costs = st.dictionaries(
    st.sampled_from(_COMPARTMENTS), st.dictionaries(st.sampled_from(_COMPARTMENTS), st.floats(0, 50))
)
_policies = st.builds(_policy, st.floats(0, 1), st.floats(0.2, 5), _costs)


@given(votes=_votes, policy=_policies)
def test_what_holds_of_every_decision(votes: list[Prediction], policy: Policy) -> None:
    decision = decide(votes, policy)

    assert sum(_p(decision).values()) == pytest.approx(1.0)
    assert [e.p for e in decision.top] == sorted((e.p for e in decision.top), reverse=True)
    assert sorted(_p(decision)) == sorted(_LABELS)
    assert (decision.label, decision.confidence) == (decision.top[0].label, decision.top[0].p)
    belongs = sum(p for label, p in _p(decision).items() if _ROUTES[label] == decision.compartment)
    assert decision.compartment_confidence == pytest.approx(belongs)
    assert 0.0 <= decision.compartment_confidence <= 1.0
    assert (decision.reason is None) == (decision.outcome is Outcome.SORTED)
    if decision.outcome is Outcome.ABSTAINED:
        assert decision.compartment == policy.default
    else:
        assert decision.compartment_confidence >= policy.abstain_below - 1e-9


# Whole numbers, so that no sum depends on the order by a last bit and turns a tie.
_plain_votes = st.lists(st.lists(st.integers(-8, 8), min_size=5, max_size=5), min_size=1, max_size=5)


@given(rows=_plain_votes, data=st.data())
def test_the_order_of_the_votes_does_not_matter(rows: list[list[int]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    one, other = (
        decide([Prediction(np.array(row, np.float32), None, 1.0) for row in order], _policy())
        for order in (rows, shuffled)
    )

    assert _p(one) == pytest.approx(_p(other))
    if one.compartment_confidence != pytest.approx(0.6):
        assert (one.outcome, one.compartment) == (other.outcome, other.compartment)


@given(votes=_votes, costs=_costs, true=st.sampled_from(_COMPARTMENTS), into=st.sampled_from(_COMPARTMENTS))
def test_a_higher_cost_never_draws_items_in(
    votes: list[Prediction], costs: dict[str, dict[str, float]], true: str, into: str
) -> None:
    row = costs.get(true, {})
    dearer = {**costs, true: {**row, into: row.get(into, float(true != into)) + 5.0}}
    before, after = (decide(votes[:1], _policy(abstain_below=0.0, costs=table)) for table in (costs, dearer))

    assert after.compartment != into or before.compartment == into


@given(votes=_votes, low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_higher_threshold_never_sorts_more(votes: list[Prediction], low: float, high: float) -> None:
    low, high = sorted((low, high))

    if decide(votes, _policy(abstain_below=high)).outcome is Outcome.SORTED:
        assert decide(votes, _policy(abstain_below=low)).outcome is Outcome.SORTED


@given(votes=_votes, temperature=st.floats(0.2, 5))
def test_the_temperature_never_changes_what_one_vote_says(votes: list[Prediction], temperature: float) -> None:
    one, other = (_p(decide(votes[:1], _policy(temperature=t))) for t in (1.0, temperature))
    best = max(one, key=one.__getitem__)

    assert other[best] == pytest.approx(max(other.values()))


_NOVELTY = Novelty(Statistics(np.eye(4, dtype=np.float32)[:, :1]), threshold=0.5)


def _knowing(unknown_above: float = 1.0) -> Policy:
    return replace(_policy(), novelty=_NOVELTY, unknown_above=unknown_above)


def _at(distance: float, **probabilities: float) -> Prediction:
    """A vote whose embedding has this distance (0..1)."""
    embedding = np.array([np.sqrt(1 - distance**2), distance, 0, 0], dtype=np.float32) * 7
    return replace(_vote(**probabilities), embedding=embedding)


def test_an_unknown_thing_goes_to_the_default_compartment_however_sure_the_answer() -> None:
    decision = decide([_at(0.711, paper=0.99)], _knowing())

    assert (decision.outcome, decision.compartment) == (Outcome.ABSTAINED, "landfill")
    assert decision.reason == "unknown: like nothing it was trained on (1.43 above 1.00)"
    assert (decision.label, decision.compartment_confidence < 0.01) == ("paper", True)


def test_a_thing_like_those_trained_on_is_sorted() -> None:
    assert decide([_at(0.49, paper=0.99)], _knowing()).outcome is Outcome.SORTED


def test_the_votes_distances_are_averaged() -> None:
    near, far = _at(0.30, paper=0.99), _at(0.66, paper=0.99)

    assert decide([near, far], _knowing()).outcome is Outcome.SORTED
    assert decide([near, far, far], _knowing()).outcome is Outcome.ABSTAINED


def test_the_limit_can_be_widened() -> None:
    assert decide([_at(0.7, paper=0.99)], _knowing(unknown_above=1.5)).outcome is Outcome.SORTED


def test_just_above_the_limit_never_reads_as_at_it() -> None:
    assert "(1.01 above 1.00)" in (decide([_at(0.5002, paper=0.99)], _knowing()).reason or "")


def test_unknown_is_the_better_reason_than_unsure() -> None:
    reason = decide([_at(0.9, paper=0.3)], _knowing()).reason

    assert reason is not None
    assert reason.startswith("unknown: ")


def test_a_known_thing_is_still_doubted() -> None:
    reason = decide([_at(0.1, paper=0.3)], _knowing()).reason

    assert reason is not None
    assert reason.startswith("unsure: ")


def test_without_statistics_embeddings_are_not_looked_at() -> None:
    assert decide([_at(1.0, paper=0.99)], _policy()).outcome is Outcome.SORTED


def test_statistics_need_embeddings() -> None:
    with pytest.raises(ValueError, match="each vote must carry the model's embedding"):
        decide([_at(0.1, paper=0.99), _vote(paper=0.99)], _knowing())
