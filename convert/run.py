"""The folder that `train` and `import` write and the steps after it read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from convert import data
from convert.errors import DataError, RecipeError
from convert.recipe import Recipe

FILE, MODEL = "run.json", "model.keras"


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str | None
    labels: tuple[str, ...]
    recipe: Recipe
    command: str
    imported: bool = False


@dataclass(frozen=True)
class Run:
    """A training run, or a model imported as if it were one. dataset: the prepared set that it trains on."""

    folder: Path
    dataset: Path | None
    labels: tuple[str, ...]
    recipe: Recipe
    command: str
    imported: bool = False

    def pictures(self) -> data.Dataset:
        """The set, its labels in the order of the model's. Raises DataError, RecipeError: imported without a set."""
        if self.dataset is None:
            raise RecipeError(f"{self.folder}: imported without pictures. Import it again with --set SET.")
        return in_order(data.load(self.dataset), self.labels)

    def model(self) -> keras.Model:
        """The finished model, outputs [logits, embedding]. Raises RecipeError when training has not finished."""
        try:
            return keras.models.load_model(self.folder / MODEL, compile=False)
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"{self.folder / MODEL}: {error}. Run `smartbin-convert train` to its end first."
            ) from error


def in_order(dataset: data.Dataset, labels: tuple[str, ...]) -> data.Dataset:
    """The same set with its labels in another order. Raises DataError when they are not the same labels."""
    if set(labels) != set(dataset.labels):
        raise DataError(f"The model has the labels {', '.join(labels)}; the set has {', '.join(dataset.labels)}.")
    places = np.array([labels.index(label) for label in dataset.labels], dtype=np.int64)
    return replace(dataset, labels=labels, truth=places[dataset.truth])


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


def write_imported(run: Run, model: keras.Model) -> None:
    """Write a run whose model was made elsewhere. Raises RecipeError: the folder holds a training run, a full disk."""
    if (run.folder / FILE).exists() and not load(run.folder).imported:
        raise RecipeError(f"{run.folder}: holds a training run. Choose another --out.")
    dataset = None if run.dataset is None else str(run.dataset.resolve())
    note = _Note(dataset=dataset, labels=run.labels, recipe=run.recipe, command=run.command, imported=True)
    temporary = run.folder / "unfinished.keras"
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        model.save(temporary)
        (run.folder / FILE).write_text(note.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(run.folder / MODEL)
    except OSError as error:
        raise RecipeError(f"{run.folder}: {error.strerror}. Choose another place with --out.") from error


def load(folder: Path) -> Run:
    """The run in a folder. Raises RecipeError."""
    try:
        note = _Note.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{folder / FILE}: {error.strerror}. Give the folder that `train` wrote.") from error
    except ValidationError as error:
        raise RecipeError(f"{folder / FILE}: damaged. Train again into another folder.") from error
    dataset = None if note.dataset is None else Path(note.dataset)
    return Run(folder, dataset, note.labels, note.recipe, note.command, note.imported)
