"""The configuration: what is read, and every kind of mistake, each named with its key."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import Settings, load, parse
from edge.errors import ConfigError
from edge.flap_settings import ChuteFlap, ServoFlap, SolenoidFlap
from edge.settings.moving import ChuteSettings, ServoCompartment, SolenoidCompartment
from edge.settings.section import Section

GOOD = """
[bin]
id = "lobby-1"
[camera]
source = "opencv"
device = "/dev/video0"
[model]
path = "model"
[flaps]
driver = "mock"
[compartments.recycling]
labels = ["glass", "metal"]
pin = 12
[compartments.hazard]
labels = ["battery"]
kind = "solenoid"
pin = 13
[compartments.landfill]
labels = ["trash"]
default = true
kind = "servo"
pin = 16
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return tmp_path


def problems(text: str, base: Path, environ: dict[str, str] | None = None, labels: list[str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, environ or {}, base=base, labels=labels)
    return "\n".join(caught.value.problems)


def test_reads_a_file_with_its_defaults(base: Path) -> None:
    settings = parse(GOOD, {}, base=base, labels=["battery", "glass", "metal", "trash"])
    assert settings.default_compartment == "landfill"
    assert settings.routes == {"glass": "recycling", "metal": "recycling", "battery": "hazard", "trash": "landfill"}
    assert settings.compartments["recycling"].kind == "servo", "the kind when none is written"
    assert settings.model.path == base / "model", "relative to the file"
    assert (settings.policy.votes, settings.policy.abstain_below) == (3, 0.60)


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ('id = "lobby-1"', 'id = "Lobby 1"', "bin.id: write only a-z, 0-9, _ and -"),
        ('id = "lobby-1"', "", "bin.id: missing"),
        ('source = "opencv"', 'source = "webcam"', "camera.source: input should be 'picamera2', 'opencv' or 'replay'"),
        ('source = "opencv"', 'source = "replay"', "camera.path: missing; a replay needs the folder"),
        ('device = "/dev/video0"', "sise = [1, 2]", "camera.sise: unknown key"),
        ('device = "/dev/video0"', "roi = [0.5, 0, 0.6, 1]", "camera: roi must lie within 0..1"),
        ('device = "/dev/video0"', "fps = 0", "camera.fps: input should be greater than 0, not 0"),
        ('device = "/dev/video0"', "fps = nan", "camera.fps: input should be a finite number"),
        ('path = "model"', 'path = "elsewhere"', "elsewhere does not exist"),
        ('driver = "mock"', 'driver = "relay"', "flaps.driver: input should be 'gpio' or 'mock', not 'relay'"),
        ('["battery"]', '["battery", "glass"]', "label 'glass' is routed twice (recycling, hazard)"),
        ("default = true", "", "none is the default"),
        ("pin = 13", "pin = 13\ndefault = true", "hazard, landfill all say default = true"),
        ("pin = 13", "pin = 12", "compartments.recycling.pin, compartments.hazard.pin: pin 12 is used twice"),
        ("pin = 13", "pin = 99", "compartments.hazard.pin: input should be less than or equal to 27, not 99"),
        ("pin = 13", "", "compartments.hazard.pin: missing"),
        ("pin = 13", "pin = 13\npulse_s = 9", "pulse_s 9.0 is longer than max_on_s"),
        ('kind = "solenoid"', 'kind = "spring"', "compartments.hazard: unknown kind 'spring'; write 'servo'"),
        ('kind = "solenoid"\npin = 13', 'kind = "chute"\nangle = 10', 'compartments of kind "chute" need [chute]'),
        ("pin = 16", "pin = 16\nopen = 270", "rest and open must lie between min_angle and max_angle"),
        ("[flaps]", '[trigger]\nkind = "beam"\n[flaps]', "trigger.pin: missing"),
        ("[flaps]", '[trigger]\nkind = "beam"\npin = 12\n[flaps]', "pin 12 is used twice"),
        ("[flaps]", "[policy.costs]\npaper = { hazard = 5 }\n[flaps]", "there is no compartment 'paper'"),
        ("[flaps]", '[mqtt]\nca_file = "model"\n[flaps]', "tls is false; write tls = true"),
        ("[flaps]", '[mqtt]\npassword_file = "model"\n[flaps]', "username is missing"),
        ("[flaps]", '[mqtt]\ntls = true\ncert_file = "model"\n[flaps]', "cert_file and key_file go together"),
        ("[flaps]", '[mqtt]\nprefix = "a/#"\n[flaps]', "mqtt.prefix: "),
        ("[flaps]", "[mqqt]\n[flaps]", "mqqt: unknown key"),
        ("[flaps]", "[door]\npin = 12\n[flaps]", "compartments.recycling.pin, door.pin: pin 12 is used twice"),
        (
            "pin = 13",
            "pin = 13\nfill = { trigger_pin = 5, echo_pin = 12, empty_cm = 60, full_cm = 10 }",
            "pin 12 is used",
        ),
        (
            "pin = 13",
            "pin = 13\nfill = { trigger_pin = 5, echo_pin = 6, empty_cm = 9, full_cm = 9 }",
            "full_cm must be",
        ),
        ("[flaps]", "[fill]\nalert_at = 2\n[flaps]", "fill.alert_at: input should be less than or equal to 1"),
        ("[bin]", "[bin", "not valid TOML"),
        ("[bin]\nid", "bin = 3\n[bim]\nid", "bin: input should be"),
    ],
)
def test_names_each_mistake(base: Path, written: str, instead: str, told: str) -> None:
    assert written in GOOD
    assert told in problems(GOOD.replace(written, instead, 1), base)


