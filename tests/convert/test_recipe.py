"""Recipes: those that ship are right, and a mistake in one is named."""

from __future__ import annotations

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


def test_an_unknown_name_lists_those_that_there_are() -> None:
    with pytest.raises(RecipeError, match="garbage10-efficientnet-lite2"):
        recipe.load("no-such-recipe")


def test_broken_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="not TOML"):
        recipe.load(write(tmp_path / "r.toml", "[model\n"))


def test_a_recipe_survives_json() -> None:
    plan = recipe.load("garbage10-efficientnet-lite2")
    assert recipe.Recipe.model_validate_json(plan.model_dump_json()) == plan
