"""The folder that `train` writes and the steps after it read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
from pydantic import BaseModel, ConfigDict, ValidationError

from convert.errors import RecipeError
from convert.recipe import Recipe

FILE, MODEL = "run.json", "model.keras"


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    labels: tuple[str, ...]
    recipe: Recipe
    command: str


@dataclass(frozen=True)
class Run:
    """A training run. dataset: the prepared set that it trains on."""

    folder: Path
    dataset: Path
    labels: tuple[str, ...]
    recipe: Recipe
    command: str

    def model(self) -> keras.Model:
        """The finished model, outputs [logits, embedding]. Raises RecipeError when training has not finished."""
        try:
            return keras.models.load_model(self.folder / MODEL, compile=False)
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"{self.folder / MODEL}: {error}. Run `smartbin-convert train` to its end first."
            ) from error


def begin(folder: Path, dataset: Path, labels: tuple[str, ...], recipe: Recipe, command: str) -> Run:
    """Note what a run is made of. Raises RecipeError when the folder holds a run that is made of something else.

    The same recipe with more epochs goes on with the run.
    """
    note = _Note(dataset=str(dataset.resolve()), labels=labels, recipe=recipe, command=command)
    if (folder / FILE).exists():
        earlier = load(folder)
        same = (earlier.labels, earlier.dataset) == (labels, dataset.resolve())
        if not same or not _goes_on(recipe, earlier.recipe):
            raise RecipeError(
                f"{folder}: holds a run of another recipe or set. Choose another --out, or remove the folder."
            )
        if recipe == earlier.recipe:
            return earlier
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(note.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return load(folder)


def _goes_on(recipe: Recipe, earlier: Recipe) -> bool:
    """Whether they differ in nothing but epochs added at the end."""
    done = earlier.tune.sizes
    shortened = recipe.model_copy(update={"tune": recipe.tune.model_copy(update={"sizes": done})})
    return shortened == earlier and recipe.tune.sizes[: len(done)] == done


def load(folder: Path) -> Run:
    """The run in a folder. Raises RecipeError."""
    try:
        note = _Note.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{folder / FILE}: {error.strerror}. Give the folder that `train` wrote.") from error
    except ValidationError as error:
        raise RecipeError(f"{folder / FILE}: damaged. Train again into another folder.") from error
    return Run(folder, Path(note.dataset), note.labels, note.recipe, note.command)
