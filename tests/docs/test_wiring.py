"""The drawings are what the script makes, with the pins of the shipped configuration, where a Pi has them."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gpiozero.pins.mock import MockFactory

from edge import config, manifest

REPOSITORY = Path(__file__).resolve().parents[2]
DRAWN = REPOSITORY / "docs" / "wiring"
DRAWINGS = ("chute.svg", "relay.svg", "sensors.svg", "servos.svg", "transistor.svg")


@pytest.fixture(scope="module", autouse=True)
def _scripts_are_found() -> Iterator[None]:
    sys.path.insert(0, str(DRAWN))
    yield
    sys.path.remove(str(DRAWN))


@pytest.fixture
def header() -> Any:
    """docs/wiring/header.py"""
    return importlib.import_module("header")


def words(name: str) -> set[str]:
    """All texts of a drawing."""
    tree = ElementTree.parse(DRAWN / name)
    return {text.text or "" for text in tree.iter("{http://www.w3.org/2000/svg}text")}


def test_the_files_are_what_the_script_makes() -> None:
    drawn = importlib.import_module("make_wiring").files()
    assert sorted(drawn) == sorted(DRAWINGS) == sorted(path.name for path in DRAWN.glob("*.svg"))
    for name, text in drawn.items():
        assert (DRAWN / name).read_text(encoding="utf-8") == text, "run `make docs-pages`"


def test_the_header_is_that_of_a_pi(header: Any) -> None:
    factory = MockFactory(revision="c03111")  # a Pi 4B
    pins = factory.board_info.headers["J8"].pins
    for position, there in enumerate(header.HEADER, 1):
        name = {"3.3 V": "3V3", "5 V": "5V", "ground": "GND"}.get(there, f"GPIO{there}")
        assert pins[position].name == name


def test_every_servo_has_the_pin_of_its_compartment(header: Any) -> None:
    compartments = header.configuration()["compartments"]
    drawn = words("servos.svg")
    assert len(compartments) >= 2
    for name, compartment in compartments.items():
        assert {f"servo of {name}", header.name(compartment["pin"])} <= drawn


def test_every_other_part_has_the_pin_that_the_configuration_offers(header: Any) -> None:
    settings = header.configuration()
    assert {header.name(settings["chute"][key]) for key in ("turn_pin", "drop_pin")} <= words("chute.svg")
    fill = settings["compartments"]["landfill"]["fill"]
    sensed = [settings["trigger"]["pin"], settings["flaps"]["guard_pin"], settings["door"]["pin"]]
    assert {header.name(pin) for pin in (*sensed, fill["trigger_pin"], fill["echo_pin"])} <= words("sensors.svg")


@pytest.mark.parametrize("name", DRAWINGS)
def test_grounds_are_joined(name: str) -> None:
    assert any(re.match(r"ground \(pin \d+\)", text) for text in words(name))


def test_the_example_of_a_chute_has_the_pins_of_its_drawing(header: Any) -> None:
    example = re.findall(
        r"```toml\n(.*?)```", (REPOSITORY / "docs" / "wiring.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert [tomllib.loads(text)["chute"] for text in example] == [header.configuration()["chute"]]


def test_the_example_of_a_chute_is_a_configuration() -> None:
    example = re.findall(
        r"```toml\n(.*?)```", (REPOSITORY / "docs" / "wiring.md").read_text(encoding="utf-8"), re.DOTALL
    )
    whole = (REPOSITORY / "docs" / "bench.toml").read_text(encoding="utf-8")
    head, _, tail = whole.partition("[compartments.")
    rest = tail[tail.index("[mqtt]") :]
    model = manifest.load(REPOSITORY / "models" / "garbage10-efficientnet-lite2")
    settings = config.parse("\n".join([head, *example, rest]), {}, base=REPOSITORY / "docs", labels=model.labels)
    assert settings.chute is not None
