"""What is said about a model in words, on the page and on the model card alike, from its manifest and figures."""

from __future__ import annotations

from dataclasses import dataclass

from convert.evaluate import MEAN_STRENGTH
from convert.figures import Figures, Share
from edge.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure that matters. floating: the same of the float model, where it was asked."""

    name: str
    value: str
    note: str
    floating: str = ""


def percent(value: float, digits: int = 1) -> str:
    """94.7 %"""
    return f"{value * 100:.{digits}f} %"


def interval(value: Share) -> str:
    """Counts and the 95 % interval."""
    return f"{value.right} of {value.total}; 95 %: {value.low * 100:.1f} to {percent(value.high)}"


def headlines(figures: Figures) -> tuple[Headline, ...]:
    """The figures to look at first."""
    main, compared, robustness, unknown = figures.main, figures.main.float_model, figures.robustness, figures.unknown
    found = [
        Headline(
            "labels right",
            percent(main.label.value),
            interval(main.label),
            percent(compared.label.value) if compared else "",
        ),
        Headline(
            "compartments right",
            percent(main.compartment.value),
            interval(main.compartment),
            percent(compared.compartment.value) if compared else "",
        ),
        Headline(
            "wrong compartment, of those answered at 90 % coverage",
            percent(main.wrong.value, 2),
            f"{interval(main.wrong)}; threshold {figures.threshold:.2f}",
        ),
        Headline(
            "calibration error (ECE)", percent(main.ece, 2), f"before temperature: {percent(main.ece_raw, 2)}; 15 bins"
        ),
    ]
    if compared:
        found.append(Headline("same label as float", percent(compared.agreement.value), interval(compared.agreement)))
    if robustness:
        lost = (robustness.clean.value - robustness.mean) * 100
        note = f"{lost:.1f} points below clean; {robustness.clean.total} pictures, six corruptions"
        found.append(Headline(f"labels right, corrupted at strength {MEAN_STRENGTH}", percent(robustness.mean), note))
    if unknown:
        note = f"{interval(unknown.abstained)}; {percent(unknown.known.value)} of the known are answered"
        found.append(Headline("unknown things abstained from", percent(unknown.abstained.value), note))
    return tuple(found)


def measured_on(figures: Figures) -> str:
    """One sentence on what the figures mean."""
    what = {
        "test": "held-out test pictures, on which nothing was chosen",
        "validation": "validation pictures, on which the temperature was fitted: a little too kind",
        "train": "training pictures: this says nothing about new ones",
    }.get(figures.part, f"pictures of the part {figures.part}")
    looked = "the item found on it" if figures.crop == "item" else "the whole picture"
    return (
        f"{figures.main.label.total} {what}. The packaged file was asked in a process of its own through the code that "
        f"runs in the bin ({figures.runtime.name}, {figures.runtime.machine}); of each picture it saw {looked}. "
        "Intervals are Wilson's."
    )


def intended_use() -> tuple[str, ...]:
    """What the model is for, and what not."""
    return (
        "For: one item of household waste at a time, near and whole in the picture, in a bin that runs Smart Bin or "
        "in a program that asks the same question.",
        "Not for: several things in one picture, people, medical or industrial waste, or any use in which a wrong "
        "answer does harm that nobody checks. A battery among paper burns: give such mistakes a cost "
        "(`[policy.costs]`), and let the bin abstain when it is unsure (`abstain_below`).",
    )


def limits(figures: Figures | None) -> tuple[str, ...]:
    """What to expect of it where, from the figures where there are any."""
    known = (
        "It is sure of what looks like its training pictures and errs on what does not: crumpled film, labelled jars, "
        "other light, other angles. Measure it on pictures of your own bin.",
    )
    if figures is None:
        return (*known, "It always names one of its labels, also of a thing that is none of them.")
    return (*known, _weakest(figures), *_elsewhere(figures), *_when_corrupted(figures), _of_unknown(figures))


def reproduce(manifest: Manifest, figures: Figures | None) -> tuple[str, ...]:
    """The commands, with the places of the README's example."""
    folder = f"models/{manifest.name}"
    verify = f"smartbin-convert verify {folder} --splits build/set/splits.csv"
    if figures is not None:
        verify += f" --part {figures.part}" if figures.part != "test" else ""
        verify += " --keras build/run/model.keras" if figures.main.float_model else ""
        verify += " --unknown unknown/" if figures.unknown else ""
        verify += " --locate" if figures.crop == "item" else ""
        verify += f" --corrupted {figures.robustness.clean.total if figures.robustness else 0}"
    return (
        *(line for line in manifest.provenance.command.splitlines() if line.strip()),
        "smartbin-convert quantize build/run --out build/model.tflite",
        f"smartbin-convert package build/run build/model.tflite --name {manifest.name} --out {folder}",
        verify,
        f"smartbin-convert report {folder} --pictures pictures/ --out report.html",
    )


def _weakest(figures: Figures) -> str:
    scored = sorted((s.f1, s.label) for s in figures.labels if s.f1 is not None)
    labels = [score.label for score in figures.labels]
    mixed = sorted(
        (
            (count, labels[i], labels[j])
            for i, row in enumerate(figures.confusion)
            for j, count in enumerate(row)
            if i != j
        ),
        reverse=True,
    )
    text = "Weakest labels: " + ", ".join(f"{label} (F1 {percent(f1)})" for f1, label in scored[:3]) + "."
    often = [f"{truth} called {answer} ({count} times)" for count, truth, answer in mixed[:3] if count]
    return f"{text} Most frequent mistakes: {', '.join(often)}." if often else text


def _elsewhere(figures: Figures) -> tuple[str, ...]:
    if not figures.sources:
        return ("It was not measured on pictures of another source than its training pictures.",)
    found = ", ".join(
        f"{s.name} {percent(s.label.value)} of labels and {percent(s.compartment.value)} of compartments"
        for s in figures.sources
    )
    return (
        f"On other sources it gets: {found}. A bin of your own is more like these than like the held-out pictures.",
    )


def _when_corrupted(figures: Figures) -> tuple[str, ...]:
    if figures.robustness is None:
        return ()
    cells = figures.robustness.cells
    worst = min((cell for cell in cells if cell.strength == MEAN_STRENGTH), key=lambda cell: cell.label.value)
    strongest = next(
        c for c in cells if c.corruption == worst.corruption and c.strength == max(x.strength for x in cells)
    )
    return (
        f"Of the corruptions {worst.corruption} costs most: {percent(worst.label.value)} of labels at strength "
        f"{worst.strength}, {percent(strongest.label.value)} at strength {strongest.strength}.",
    )


def _of_unknown(figures: Figures) -> str:
    text = "It always names one of its labels, also of a thing that is none of them."
    if figures.unknown is None:
        return f"{text} How often a bin would notice that was not measured."
    return (
        f"{text} By the {figures.unknown.score} a bin that answers {percent(figures.unknown.known.value)} of the known "
        f"would notice {percent(figures.unknown.abstained.value)} of the unknown things that were tried."
    )