def test_reports_every_mistake_at_once(base: Path) -> None:
    text = GOOD.replace('id = "lobby-1"', "").replace("pin = 13", "pin = 12").replace("default = true", "fault = true")
    told = problems(text, base, {"SMARTBIN_MQTT__PORT": "0"})
    for part in ("bin.id: missing", "pin 12 is used twice", "none is the default", "fault: unknown key", "mqtt.port"):
        assert part in told


def test_labels_must_match_the_model(base: Path) -> None:
    told = problems(GOOD, base, labels=["battery", "glass", "paper", "trash"])
    assert "label 'paper' is not routed" in told
    assert "the model has no label 'metal'" in told


def test_the_environment_overrides_the_file(base: Path) -> None:
    environ = {
        "SMARTBIN_MQTT__HOST": "broker.example",
        "SMARTBIN_MQTT__PORT": "8883",
        "SMARTBIN_COMPARTMENTS__HAZARD__PIN": "22",
        "SMARTBIN_CAMERA__ROI": "[0.1, 0.1, 0.8, 0.8]",
        "SMARTBIN_HOME": "ignored: names no key of a section",
        "PATH": "/bin",
    }
    settings = parse(GOOD, environ, base=base)
    assert (settings.mqtt.host, settings.mqtt.port) == ("broker.example", 8883)
    assert settings.camera.roi == (0.1, 0.1, 0.8, 0.8)
    hazard = settings.compartments["hazard"]
    assert hazard.kind == "solenoid"
    assert hazard.pin == 22


def test_a_mistake_in_the_environment_is_named(base: Path) -> None:
    assert "unknown key" in problems(GOOD, base, {"SMARTBIN_MQTT__HOTS": "x"})
    assert "SMARTBIN_BIN__ID__X" in problems(GOOD, base, {"SMARTBIN_BIN__ID__X": "1"})


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b""])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        load(path, {})


@pytest.mark.parametrize(
    ("section", "flap"),
    [(ServoCompartment, ServoFlap), (SolenoidCompartment, SolenoidFlap), (ChuteSettings, ChuteFlap)],
)
def test_what_is_not_written_is_what_the_flaps_would_take_by_themselves(section: type[Section], flap: type) -> None:
    own = {field.name: field.default for field in fields(flap) if field.default is not MISSING}
    assert own == {name: section.model_fields[name].default for name in own}


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_list_of_problems(text: str) -> None:
    try:
        assert isinstance(parse(text, {}, base=Path("/")), Settings)
    except ConfigError as error:
        assert error.problems
        assert error.exit_code == 2
