"""The configuration: what is read, and every kind of mistake, each named with its key."""

from __future__ import annotations

import errno
from dataclasses import MISSING, fields
from pathlib import Path
from typing import NoReturn

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
    assert (settings.web.enabled, settings.web.host) == (False, "127.0.0.1")
    assert (settings.capture.mode, settings.update.mode, settings.mqtt.commands) == ("off", "off", False)


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ('id = "lobby-1"', 'id = "Lobby 1"', "bin.id: write only a-z, 0-9, _ and -"),
        ('id = "lobby-1"', "", "bin.id: missing"),
        ('source = "opencv"', 'source = "webcam"', "camera.source: input should be 'picamera2', 'opencv' or 'replay'"),
        ('source = "opencv"', 'source = "replay"', "camera.path: missing; a replay needs the folder"),
        ('device = "/dev/video0"', "sise = [1, 2]", "camera.sise: unknown key; did you mean size?"),
        ('device = "/dev/video0"', "votes = 3", "camera.votes: unknown key; it belongs into [policy]"),
        ("pin = 13", "pin = 13\npulse = 1", "compartments.hazard.pulse: unknown key; did you mean pulse_s?"),
        ("pin = 13", "pin = 13\nqqq = 1", "compartments.hazard.qqq: unknown key; here may stand labels, default, fill"),
        ("pin = 13", "pin = 13\nfill = { echo = 6 }", "hazard.fill.echo: unknown key; did you mean echo_pin?"),
        ('device = "/dev/video0"', 'size = "640x480"', "camera.size: write a list in square brackets, as [640, 480]"),
        ('device = "/dev/video0"', "roi = [64, 48, 512, 384]", "camera.roi: write [x, y, width, height] as fractions"),
        ('device = "/dev/video0"', "roi = [0.5, 0, 0.6, 1]", "camera: roi must lie within 0..1"),
        ('device = "/dev/video0"', "fps = 0.01", "camera.fps: input should be greater than or equal to 0.2, not 0.01"),
        ('device = "/dev/video0"', "fps = nan", "camera.fps: input should be a finite number"),
        ('path = "model"', 'path = "elsewhere"', "elsewhere does not exist"),
        ('driver = "mock"', 'driver = "relay"', "flaps.driver: input should be 'gpio' or 'mock', not 'relay'"),
        ('["battery"]', '["battery", "glass"]', "label 'glass' is routed twice (recycling, hazard)"),
        ("default = true", "", "none is the default"),
        ("pin = 13", "pin = 13\ndefault = true", "hazard, landfill all say default = true"),
        ("pin = 13", "pin = 12", "compartments.recycling.pin, compartments.hazard.pin: pin 12 is used twice"),
        ("pin = 13", "pin = 99", "compartments.hazard.pin: write its BCM number alone, 0 to 27"),
        ("pin = 13", 'pin = "GPIO13"', "compartments.hazard.pin: write its BCM number alone, 0 to 27"),
        ("pin = 13", "", "compartments.hazard.pin: missing; every compartment has a flap: add the BCM number"),
        ("hazard]", "Hazard]", "compartments.Hazard: write only a-z, 0-9, _ and -"),
        ("pin = 13", "pin = 13\npulse_s = 9", "pulse_s 9.0 is longer than max_on_s"),
        ("pin = 13", "pin = 2", "compartments.hazard: pin 2 is pulled up on the board: the coil would be on"),
        ("pin = 13", "pin = 3", "compartments.hazard: pin 3 is pulled up on the board: the coil would be on"),
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
        ("[flaps]", "[mqqt]\n[flaps]", "mqqt: unknown key; did you mean mqtt?"),
        ("[flaps]", f'[mqtt]\nprefix = "{"a" * 70_000}"\n[flaps]', "mqtt.prefix: "),
        ("[flaps]", f'[mqtt]\nusername = "{"a" * 70_000}"\n[flaps]', "mqtt.username: "),
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
        (
            "[flaps]",
            '[web]\nenabled = true\nhost = "0.0.0.0"\n[flaps]',
            "others can reach 0.0.0.0: name a password_file",
        ),
        ("[flaps]", '[web]\nenabled = true\nhost = "bin.local"\n[flaps]', "others can reach bin.local"),
        ("[bin]", "[bin", "not valid TOML"),
        ('id = "lobby-1"', "id = lobby-1", "(at line 3, column 6): 'id'; text stands in \"quotes\""),
        ("[bin]", f"[bin]\nid = {'[' * 5000}", "not valid TOML"),
        ("[bin]", f"[bin]\nid = {'1' * 5000}", "not valid TOML"),
        ("[bin]\nid", "bin = 3\n[bim]\nid", "bin: input should be"),
    ],
)
def test_names_each_mistake(base: Path, written: str, instead: str, told: str) -> None:
    assert written in GOOD
    assert told in problems(GOOD.replace(written, instead, 1), base)


