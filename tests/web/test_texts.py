"""The words of the pages: every language has them all, with the same places for what is put in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge import config, manifest

PAGES = Path(__file__).resolve().parents[2] / "edge" / "web" / "pages"
LANGUAGES = sorted(path.suffixes[0].removeprefix(".") for path in PAGES.glob("texts.*.json"))


def texts(language: str) -> dict[str, str]:
    return dict(json.loads((PAGES / f"texts.{language}.json").read_text(encoding="utf-8")))


def places(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def test_there_are_three() -> None:
    assert LANGUAGES == ["de", "en", "es"]


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_nothing_is_left_untranslated(language: str, model_dir: Path) -> None:
    english, other = texts("en"), texts(language)
    assert sorted(english.keys() - other.keys()) == [], f"translate them in texts.{language}.json"
    assert [key for key, text in english.items() if places(text) != places(other[key])] == []
    assert all(text.strip() for text in other.values())
    demo = config.load(PAGES.parents[1] / "demo.toml", {})
    names = {f"label_{label}" for label in manifest.load(model_dir).labels}
    names |= {f"compartment_{name}" for name in demo.compartments}
    assert names <= other.keys()


def test_what_the_pages_say_is_there() -> None:
    said = set[str]()
    for path in (*PAGES.glob("*.html"), *PAGES.glob("*.js")):
        said |= set(re.findall(r"""(?:data-text=|data-label=|\btext\()"([\w-]+)\"""", path.read_text(encoding="utf-8")))
    assert len(said) > 40
    assert sorted(said - texts("en").keys()) == []
