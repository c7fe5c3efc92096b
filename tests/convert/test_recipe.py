"""Recipes: those that ship are right, and a mistake in one is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convert import recipe
from convert.backbones import NAMES
from convert.errors import RecipeError


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in recipe.FOLDER.glob("*.toml")))
def test_every_shipped_recipe_loads(name: str) -> None:
    assert recipe.load(name).model.backbone in NAMES


def test_unknown_keys_and_values_out_of_range_are_all_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.toml",
        '[model]\nbackbone = "efficientnet-lite2"\nsise = 3\n[tune]\nrate = -1\n[augment]\nblurr=1\n',
    )
    with pytest.raises(RecipeError) as caught:
        recipe.load(path)
    for key in ("model.sise", "tune.rate", "augment.blurr"):
        assert key in str(caught.value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("seed", "seed = -1\n"),
        ("tune.sizes", "[tune]\nsizes = [0]\n"),
        ("inherit.sizes", "[inherit]\nsizes = [-32]\n"),
        ("tune.blend", "[tune]\nblend = []\n"),
        ("augment.min_area", "[augment]\nmin_area = 1.5\n"),
        ("augment.aspect", "[augment]\naspect = -1\n"),
        ("augment.light.grain", "[augment.light]\ngrain = -3\n"),
    ],
)
def test_what_would_end_a_training_halfway_is_refused_before(key: str, text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "r.toml", f'{text}[model]\nbackbone = "efficientnet-lite2"\n')
    with pytest.raises(RecipeError, match=re.escape(key)):
        recipe.load(path)


def test_an_unknown_name_lists_those_that_there_are() -> None:
    with pytest.raises(RecipeError, match="garbage10-efficientnet-lite2"):
        recipe.load("no-such-recipe")


def test_broken_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="not TOML"):
        recipe.load(write(tmp_path / "r.toml", "[model\n"))


def test_a_recipe_survives_json() -> None:
    plan = recipe.load("garbage10-efficientnet-lite2")
    assert recipe.Recipe.model_validate_json(plan.model_dump_json()) == plan
