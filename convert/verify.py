"""How good the packaged model is, measured with the code that runs on the Pi, and what quantising it has cost.

Labels, compartments, calibration, coverage, other cameras, corruptions and unknown things; `report` shows it all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convert import evaluate, figures, metrics
from convert.atbin import ask_before, at_bin
from convert.errors import RecipeError
from convert.evaluate import Group
from convert.figures import FILE, Compared, Figures, Robustness, Runtime
from convert.floatmodel import FloatModel, ask, keras_model
from convert.measure import (
    LITERT,
    TFLITE,
    Answers,
    Runner,
    described,
    in_fresh_process,
    installed,
    machine,
    measure,
    measure_corrupted,
    works,
)
from convert.metrics import Logits
from convert.samples import Sample, by_bin, folder_of_all, read_samples, sources, truth_of
from convert.split import ROBUST
from convert.summary import to_text
from convert.unknown import judge_unknown
from edge.classify import expand
from edge.manifest import Manifest, load, load_novelty

SEED = 0
_SLOW_PICTURES = 300  # tflite-runtime is some thirty times slower than LiteRT on x86


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. robust: of other sources; unknown: of none of the labels; corrupted: how many of `samples`.

    locate: look at the item found on a picture, not at the whole. before: a model folder to compare with at the bins.
    """

    part: str
    samples: tuple[Sample, ...]
    robust: tuple[Sample, ...] = ()
    unknown: tuple[Path, ...] = ()
    corrupted: int = 0
    locate: bool = False
    before: Path | None = None


