"""One TOML file -> frozen settings. Every mistake is reported at once, each with its key and what to write instead.

Every key can also be given as an environment variable: SMARTBIN_<SECTION>__<KEY>, for example SMARTBIN_MQTT__HOST.
Relative paths are relative to the folder of the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from edge.errors import ConfigError
from edge.settings.learning import CaptureSettings, UpdateSettings
from edge.settings.mistakes import across, explained, not_toml
from edge.settings.moving import ChuteSettings, Compartments, FlapsSettings
from edge.settings.section import Section
from edge.settings.seeing import CameraSettings, ModelSettings, PolicySettings, TriggerSettings
from edge.settings.sensors import DoorSettings, FillSettings
from edge.settings.telling import BinSettings, MqttSettings, OutboxSettings, WebSettings

ENV_PREFIX = "SMARTBIN_"
MOST_MEANT = 100  # mistakes for which is looked what was meant
NO_TOML = (ValueError, RecursionError)  # beside its own error, of a number too long and of brackets too deep


class Settings(Section):
    """The whole file."""

    bin: BinSettings
    camera: CameraSettings
    model: ModelSettings
    trigger: TriggerSettings = TriggerSettings()
    policy: PolicySettings = PolicySettings()
    flaps: FlapsSettings
    compartments: Annotated[Compartments, Field(min_length=1)]
    chute: ChuteSettings | None = None
    door: DoorSettings | None = None
    fill: FillSettings = FillSettings()
    mqtt: MqttSettings = MqttSettings()
    web: WebSettings = WebSettings()
    outbox: OutboxSettings = Field(default_factory=OutboxSettings)
    update: UpdateSettings = UpdateSettings()
    capture: CaptureSettings = CaptureSettings()

    @property
    def models_folder(self) -> Path:
        """Where model packages are installed: beside the events, which the bin may write."""
        return self.outbox.path.parent / "models"

    @property
    def heads_folder(self) -> Path:
        """Where taught heads are: beside the events, which the bin may write."""
        return self.outbox.path.parent / "heads"

    @property
    def default_compartment(self) -> str:
        """Where an item goes when the bin abstains."""
        return next(name for name, c in self.compartments.items() if c.default)

    @property
    def routes(self) -> dict[str, str]:
        """label -> compartment"""
        return {label: name for name, c in self.compartments.items() for label in c.labels}

    @property
    def captures(self) -> Path:
        """The folder of the kept items: `captures` beside the outbox unless [capture] names another."""
        return self.capture.path or self.outbox.path.parent / "captures"


def load(path: Path, environ: Mapping[str, str], labels: Sequence[str] | None = None) -> Settings:
    """Read and check the file at `path`. Raises ConfigError with every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError([f"{path}: there is no such file; name yours with --config"]) from error
    except PermissionError as error:
        raise ConfigError(
            [f"{path}: you may not read it; run this with sudo, or name another with --config"]
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read ({error}); name the file with --config"]) from error
    return parse(text, environ, base=path.resolve().parent, name=str(path), labels=labels)


def parse(
    text: str,
    environ: Mapping[str, str],
    *,
    base: Path,
    name: str = "config",
    labels: Sequence[str] | None = None,
) -> Settings:
    """TOML text -> Settings. `labels`: the model's, where known, to check that each is routed once."""
    try:
        table = tomllib.loads(text)
    except NO_TOML as error:
        raise ConfigError([f"{name}: {not_toml(text, error)}"]) from error
    problems: list[str] = []
    merged = _with_environment(table, environ, problems)
    settings = None
    try:
        settings = Settings.model_validate(merged, context={"base": base})
    except ValidationError as error:
        # of a file that is none of ours: a bin that reloads it must not look for 10,000 words meanwhile
        schema = Settings.model_json_schema() if error.error_count() <= MOST_MEANT else {}
        found = [explained(detail, schema) for detail in error.errors(include_url=False)]
        problems += dict.fromkeys(found)  # a list with four wrong numbers has one mistake
    problems += across(merged)
    if settings is not None and labels is not None:
        problems += route_problems(settings, labels)
    if problems or settings is None:
        raise ConfigError([f"{name}: {problem}" for problem in problems])
    return settings


def route_problems(settings: Settings, labels: Iterable[str]) -> list[str]:
    """What is wrong between the routes and a model's labels.

    A label that the model does not know may be one that the bin is to be taught. Only beside one that is not routed it
    is told: then it is most likely that one, misspelt.
    """
    known = list(labels)
    missing = [label for label in known if label not in settings.routes]
    problems = [f"compartments: label {label!r} is not routed; add it to one compartment's labels" for label in missing]
    if missing:
        problems += [
            f"compartments: the model has no label {label!r}; it knows {', '.join(known)}"
            for label in new_labels(settings, known)
        ]
    return problems


def new_labels(settings: Settings, labels: Iterable[str]) -> list[str]:
    """The routed labels that a model does not know: the bin is to be taught them, or nothing is ever called that."""
    return sorted(set(settings.routes) - set(labels))


def _with_environment(table: dict[str, Any], environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in table.items()}
    for variable, text in sorted(environ.items()):
        keys = [key.lower() for key in variable.removeprefix(ENV_PREFIX).split("__")]
        if not variable.startswith(ENV_PREFIX) or len(keys) < 2:
            continue
        node: Any = merged
        for key in keys[:-1]:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node[keys[-1]] = _environment_value(text)
        else:
            problems.append(f"{variable}: there is no table {'.'.join(keys[:-1])} to set a key in")
    return merged


def _environment_value(text: str) -> Any:
    """A TOML value where the text is one (8883, true, [0, 1]), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except NO_TOML:
        return text
