"""Made-up figures of a made-up model, with everything that can be measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convert.corruptions import CORRUPTIONS, STRENGTHS
from convert.figures import (
    AtBin,
    Bin,
    Compared,
    Corrupted,
    Figures,
    LabelScore,
    Mistake,
    Point,
    Robustness,
    Runtime,
    Scores,
    Unknown,
    share,
)
from edge.model import ModelId

_COMPARED = Compared(label=share(91, 100), compartment=share(96, 100), agreement=share(97, 100))
_SCORES = Scores("test", share(90, 100), share(95, 100), 0.12, 0.015, share(1, 91), _COMPARED)


def figures(**changes: Any) -> Figures:
    """changes: fields that shall differ."""
    return replace(_FIGURES, **changes)


_FIGURES = Figures(
    schema=2,
    model=ModelId("tiny-colours", "1.0.0", "0" * 64),
    part="test",
    crop="whole",
    temperature=0.5,
    runtime=Runtime("ai-edge-litert 2.3.0", "x86_64, Linux", 8.1, 12.3),
    main=_SCORES,
    labels=(LabelScore("metal", 60, 58, 0.95, 0.93, 0.94), LabelScore("a <b> | c", 40, 42, 0.82, 0.87, 0.84)),
    confusion=((55, 5), (5, 35)),
    reliability_raw=(Bin(0, 0.0, 0.0), Bin(60, 0.6, 0.8), Bin(40, 0.8, 1.0)),
    reliability=(Bin(0, 0.0, 0.0), Bin(30, 0.7, 0.72), Bin(70, 0.95, 0.96)),
    threshold=0.62,
    coverage=(Point(0.99, 0.3, 0.0), Point(0.62, 0.91, 0.011), Point(0.2, 1.0, 0.05)),
    sources=(replace(_SCORES, name="bin-camera", label=share(40, 50)),),
    robustness=Robustness(
        0,
        share(9, 10),
        share(10, 10),
        tuple(
            Corrupted(name, strength, share(9 - strength, 10), share(10 - strength, 10))
            for name in CORRUPTIONS
            for strength in STRENGTHS
        ),
        0.6,
    ),
    unknown=Unknown("probability of the best label", 0.7, share(95, 100), share(18, 20), 0.97),
    other_runtime=_COMPARED,
    bins=(
        AtBin(replace(_SCORES, name="lobby-1", label=share(30, 40)), _COMPARED),
        AtBin(replace(_SCORES, name="cafe")),
    ),
    mistakes=(Mistake("set/metal/1.png", "metal", "a <b> | c", 0.99, True),),
)