def verify(folder: Path, plan: Plan, float_model: FloatModel | None = None, run: Runner = in_fresh_process) -> Figures:
    """Measure a model folder; `run` asks the packaged file. Raises ModelError, DataError, ImageError, RecipeError."""
    manifest = load(folder)
    asked = _ask(folder, plan, manifest, float_model, run)
    main = asked.main
    threshold, points = evaluate.coverage(main, manifest)
    confusion = metrics.confusion(main.logits, main.truth, len(manifest.labels))
    return Figures(
        schema=2,
        model=manifest.id,
        part=plan.part,
        crop="item" if plan.locate else "whole",
        temperature=manifest.temperature,
        runtime=_runtime(main.answers),
        main=evaluate.scores(main, manifest),
        labels=evaluate.label_scores(confusion, manifest.labels),
        confusion=tuple(map(tuple, confusion.tolist())),
        reliability_raw=evaluate.reliability(main, 1.0),
        reliability=evaluate.reliability(main, manifest.temperature),
        threshold=threshold,
        coverage=points,
        sources=tuple(evaluate.scores(source, manifest) for source in asked.sources),
        bins=tuple(at_bin(group, asked.before, manifest) for group in asked.bins),
        robustness=_robustness(folder, plan, main, manifest, run),
        unknown=judge_unknown(main.answers, asked.unknown, manifest.temperature, load_novelty(folder, manifest)),
        other_runtime=_other_runtime(folder, plan, main, manifest, run),
        mistakes=evaluate.mistakes(main, _names(plan.samples), manifest),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    main: Group
    sources: tuple[Group, ...]
    bins: tuple[Group, ...]
    before: Mapping[str, Logits]  # what the earlier model says of each bin's pictures
    unknown: Answers


def _ask(folder: Path, plan: Plan, manifest: Manifest, float_model: FloatModel | None, run: Runner) -> _Asked:
    """The answers on everything but corrupted pictures, asked in one go: each picture once."""
    samples = list(dict.fromkeys((*plan.samples, *plan.robust)))
    truth = truth_of(samples, manifest.labels)
    files = [sample.path for sample in samples]
    answers = run(measure, folder, [*files, *plan.unknown], plan.locate)
    reference = None if float_model is None else ask(float_model, files, manifest, plan.locate)
    position = {sample: i for i, sample in enumerate(samples)}

    def group(name: str, members: Sequence[Sample]) -> Group:
        at = np.array([position[sample] for sample in members], dtype=np.int64)
        return Group(name, answers.of(at), truth[at], None if reference is None else reference[at])

    return _Asked(
        main=group(plan.part, plan.samples),
        sources=tuple(group(*source) for source in sources(plan.robust).items()),
        bins=tuple(group(*of_bin) for of_bin in by_bin(plan.samples).items()),
        before={} if plan.before is None else ask_before(plan.before, plan.samples, manifest, run, plan.locate),
        unknown=answers.of(np.arange(len(samples), len(answers.logits))),
    )


def _robustness(folder: Path, plan: Plan, main: Group, manifest: Manifest, run: Runner) -> Robustness | None:
    if not plan.corrupted:
        return None
    chosen = evaluate.stratified(main.truth, plan.corrupted, SEED)
    files = [plan.samples[i].path for i in chosen]
    logits = run(measure_corrupted, folder, files, plan.locate, SEED)
    return evaluate.robustness(main.logits[chosen], logits, main.truth[chosen], manifest, SEED)


def _other_runtime(folder: Path, plan: Plan, main: Group, manifest: Manifest, run: Runner) -> Compared | None:
    if not (installed(LITERT) and installed(TFLITE) and run(works, TFLITE)):
        return None
    chosen = evaluate.stratified(main.truth, _SLOW_PICTURES, SEED)
    files = [plan.samples[i].path for i in chosen]
    other = run(measure, folder, files, plan.locate, TFLITE)
    return evaluate.compared(other.logits, main.logits[chosen], main.truth[chosen], manifest)


def _runtime(answers: Answers) -> Runtime:
    return Runtime(
        name=described(LITERT if installed(LITERT) else TFLITE),
        machine=machine(),
        latency_median_ms=float(np.median(answers.latency_ms)),
        latency_p95_ms=float(np.quantile(answers.latency_ms, 0.95)),
    )


def _names(samples: Sequence[Sample]) -> list[str]:
    shared = folder_of_all(samples)
    return [Path(os.path.relpath(sample.path.absolute(), shared)).as_posix() for sample in samples]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The step on the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="measure a model folder with the code that runs on the Pi; writes verify.json into it",
        description=__doc__,
        epilog="example:\n"
        "  smartbin-convert verify models/my-bin --splits build/set/splits.csv --keras build/run/model.keras\n"
        "  smartbin-convert report models/my-bin --out report.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="MODEL_FOLDER", help="what `package` wrote")
    parser.add_argument("--splits", required=True, type=Path, metavar="CSV", help="splits.csv that `prepare` wrote")
    parser.add_argument(
        "--data", type=Path, default=Path(), metavar="DIR", help="where relative paths in it start (here)"
    )
    parser.add_argument("--part", default="test", help="test, validation, robust or train (%(default)s)")
    parser.add_argument("--keras", type=Path, metavar="FILE", help="compare with this float model")
    parser.add_argument("--locate", action="store_true", help="look at the item found, not at the whole picture")
    parser.add_argument(
        "--before", type=Path, metavar="MODEL_FOLDER", help="how good this one was at each bin: what retraining gained"
    )
    parser.add_argument("--unknown", type=Path, metavar="DIR", help="pictures of none of the labels")
    parser.add_argument(
        "--corrupted",
        type=int,
        default=300,
        metavar="N",
        help="pictures to corrupt in 30 ways each, drawn from all labels (%(default)s; 0: none)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"(MODEL_FOLDER/{FILE})")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.corrupted < 0:
        raise RecipeError("--corrupted: 0 or more pictures.")
    plan = Plan(
        part=options.part,
        samples=read_samples(options.splits, options.data, options.part),
        robust=read_samples(options.splits, options.data, ROBUST, needed=False),
        unknown=() if options.unknown is None else tuple(expand([options.unknown])),
        corrupted=options.corrupted,
        locate=options.locate,
        before=options.before,
    )
    if plan.before is not None and not by_bin(plan.samples):
        raise RecipeError(
            f"--before: no picture of the {plan.part} part is from a bin. Give `prepare` what `smartbin review export` "
            "took from bins; it says of which none is tested, and why."
        )
    found = verify(options.folder, plan, None if options.keras is None else keras_model(options.keras))
    out = options.out or options.folder / FILE
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(figures.to_json(found), encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{out}: {error.strerror}. Choose another place with --out.") from error
    print(to_text(found), end="")
    print(f"written to {out}; the page and the model card are made from it with")
    print(f"  smartbin-convert report {options.folder} --pictures {folder_of_all(plan.samples)} --out report.html")
