"""One TOML file -> frozen settings. Every mistake is reported at once, each with its key and what to write instead.

Every key can also be given as an environment variable: SMARTBIN_<SECTION>__<KEY>, for example SMARTBIN_MQTT__HOST.
Relative paths are relative to the folder of the file.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from edge.errors import ConfigError

ENV_PREFIX = "SMARTBIN_"
ID_PATTERN = r"^[a-z0-9_-]+$"
OWN_NAMES = ("127.0.0.1", "::1", "localhost")  # of this computer, where nobody else can reach it


def _based(path: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base", Path())
    return (base / path.expanduser()).resolve()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"{path} does not exist; correct the path (it is relative to the folder of this file)")
    return path


def _with_default_kind(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: {"kind": "servo", **c} if isinstance(c, dict) else c for name, c in value.items()}


AnyPath = Annotated[Path, AfterValidator(_based)]
ExistingPath = Annotated[Path, AfterValidator(_based), AfterValidator(_existing)]
Pin = Annotated[int, Field(ge=0, le=27, description="BCM number of a GPIO pin on the header")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of the file. Unknown keys are mistakes, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BinSettings(Section):
    """[bin]: which bin this is.

    id: part of every MQTT topic, so each bin needs its own: a-z, 0-9, _ and -.
    """

    id: Annotated[str, Field(pattern=ID_PATTERN, max_length=64)]


class CameraSettings(Section):
    """[camera]: where the pictures come from.

    source: "picamera2": a camera at the Pi's ribbon; "opencv": USB, network or a video file; "replay": files, to try.
    device: which one: a number, and with "opencv" also "/dev/video0", "rtsp://..." or the name of a video file.
    path: of a replay: a folder of pictures or a video.
    pace: of a replay: "real" as a camera would, "fast" as fast as the bin can.
    size: width and height in pixels.
    fps: frames a second.
    roi: the tray within the picture, as fractions [x, y, width, height].
    loop: of a replay: begin again after the last picture.
    """

    source: Literal["picamera2", "opencv", "replay"]
    device: int | str = 0
    path: ExistingPath | None = None
    pace: Literal["real", "fast"] = "real"
    size: tuple[Annotated[int, Field(ge=64, le=8192)], Annotated[int, Field(ge=64, le=8192)]] = (640, 480)
    fps: Annotated[float, Field(gt=0, le=120)] = 10.0
    roi: tuple[Share, Share, Share, Share] = (0.0, 0.0, 1.0, 1.0)
    loop: bool = False

    @model_validator(mode="after")
    def _roi_has_a_size(self) -> Self:
        x, y, width, height = self.roi
        if width <= 0 or height <= 0 or x + width > 1 or y + height > 1:
            raise ValueError("roi must lie within 0..1 and have a size; write [x, y, width, height] as fractions")
        return self


class ModelSettings(Section):
    """[model]: what says what is on the tray.

    path: a model folder, with model.json and model.tflite.
    threads: of the processor; 0 takes all cores.
    """

    path: ExistingPath
    threads: Annotated[int, Field(ge=0, le=64)] = 0


class TriggerSettings(Section):
    """[trigger]: when an item counts as there.

    kind: "vision": the picture differs from the empty tray; "beam": a light barrier across the tray tells.
    change: least contrast to the empty tray that counts.
    settle_frames: for so many frames an item must lie still.
    margin: how much around the item's box the model sees, as a share of its longer side. Without it, the model's own.
    clear_s: how long an item may take to fall.
    pin: of the beam's receiver.
    broken_is_low: of a beam, whether its receiver is low while something breaks it.
    """

    kind: Literal["vision", "beam"] = "vision"
    change: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.06
    settle_frames: Annotated[int, Field(ge=1, le=100)] = 3
    margin: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    clear_s: Annotated[float, Field(gt=0.0, le=60.0)] = 2.0
    pin: Pin | None = None
    broken_is_low: bool = True


class PolicySettings(Section):
    """[policy]: what the model's answer means.

    votes: pictures looked at for each item.
    abstain_below: less sure than this of a compartment: the default compartment.
    costs: for each true compartment, what it costs to put its item into another (1 where not given):
    hazard = { recycling = 20 } makes 20 times as sure before a battery may go to recycling.
    unknown: whether things like nothing the model was trained on go to the default compartment, where the model can
    tell.
    unknown_above: how strange that is; 1 is the model's own limit, more lets stranger things be sorted.
    """

    votes: Annotated[int, Field(ge=1, le=50)] = 3
    abstain_below: Share = 0.60
    costs: dict[str, dict[str, Annotated[float, Field(ge=0.0)]]] = {}
    unknown: bool = True
    unknown_above: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0


class FlapsSettings(Section):
    """[flaps]: what all flaps share.

    driver: "gpio" moves them, "mock" moves nothing and logs every pulse.
    guard_pin: of a light barrier that a hand in the chute breaks; it stops every flap at once.
    guard_broken_is_low: whether its output is low while the beam is broken; where it is high then, a cut cable counts
    as a hand.
    max_s: no move may take longer.
    """

    driver: Literal["gpio", "mock"]
    guard_pin: Pin | None = None
    guard_broken_is_low: bool = True
    max_s: Annotated[float, Field(gt=0.0, le=30.0)] = 5.0


Angle = Annotated[float, Field(ge=-360.0, le=360.0)]
Hold = Annotated[float, Field(ge=0.0, le=30.0)]
PulseMs = Annotated[float, Field(gt=0.0, le=10.0)]


class DoorSettings(Section):
    """[door]: a switch at the door through which the bin is emptied. Nothing moves while it is open.

    pin: of the switch, which leads to ground.
    open_is_low: whether the pin is low while the door is open; false: a cut cable counts as open.
    empties: whether opening it empties every compartment.
    """

    pin: Pin
    open_is_low: bool = False
    empties: bool = False


Centimetres = Annotated[float, Field(ge=2.0, le=400.0, description="what an ultrasonic sensor can measure")]


class FillSensor(Section):
    """[compartments.NAME.fill]: an ultrasonic sensor that looks down into the compartment, and what it sees there.

    trigger_pin: starts a measurement.
    echo_pin: hears it; the sensor gives 5 V, the pin takes 3.3 V: divide it.
    empty_cm: what it measures when nothing lies in there.
    full_cm: what it measures when nothing more goes in.
    """

    trigger_pin: Pin
    echo_pin: Pin
    empty_cm: Centimetres
    full_cm: Centimetres

    @model_validator(mode="after")
    def _full_is_nearer(self) -> Self:
        if self.full_cm >= self.empty_cm:
            raise ValueError("full_cm must be less than empty_cm: what lies high is near the sensor")
        return self


class FillSettings(Section):
    """[fill]: what the fill sensors are for.

    alert_at: the share from which a compartment is told as full.
    every_s: how often it is measured.
    """

    alert_at: Annotated[float, Field(ge=0.2, le=1.0)] = 0.8
    every_s: Annotated[float, Field(ge=5.0, le=3600.0)] = 60.0


class CompartmentSettings(Section):
    """[compartments.NAME]: what every compartment has.

    labels: of the model, that go here; each label goes to exactly one compartment.
    default: what the bin is unsure about goes here; true in exactly one.
    fill: a sensor that tells how full it is.
    """

    labels: tuple[str, ...] = ()
    default: bool = False
    fill: FillSensor | None = None


class ServoCompartment(CompartmentSettings):
    """kind = "servo": one servo opens this compartment.

    pin: of the servo's signal.
    rest: degrees, closed.
    open: degrees, open.
    min_angle, max_angle: degrees at the shortest and the longest pulse.
    min_pulse_ms, max_pulse_ms: what the servo's data sheet says.
    open_s: how long it stays open.
    settle_s: how long it may take back to rest; then the pulses stop.
    """

    kind: Literal["servo"]
    pin: Pin
    rest: Angle = 0.0
    open: Angle = 90.0
    min_angle: Angle = -90.0
    max_angle: Angle = 90.0
    min_pulse_ms: PulseMs = 0.5
    max_pulse_ms: PulseMs = 2.5
    open_s: Hold = 0.6
    settle_s: Hold = 0.4

    @model_validator(mode="after")
    def _in_reach(self) -> Self:
        if not all(self.min_angle <= angle <= self.max_angle for angle in (self.rest, self.open)):
            raise ValueError("rest and open must lie between min_angle and max_angle; widen those or correct these")
        if self.min_pulse_ms >= self.max_pulse_ms:
            raise ValueError("min_pulse_ms must be below max_pulse_ms; see the servo's data sheet")
        return self


class SolenoidCompartment(CompartmentSettings):
    """kind = "solenoid": a relay or transistor pulls a latch.

    pin: of the relay's or transistor's input.
    pulse_s: how long it pulls.
    max_on_s: never longer than this, to protect the coil.
    active_high: whether the input is on while the pin is high; many relay boards want false.
    """

    kind: Literal["solenoid"]
    pin: Pin
    pulse_s: Hold = 0.5
    max_on_s: Annotated[float, Field(gt=0.0, le=10.0)] = 2.0
    active_high: bool = True

    @model_validator(mode="after")
    def _spares_the_coil(self) -> Self:
        if self.pulse_s > self.max_on_s:
            raise ValueError(f"pulse_s {self.pulse_s} is longer than max_on_s {self.max_on_s}; shorten it")
        return self


class ChuteCompartment(CompartmentSettings):
    """kind = "chute": the chute of [chute] turns to this angle, then drops.

    angle: degrees.
    """

    kind: Literal["chute"]
    angle: Angle


Compartment = Annotated[
    ServoCompartment | SolenoidCompartment | ChuteCompartment,
    Field(discriminator="kind"),
]


class ChuteSettings(Section):
    """[chute]: the two servos that all compartments of kind "chute" share.

    turn_pin: of the servo that turns the chute.
    drop_pin: of the servo that lets the item fall.
    turn_rest, drop_rest: degrees, at rest.
    drop_open: degrees, open.
    turn_s: how long a turn may take.
    drop_s: how long it stays open.
    settle_s: how long it may take back to rest; then the pulses stop.
    min_angle, max_angle: degrees at the shortest and the longest pulse.
    min_pulse_ms, max_pulse_ms: what the servos' data sheet says.
    """

    turn_pin: Pin
    drop_pin: Pin
    turn_rest: Angle = 0.0
    drop_rest: Angle = 0.0
    drop_open: Angle = 90.0
    turn_s: Hold = 0.4
    drop_s: Hold = 0.5
    settle_s: Hold = 0.3
    min_angle: Angle = -90.0
    max_angle: Angle = 90.0
    min_pulse_ms: PulseMs = 0.5
    max_pulse_ms: PulseMs = 2.5


class MqttSettings(Section):
    """[mqtt]: the broker to which the bin tells everything.

    enabled: false: no broker, nothing leaves the bin.
    host, port: of the broker.
    username: as the broker knows the bin.
    password_file: its first line is the password.
    tls: whether the connection is encrypted and the broker's certificate checked; turn it on over a network.
    ca_file: the authority that signed the broker's certificate. Without it, those that the system trusts.
    cert_file, key_file: a certificate of the bin's own.
    prefix: what every topic begins with.
    commands: whether to listen to cmd/... topics, so whether others can move flaps.
    pictures: whether the command `snapshot` may publish a picture of the tray.
    discovery: whether Home Assistant is told.
    """

    enabled: bool = True
    host: Annotated[str, Field(min_length=1)] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: ExistingPath | None = None
    tls: bool = False
    ca_file: ExistingPath | None = None
    cert_file: ExistingPath | None = None
    key_file: ExistingPath | None = None
    prefix: Annotated[str, Field(pattern=r"^[^+#/\s][^+#\s]*$")] = "smartbin"
    commands: bool = False
    pictures: bool = False
    discovery: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = []
        if self.password_file and not self.username:
            problems.append("username is missing; password_file is of no use without it")
        if (self.cert_file is None) != (self.key_file is None):
            problems.append("cert_file and key_file go together; give both or neither")
        if not self.tls and (self.ca_file or self.cert_file):
            problems.append("certificates are named but tls is false; write tls = true")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class OutboxSettings(Section):
    """[outbox]: the events on disk that wait for the broker.

    path: of the database.
    max_mb: the oldest events are dropped, and counted, beyond this size.
    """

    path: AnyPath = Path("/var/lib/smart-bin/outbox.db")
    max_mb: Annotated[float, Field(ge=1.0, le=100_000)] = 50.0


class CaptureSettings(Section):
    """[capture]: whether pictures of items are kept on disk, to be labelled and taught (docs/PRIVACY.md).

    mode: "on", "off", or "blurred", which shows the item alone.
    path: the folder; without it `captures` beside the outbox. The service may write below /var/lib/smart-bin alone.
    max_mb: the least useful go first beyond this size.
    max_disk_share: or beyond this share of what would be free without them.
    random_share: of the items that the bin is sure of, kept to tell how often it is right.
    margin_below: an item is kept when the two likeliest compartments, or labels, are nearer to each other than this.
    """

    mode: Literal["off", "blurred", "on"] = "off"
    path: AnyPath | None = None
    max_mb: Annotated[float, Field(ge=5.0, le=1_000_000)] = 500.0
    max_disk_share: Annotated[float, Field(gt=0.0, le=0.95)] = 0.5
    random_share: Share = 0.02
    margin_below: Share = 0.25


class WebSettings(Section):
    """[web]: the page of the bin.

    enabled: whether there is one.
    host: where it listens: "127.0.0.1" for this computer alone, "0.0.0.0" for everybody.
    port: of the page; 0 takes a free one.
    password_file: its first line is asked for; needed where others can reach it.
    language: of the pages, as "de"; left out, each browser's own, where there are texts in it (en, de, es).
    """

    enabled: bool = False
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    password_file: ExistingPath | None = None
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None

    @model_validator(mode="after")
    def _locked(self) -> Self:
        if self.enabled and self.password_file is None and self.host not in OWN_NAMES:
            raise ValueError(f'others can reach {self.host}: name a password_file, or write host = "127.0.0.1"')
        return self


def _place(text: str, info: ValidationInfo) -> str:
    folder = text.removeprefix("file://")
    return text if not text or "://" in folder else str(_based(Path(folder), info))


class UpdateSettings(Section):
    """[update]: models from a signed repository, see docs/UPDATES.md.

    mode: "download" keeps packages ready for `smartbin models use`; "shadow" lets a new one answer beside the old;
    "auto" takes it over then.
    url: https://..., or a folder, as of a USB stick.
    root: the root.json that its maintainer gave out.
    shadow_items, shadow_days: how long it is compared, whichever is reached first.
    max_slower: times the time of the old one.
    max_more_abstentions: share of the items.
    """

    mode: Literal["off", "download", "shadow", "auto"] = "off"
    url: Annotated[str, AfterValidator(_place)] = ""
    root: AnyPath | None = None
    shadow_items: Annotated[int, Field(ge=10, le=100_000)] = 200
    shadow_days: Annotated[float, Field(gt=0.0, le=365.0)] = 14.0
    max_slower: Annotated[float, Field(ge=1.0, le=100.0)] = 1.5
    max_more_abstentions: Share = 0.10

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode != "off" and not (self.url and self.root):
            raise ValueError('url and root are needed; name the repository and its root.json, or write mode = "off"')
        if "://" in self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url: only https://, http:// and folders are known, not {self.url}")
        return self


Compartments = Annotated[
    dict[Annotated[str, Field(pattern=ID_PATTERN)], Compartment],
    BeforeValidator(_with_default_kind),
]


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
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{name}: not valid TOML: {error}"]) from error
    problems: list[str] = []
    merged = _with_environment(table, environ, problems)
    settings = None
    try:
        settings = Settings.model_validate(merged, context={"base": base})
    except ValidationError as error:
        problems += [_explain(detail) for detail in error.errors(include_url=False)]
    problems += _across(merged, settings, labels)
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
    except tomllib.TOMLDecodeError:
        return text


def _explain(detail: ErrorDetails) -> str:
    # pydantic puts the union's tag into the path of a compartment; the user wrote no such key
    where = [str(part) for part in detail["loc"]]
    if len(where) > 2 and where[0] == "compartments" and where[2] in ("servo", "solenoid", "chute"):
        del where[2]
    key = ".".join(where) or "file"
    match detail["type"]:
        case "missing":
            return f"{key}: missing; add it"
        case "extra_forbidden":
            return f"{key}: unknown key; correct its spelling or remove it"
        case "value_error":
            return f"{key}: {detail['ctx']['error']}"
        case "union_tag_invalid":
            return f"{key}: unknown kind {detail['ctx']['tag']!r}; write {detail['ctx']['expected_tags']}"
        case "string_pattern_mismatch" if detail["ctx"]["pattern"] == ID_PATTERN:
            return f"{key}: write only a-z, 0-9, _ and -, not {_shown(detail['input'])}"
    return f"{key}: {detail['msg'][0].lower()}{detail['msg'][1:]}, not {_shown(detail['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _across(table: dict[str, Any], settings: Settings | None, labels: Sequence[str] | None) -> list[str]:
    """Rules that span several keys. Looks at the raw table, so that they are reported beside other mistakes."""
    compartments = {n: c for n, c in _table(table, "compartments").items() if isinstance(c, dict)}
    problems = _default_problems(compartments) + _label_problems(compartments) + _pin_problems(table, compartments)
    problems += _needs(table, compartments)
    problems += _cost_problems(_table(_table(table, "policy"), "costs"), set(compartments))
    if settings is not None and labels is not None:
        problems += route_problems(settings, labels)
    return problems


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _default_problems(compartments: dict[str, dict[str, Any]]) -> list[str]:
    defaults = [name for name, c in compartments.items() if c.get("default") is True]
    if len(defaults) == 1 or not compartments:
        return []
    if not defaults:
        return ["compartments: none is the default; write default = true in the one for items the bin is unsure about"]
    return [f"compartments: {', '.join(defaults)} all say default = true; only one may"]


def _label_problems(compartments: dict[str, dict[str, Any]]) -> list[str]:
    owners: dict[str, list[str]] = {}
    for name, compartment in compartments.items():
        labels = compartment.get("labels")
        for label in labels if isinstance(labels, list) else ():
            owners.setdefault(str(label), []).append(name)
    return [
        f"compartments: label {label!r} is routed twice ({', '.join(names)}); keep it in one"
        for label, names in owners.items()
        if len(names) > 1
    ]


def _pin_problems(table: dict[str, Any], compartments: dict[str, dict[str, Any]]) -> list[str]:
    named = [(f"compartments.{name}.pin", c.get("pin")) for name, c in compartments.items()]
    named += [(f"chute.{key}", _table(table, "chute").get(key)) for key in ("turn_pin", "drop_pin")]
    named.append(("flaps.guard_pin", _table(table, "flaps").get("guard_pin")))
    named.append(("door.pin", _table(table, "door").get("pin")))
    named += [
        (f"compartments.{name}.fill.{key}", _table(compartment, "fill").get(key))
        for name, compartment in compartments.items()
        for key in ("trigger_pin", "echo_pin")
    ]
    if _table(table, "trigger").get("kind") == "beam":
        named.append(("trigger.pin", _table(table, "trigger").get("pin")))
    count = Counter(pin for _, pin in named if isinstance(pin, int))
    return [
        f"{', '.join(key for key, pin in named if pin == twice)}: pin {twice} is used twice; give each its own"
        for twice, n in count.items()
        if n > 1
    ]


def _needs(table: dict[str, Any], compartments: dict[str, dict[str, Any]]) -> list[str]:
    camera, trigger = _table(table, "camera"), _table(table, "trigger")
    problems = []
    if trigger.get("kind") == "beam" and _table(table, "capture").get("mode") == "blurred":
        problems.append('capture.mode: with a beam nobody knows where on the tray the item lies; write "on" or "off"')
    if camera.get("source") == "replay" and "path" not in camera:
        problems.append("camera.path: missing; a replay needs the folder or video to show")
    if camera.get("source") == "picamera2" and not isinstance(camera.get("device", 0), int):
        problems.append("camera.device: picamera2 numbers its cameras; write 0 for the first")
    if trigger.get("kind") == "beam" and "pin" not in trigger:
        problems.append("trigger.pin: missing; a beam needs the GPIO pin of its receiver")
    if any(c.get("kind") == "chute" for c in compartments.values()) and "chute" not in table:
        problems.append('chute: missing; compartments of kind "chute" need [chute] with turn_pin and drop_pin')
    return problems


def _cost_problems(costs: dict[str, Any], compartments: set[str]) -> list[str]:
    named = [*costs, *(name for row in costs.values() if isinstance(row, dict) for name in row)]
    return [
        f"policy.costs: there is no compartment {name!r}; name one of {', '.join(sorted(compartments))}"
        for name in dict.fromkeys(named)
        if name not in compartments
    ]
