"""From the classifier's answers to the compartment. Pure.

1. A vote is a prediction: softmax(logits / temperature), so its numbers are calibrated probabilities of the labels.
2. The votes, each on the item in another lay (edge.preprocess.laid), are averaged and summed over each compartment's
   labels: paper against cardboard does not matter when both go the same way.
3. Putting an item of compartment A into B costs costs[A][B]: 0 in the right one, 1 in a wrong one unless the table says
   otherwise. The compartment with the least expected cost, sum over A of p(A) * costs[A][B], is chosen. Without a table
   that is the most probable one. With {"hazard": {"recycling": 20}} nothing goes to recycling while a battery is more
   likely than one in about twenty.
4. The bin abstains, and the item goes to the default compartment, when the item is like nothing the model was trained
   on (edge.novelty, averaged over the votes), when the chosen compartment's own probability is below `abstain_below`,
   or when not more than half of the votes would have chosen it alone.

`label` is always the most probable label. It need not be one of the chosen compartment's: several smaller labels may
outweigh it together, a cost may forbid its compartment, or the bin abstained. `compartment_confidence` is the
probability that the item belongs into the compartment it goes to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge.model import Decision, LabelProbability, Outcome, Prediction
from edge.novelty import Novelty, times_threshold
from edge.softmax import softmax

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Policy:
    """What to make of the classifier's answers.

    labels: in the order of the logits. temperature: > 0, from the manifest. routes: label -> compartment.
    default: the compartment of an item the bin is unsure about. abstain_below: probability, 0..1.
    costs: true compartment -> chosen compartment -> cost, >= 0.
    novelty: what tells unknown things, or None. unknown_above: times its threshold, from where a thing is unknown.
    Raises ValueError when these do not fit each other.
    """

    labels: tuple[str, ...]
    routes: Mapping[str, str]
    default: str
    temperature: float = 1.0
    abstain_below: float = 0.6
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    novelty: Novelty | None = None
    unknown_above: float = 1.0

    def __post_init__(self) -> None:
        unrouted = [label for label in self.labels if label not in self.routes]
        if unrouted:
            raise ValueError(f"no compartment takes {', '.join(unrouted)}")
        unknown = {name for true, row in self.costs.items() for name in (true, *row)} - set(self.compartments)
        if unknown:
            raise ValueError(f"costs name no compartment: {', '.join(sorted(unknown))}")
        if not self.temperature > 0:
            raise ValueError(f"the temperature must be above 0, not {self.temperature}")

    @property
    def compartments(self) -> tuple[str, ...]:
        """Every compartment, the default included, in a fixed order."""
        return tuple(dict.fromkeys((*self.routes.values(), self.default)))


def decide(predictions: Sequence[Prediction], policy: Policy) -> Decision:
    """Where the item goes, from one prediction a vote. Raises ValueError without a vote or when logits do not fit."""
    votes = _probabilities(predictions, policy)
    belongs, costs = _membership(policy), _costs(policy)
    mean = votes.mean(axis=0)
    by_compartment = mean @ belongs
    chosen = _cheapest(by_compartment, costs)
    choices = [_cheapest(vote @ belongs, costs) for vote in votes]
    reason = _strange(predictions, policy) or _doubt(chosen, by_compartment, choices, policy)
    compartment = chosen if reason is None else policy.compartments.index(policy.default)
    top = _ranked(mean, policy.labels)
    return Decision(
        outcome=Outcome.SORTED if reason is None else Outcome.ABSTAINED,
        label=top[0].label,
        confidence=top[0].p,
        compartment=policy.compartments[compartment],
        compartment_confidence=min(1.0, float(by_compartment[compartment])),
        reason=reason,
        top=top,
        votes=len(predictions),
    )


def together(decisions: Sequence[Decision], policy: Policy) -> Decision:
    """Several things on the tray, which fall together: where one would go if all go there, else the default.

    The least sure of them speaks for all. Raises ValueError without a decision.
    """
    weakest = min(decisions, key=lambda decision: decision.compartment_confidence)
    if len({decision.compartment for decision in decisions}) == 1:
        return weakest
    ways = ", ".join(f"{decision.label} to {decision.compartment}" for decision in decisions)
    mine = [choice.p for choice in weakest.top if policy.routes[choice.label] == policy.default]
    return replace(
        weakest,
        outcome=Outcome.ABSTAINED,
        compartment=policy.default,
        compartment_confidence=min(1.0, math.fsum(mine)),
        reason=f"several items that do not go together: {ways}",
    )


def _probabilities(predictions: Sequence[Prediction], policy: Policy) -> _Floats:
    """(votes, labels): calibrated, each row sums to 1."""
    if not predictions:
        raise ValueError("nothing to decide: no prediction was given")
    logits = np.stack([prediction.logits for prediction in predictions]).astype(np.float64)
    if logits.shape[1:] != (len(policy.labels),) or not np.isfinite(logits).all():
        raise ValueError(f"each vote must be {len(policy.labels)} finite logits, one for each label")
    return softmax(logits, policy.temperature)


def _membership(policy: Policy) -> _Floats:
    """(labels, compartments): 1 where the label goes into the compartment."""
    routed = [[policy.routes[label] == name for name in policy.compartments] for label in policy.labels]
    return np.array(routed, dtype=np.float64)


def _costs(policy: Policy) -> _Floats:
    """(compartments, compartments): of an item of the first going into the second."""
    names = policy.compartments
    table = [[policy.costs.get(true, {}).get(name, float(true != name)) for name in names] for true in names]
    return np.array(table)


def _cheapest(by_compartment: _Floats, costs: _Floats) -> int:
    """Index of the compartment with the least expected cost; of equals, the one the item more probably belongs into."""
    return int(np.lexsort((-by_compartment, by_compartment @ costs))[0])


def _strange(predictions: Sequence[Prediction], policy: Policy) -> str | None:
    """Why the item is none of the labels, or None. Raises ValueError when an embedding is missing or does not fit."""
    if policy.novelty is None:
        return None
    embeddings = [prediction.embedding for prediction in predictions if prediction.embedding is not None]
    if len(embeddings) < len(predictions):
        raise ValueError("to tell unknown things each vote must carry the model's embedding")
    strangeness = times_threshold(embeddings, policy.novelty)
    if strangeness <= policy.unknown_above:
        return None
    # Raised rather than rounded, as _doubt cuts: "1.00 above 1.00" would be a riddle.
    shown = math.ceil(strangeness * 100 - 1e-3) / 100
    return f"unknown: like nothing it was trained on ({shown:.2f} above {policy.unknown_above:.2f})"


def _doubt(chosen: int, by_compartment: _Floats, choices: Sequence[int], policy: Policy) -> str | None:
    """Why not to believe the choice, or None."""
    p = by_compartment[chosen]
    names = policy.compartments
    if p < policy.abstain_below:
        likeliest = int(by_compartment.argmax())
        costly = f"; {names[likeliest]} {_cut(by_compartment[likeliest])} is likelier, but too costly if wrong"
        said = f"unsure: {names[chosen]} {_cut(p)} below {policy.abstain_below:.2f}"
        return said + costly if by_compartment[likeliest] > p else said
    if choices.count(chosen) * 2 <= len(choices):
        return f"votes disagree: {', '.join(names[choice] for choice in choices)}"
    return None


def _cut(p: float) -> str:
    """Cut rather than rounded, last bits aside: "0.60 below 0.60" would be a riddle."""
    return f"{math.floor(p * 100 + 1e-3) / 100:.2f}"


def _ranked(probabilities: _Floats, labels: Sequence[str]) -> tuple[LabelProbability, ...]:
    order = np.argsort(-probabilities, kind="stable")
    return tuple(LabelProbability(labels[i], float(probabilities[i])) for i in order)
