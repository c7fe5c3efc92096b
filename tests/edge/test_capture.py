"""What is worth keeping, by which reasons, and in which order a person is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_event import sample_event

from edge.capture import CaptureRules, Worth, mean_embedding, strangeness, worth
from edge.model import LabelProbability, Outcome, Prediction, SortEvent
from edge.novelty import Novelty, Statistics
from edge.site_item import Why

ROUTES = {"glass": "recycling", "plastic": "recycling", "apple": "organic"}
RULES = CaptureRules(random_share=0.1, margin_below=0.25, routes=ROUTES)
NEVER, ALWAYS = 1.0, 0.0
KNOWN = np.eye(4, 2, dtype=np.float32)  # of four features the first two are known


def event(glass: float, plastic: float, apple: float = 0.0, outcome: Outcome = Outcome.SORTED) -> SortEvent:
    ps = {"glass": glass, "plastic": plastic, "apple": apple}
    top = sorted((LabelProbability(label, p) for label, p in ps.items()), key=lambda choice: -choice.p)
    return sample_event(outcome=outcome, top=tuple(top))


def vote(best: int = 0, embedding: tuple[float, ...] | None = None) -> Prediction:
    logits = np.zeros(3, np.float32)
    logits[best] = 5.0
    return Prediction(logits, None if embedding is None else np.array(embedding, np.float32), 1.0)


SURE = event(0.98, 0.02)


@pytest.mark.parametrize(
    ("seen", "votes", "why"),
    [
        (SURE, [vote()] * 3, []),
        (event(0.98, 0.02, outcome=Outcome.ABSTAINED), [vote()] * 3, [Why.ABSTAINED]),
        (event(0.5, 0.45, 0.05), [vote()] * 3, [Why.LOW_MARGIN]),
        (event(0.30, 0.20, 0.5), [vote()] * 3, [Why.LOW_MARGIN]),  # the labels are clear, the compartments are not
        (SURE, [vote(), vote(1), vote()], [Why.VOTES_DISAGREE]),
        (event(0.98, 0.02, outcome=Outcome.JAM), [vote()] * 3, [Why.JAM]),
        (event(0.98, 0.02, outcome=Outcome.FLAP_ERROR), [vote()] * 3, [Why.FLAP_ERROR]),
    ],
)
def test_each_reason(seen: SortEvent, votes: list[Prediction], why: list[Why]) -> None:
    assert list(worth(seen, votes, RULES, NEVER).why) == why


def test_strange_things_are_kept_where_the_model_can_tell() -> None:
    rules = replace(RULES, novelty=Novelty(Statistics(KNOWN), threshold=0.5))
    known, odd = vote(embedding=(1, 1, 0, 0)), vote(embedding=(0, 0, 1, 0))
    assert worth(SURE, [known] * 3, rules, NEVER) == Worth((), 0.0)
    assert worth(SURE, [odd] * 3, rules, NEVER) == Worth((Why.STRANGE,), 1.0)
    assert strangeness([odd], rules.novelty) == pytest.approx(2.0)
    assert strangeness([vote()], rules.novelty) == 0, "a model without an embedding"


def test_a_share_of_what_was_sure_is_drawn_whatever_it_was() -> None:
    assert worth(SURE, [vote()], RULES, 0.0999) == Worth((Why.RANDOM,), 0.5)
    assert worth(SURE, [vote()], RULES, 0.1) == Worth((), 0.0)
    hard = worth(event(0.5, 0.5), [vote()], RULES, ALWAYS)
    assert hard.why == (Why.LOW_MARGIN,), "the sample is of the others"
    assert not worth(SURE, [vote()], replace(RULES, random_share=0.0), ALWAYS).why


def test_what_was_a_toss_up_is_asked_about_first() -> None:
    def usefulness(seen: SortEvent) -> float:
        return worth(seen, [vote()], RULES, NEVER).usefulness

    toss_up, close = usefulness(event(0.5, 0.0, 0.5)), usefulness(event(0.6, 0.4))
    stuck = usefulness(event(1.0, 0.0, outcome=Outcome.JAM))
    costly = usefulness(event(1.0, 0.0, outcome=Outcome.ABSTAINED))
    assert toss_up == 1.0 > close > costly == 0.5 > stuck == 0.3


def test_the_mean_of_the_votes_is_what_was_seen() -> None:
    mean = mean_embedding([vote(embedding=(0, 2)), vote(embedding=(1, 4))])
    assert mean is not None
    assert (mean.tolist(), mean.dtype.name) == ([0.5, 3.0], "float32")
    assert mean_embedding([vote()]) is None


@given(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), st.floats(0, 1), st.sampled_from(list(Outcome)))
def test_usefulness_is_a_fraction_and_there_when_a_reason_is(odds: list[float], drawn: float, end: Outcome) -> None:
    ps = [odd / sum(odds) for odd in odds]
    found = worth(event(ps[0], ps[1], ps[2], outcome=end), [vote()], RULES, drawn)
    assert 0 <= found.usefulness <= 1
    assert bool(found.why) == (found.usefulness > 0)
