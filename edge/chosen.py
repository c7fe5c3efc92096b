"""Which model answers: the one that was chosen, with the head that was taught to it, if both fit the compartments."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from edge import config, manifest
from edge.adapters.head_store import HeadStore
from edge.adapters.litert import LiteRtClassifier
from edge.adapters.model_keeper import ModelKeeper
from edge.adapters.model_store import ModelStore
from edge.classify import Judge
from edge.config import Settings
from edge.decision import Policy
from edge.errors import ConfigError, ModelError, SmartBinError
from edge.head import BASE, NUMBER
from edge.manifest import Manifest
from edge.model_choice import SHIPPED
from edge.taught import TaughtClassifier

NO_HEAD = "head {number} does not answer, the model's own layer does: {error}"

NO_COMPARTMENT = "no compartment of the demo takes {labels}: shown as {name}; --config names a file with your own"
OTHER_STATISTICS = (
    "{folder}: what it tells unknown things by is of {of} features, the model gives {gives}. "
    "Package the model again with `smartbin-convert package`."
)


def untaught_labels(settings: Settings) -> Sequence[str]:
    """Those in the configuration that neither the model nor its head knows. Raises ModelError."""
    model = manifest.load(chosen_model(settings).model.path)
    heads = heads_of(settings, model)
    number = heads.chosen()
    return config.new_labels(settings, model.labels if number == BASE else heads.load(number).about.labels)


def chosen_model(settings: Settings) -> Settings:
    """The same settings with the model that was chosen: an installed package takes the place of the shipped one."""
    store = ModelStore(settings.models_folder)
    package = store.usable()
    return settings if package == SHIPPED else with_model(settings, store.path(package))


def with_model(settings: Settings, folder: Path) -> Settings:
    """The same settings with another model folder."""
    return settings.model_copy(update={"model": settings.model.model_copy(update={"path": folder})})


def to_try(settings: Settings, folder: Path, say: Callable[[str], None]) -> Settings:
    """The demo's settings with a model of any classes: those that no compartment takes go into the default one.

    Raises ModelError.
    """
    homeless = [label for label in manifest.load(folder).labels if label not in settings.routes]
    name = settings.default_compartment
    taking = settings.compartments[name]
    if homeless:
        say(NO_COMPARTMENT.format(labels=", ".join(homeless), name=name))
    more = taking.model_copy(update={"labels": (*taking.labels, *homeless)})
    return with_model(settings, folder).model_copy(update={"compartments": {**settings.compartments, name: more}})


def use_model(settings: Settings, wanted: str) -> None:
    """Run another model, or another head of the one that runs, from now on.

    Raises UpdateError, ModelError, ConfigError: it cannot be run here.
    """
    if wanted == BASE or re.fullmatch(NUMBER, wanted):
        use_head(settings, wanted)
        return
    store = ModelStore(settings.models_folder)
    if wanted in store.installed():
        open_package(settings, store.path(wanted))[1].close()
    store.use(wanted)


def use_head(settings: Settings, number: str) -> None:
    """Raises UpdateError: not there; ModelError: damaged; ConfigError: it answers labels that go nowhere."""
    heads = heads_of(settings, manifest.load(chosen_model(settings).model.path))
    if number in heads.numbers():
        check_labels(settings, heads.load(number).about.labels)
    heads.use(number)


def open_chosen(settings: Settings, keeper: ModelKeeper) -> tuple[Settings, LiteRtClassifier]:
    """The model that is to run, and the settings with its path. Raises ModelError, ConfigError of the shipped one."""
    return keeper.open(time.monotonic(), partial(open_package, settings), lambda: (settings, open_classifier(settings)))


def open_package(settings: Settings, folder: Path) -> tuple[Settings, LiteRtClassifier]:
    """An installed one, and the settings with its path. Raises ModelError, ConfigError."""
    with_it = with_model(settings, folder)
    return with_it, open_classifier(with_it)


def with_head(
    settings: Settings, classifier: LiteRtClassifier
) -> tuple[LiteRtClassifier | TaughtClassifier, str | None, str | None]:
    """What answers: the classifier with the head that was chosen, or as it is.

    The head's number, where one answers; and why the one that was chosen does not.
    """
    model = classifier.manifest
    heads = heads_of(settings, model)
    number = heads.chosen()
    if number == BASE:
        return classifier, None, None
    try:
        head = heads.load(number)
        check_labels(settings, head.about.labels)
        return TaughtClassifier(classifier, model, number, head), number, None
    except SmartBinError as error:
        return classifier, None, NO_HEAD.format(number=number, error=error)


@contextmanager
def judge(settings: Settings, *, taught: bool = False) -> Iterator[tuple[Judge, Manifest]]:
    """What answers on single pictures, and its model. taught: as the bin of these settings was.

    Raises ModelError, ConfigError.
    """
    opened = open_classifier(settings)
    with closing(with_head(settings, opened)[0] if taught else opened) as classifier:
        model = classifier.manifest
        policy = policy_for(settings, model)
        yield Judge(classifier, policy, model.id, model.input.crop_margin, settings.policy.votes), model


def heads_of(settings: Settings, model: Manifest) -> HeadStore:
    """The heads that were taught to this model here."""
    return HeadStore(settings.heads_folder, model.sha256)


def open_classifier(settings: Settings) -> LiteRtClassifier:
    """Load and warm up the model. Raises ModelError, ConfigError when its labels are not all routed."""
    folder = settings.model.path
    classifier = LiteRtClassifier(folder, settings.model.threads)
    model = classifier.manifest
    try:
        check_labels(settings, model.labels)
        strange, gives = manifest.load_novelty(folder, model), classifier.features
        if strange is not None and (of := len(strange.statistics.basis)) != gives:
            raise ModelError(OTHER_STATISTICS.format(folder=folder, of=of, gives=gives))
    except (ConfigError, ModelError):
        classifier.close()
        raise
    return classifier


def checked_model(settings: Settings) -> Manifest:
    """What is said of the model, which fits the compartments. Raises ModelError, ConfigError."""
    model = manifest.load(settings.model.path)
    check_labels(settings, model.labels)
    return model


def check_labels(settings: Settings, labels: Sequence[str]) -> None:
    """Raises ConfigError unless every label that may be answered goes into exactly one compartment."""
    problems = config.route_problems(settings, labels)
    if problems:
        raise ConfigError(problems)


def _costs(settings: Settings) -> Mapping[str, Mapping[str, float]]:
    """Without those of compartments that take no label (yet): nothing belongs there, and nothing is sent there."""
    taking = {*settings.routes.values(), settings.default_compartment}
    return {
        true: {name: cost for name, cost in row.items() if name in taking}
        for true, row in settings.policy.costs.items()
        if true in taking
    }


def policy_for(settings: Settings, model: Manifest) -> Policy:
    """What the configuration and the model say about deciding. Raises ModelError: its statistics cannot be read."""
    return Policy(
        labels=model.labels,
        routes=settings.routes,
        default=settings.default_compartment,
        temperature=model.temperature,
        abstain_below=settings.policy.abstain_below,
        costs=_costs(settings),
        novelty=manifest.load_novelty(settings.model.path, model) if settings.policy.unknown else None,
        unknown_above=settings.policy.unknown_above,
    )