def test_a_path_that_cannot_be_looked_for_is_a_mistake_too(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "ring").symlink_to(base / "ring")
    for path, told in (
        ("m" * 300, "File name too long"),
        ("~nobody-of-this-name/m", "leads nowhere"),
        ("ring/m", "ring"),
    ):
        assert told in problems(GOOD.replace('path = "model"', f'path = "{path}"'), base)

    def closed(path: Path, **_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)  # root may look everywhere
    assert "model cannot be looked for (Permission denied)" in problems(GOOD, base)


def test_a_pin_that_is_pulled_up_is_fine_for_what_is_on_when_low_and_for_a_servo(base: Path) -> None:
    parse(GOOD.replace("pin = 13", "pin = 2\nactive_high = false").replace("pin = 16", "pin = 3"), {}, base=base)


def test_four_wrong_numbers_of_one_list_are_one_mistake(base: Path) -> None:
    told = problems(GOOD.replace('device = "/dev/video0"', "roi = [64, 48, 512, 384]"), base)
    assert told.count("camera.roi") == 1


def test_of_very_many_unknown_keys_none_is_looked_for(base: Path) -> None:
    """Ten thousand took seconds, in which a bin that reloads would see nothing."""
    many = "".join(f"camra_{number} = 1\n" for number in range(200))
    assert problems(many + GOOD, base).count("unknown key; correct its spelling or remove it") == 200


def test_a_line_that_is_no_toml_is_told_without_its_value(base: Path) -> None:
    """It may be a camera's address with its password, and what is told goes to the journal and over MQTT."""
    told = problems(GOOD.replace('"/dev/video0"', "rtsp://me:secret@camera"), base)
    assert "'device'" in told
    assert "secret" not in told


@pytest.mark.parametrize("line", ['device: "rtsp://me:secret@camera/"', 'device "rtsp://me:secret@camera/"'])
def test_a_line_without_its_equals_sign_is_told_without_its_value_too(base: Path, line: str) -> None:
    told = problems(GOOD.replace('device = "/dev/video0"', line), base)
    assert "'device'" in told
    assert "secret" not in told


def test_the_line_that_is_named_is_the_one_that_is_meant(base: Path) -> None:
    """Other separators than the end of a line, as text that was copied may hold, begin none."""
    assert "'id'" in problems(GOOD.replace('id = "lobby-1"', "# \u2028\nid = lobby-1"), base)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('source = "opencv"', 'source = "rtsp://me:secret@camera/?pass=secret"'),
        ('device = "/dev/video0"', 'device = ["rtsp://me:secret@camera/stream"]'),
        ('device = "/dev/video0"', 'path = "rtsp://me:secret@camera/stream"'),
        ('device = "/dev/video0"', f'pace = "rtsp://me:{"secret" * 20}@camera/stream"'),
    ],
)
def test_an_address_in_the_wrong_place_is_told_without_what_is_secret_in_it(
    base: Path, written: str, instead: str
) -> None:
    assert written in GOOD
    told = problems(GOOD.replace(written, instead), base)
    assert "/camera/" in told
    assert "secret" not in told


def test_only_of_a_relative_path_it_is_said_to_what(base: Path) -> None:
    told = [problems(GOOD.replace('"model"', f'"{path}"'), base) for path in ("elsewhere", "/elsewhere")]
    assert ["relative to the folder of this file" in one for one in told] == [True, False]


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


def test_a_file_that_is_not_there_or_may_not_be_read_has_its_own_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file; name yours with --config"):
        load(tmp_path / "config.toml", {})

    def closed(path: Path, **_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", closed)  # root may read everything
    with pytest.raises(ConfigError, match="you may not read it; run this with sudo"):
        load(tmp_path / "config.toml", {})


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
