"""The folder that `train` and `import` write and the steps after it read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
from pydantic import BaseModel, ConfigDict, ValidationError

from convert import data
from convert.errors import DataError, RecipeError
from convert.recipe import Recipe
from convert.split import HELD_OUT, TRAIN, Item
from edge.adapters.files import write_atomic

FILE, MODEL = data.RUN, "model.keras"
UNTOLD = "untold"  # by a run of an earlier version, or one that was not trained here


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str | None
    labels: tuple[str, ...]
    recipe: Recipe
    command: str
    imported: bool = False
    teacher: str = UNTOLD


@dataclass(frozen=True)
class Run:
    """A training run, or a model imported as if it were one. dataset: the prepared set that it trains on.

    teacher: its path, "" without one, UNTOLD where the run does not say.
    """

    folder: Path
    dataset: Path | None
    labels: tuple[str, ...]
    recipe: Recipe
    command: str
    imported: bool = False
    teacher: str = UNTOLD

    def pictures(self) -> data.Dataset:
        """The set, its labels in the order of the model's. Raises DataError, RecipeError: imported without a set."""
        if self.dataset is None:
            raise RecipeError(f"{self.folder}: imported without pictures. Import it again with --set SET.")
        if not self.dataset.exists():
            raise DataError(
                f"{self.folder}: the set {self.dataset} is not there. If it was moved, give the command that made the "
                "run again, with the new place."
            )
        found = data.in_order(data.load(self.dataset), self.labels)
        self.check_held_out(found.items)
        return found

    def trained(self) -> dict[str, Item]:
        """The pictures that it was trained on, by their sha256, as far as the run tells. Raises DataError."""
        noted = self.folder / data.SPLITS
        return {i.sha256: i for i in data.read_splits(noted) if i.split == TRAIN} if noted.exists() else {}

    def check_held_out(self, items: Sequence[Item]) -> None:
        """Raises DataError when a set holds out pictures that the run was trained on, as far as the run tells."""
        trained = self.trained()
        leaking = [item for item in items if item.split in HELD_OUT and item.sha256 in trained]
        if leaking:
            raise DataError(
                f"{self.folder}: was trained on {len(leaking)} pictures that the set holds out, first "
                f"{leaking[0].path}. A score on them means nothing: prepare the set with --keep "
                f"{self.folder / data.SPLITS}."
            )

    def model(self) -> keras.Model:
        """The finished model, outputs [logits, embedding]. Raises RecipeError when training has not finished."""
        try:
            return keras.models.load_model(self.folder / MODEL, compile=False)
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"{self.folder / MODEL}: {error}. Run `smartbin-convert train` to its end first."
            ) from error


def of(model: Path) -> Run | None:
    """The run that a model.keras lies in; None where there is no such file, or no run. Raises RecipeError."""
    return load(model.parent) if model.is_file() and (model.parent / FILE).exists() else None


def labels_of(model: Path) -> tuple[str, ...] | None:
    """Those of the run that a model.keras lies in, in its order; None where there is no run. Raises RecipeError."""
    found = of(model)
    return None if found is None else found.labels


def begin(
    folder: Path, dataset: Path, labels: tuple[str, ...], recipe: Recipe, command: str, *, teacher: Path | None = None
) -> Run:
    """Note what a run is made of. Raises RecipeError when the folder holds a run that is made of something else.

    One that has learned nothing yet gives way: it may have ended because of a mistake in its command.
    The same recipe with more epochs goes on with the run, and so does the same set in another place. Raises DataError
    when there is no set in `dataset`.
    """
    told = "" if teacher is None else str(teacher.resolve())
    note = _Note(dataset=str(dataset.resolve()), labels=labels, recipe=recipe, command=command, teacher=told)
    splits = data.read_splits(dataset / data.SPLITS)
    is_new = not ((folder / FILE).exists() and _learned(folder))
    if is_new:
        _no_set(folder)
    else:
        earlier = load(folder)
        same_place = earlier.dataset == dataset.resolve()
        same = earlier.labels == labels and _same(folder, splits, untold=same_place)
        same = same and earlier.teacher in (told, UNTOLD)
        if not same or not _goes_on(recipe, earlier.recipe):
            raise RecipeError(
                f"{folder}: holds a run of another recipe or set, or with another teacher, or the set was prepared "
                "anew since. Choose another --out, or remove the folder."
            )
        if recipe == earlier.recipe and same_place:
            return earlier
    with written(folder):
        if is_new:
            data.write_splits(folder, splits)
        _write(folder, note)
    return load(folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Around a training in a folder, which is made. Raises RecipeError: another process trains there, no place."""
    with written(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(f"{folder}: another training goes on there. Wait for its end, or end it.") from error
        except OSError:
            pass  # a disk of a network may know no locks
        yield
    finally:
        os.close(descriptor)


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """Around what writes into a run's folder, which is made. Raises RecipeError: a full disk, no place to write."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RecipeError(f"{folder}: {error.strerror}. Make room, or choose another place with --out.") from error


def _write(folder: Path, note: _Note) -> None:
    write_atomic(folder / FILE, f"{note.model_dump_json(indent=2)}\n".encode())


def _learned(folder: Path) -> bool:
    """Whether something would be lost with a run."""
    return any(path.suffix in (".npz", ".keras") for path in folder.iterdir())


def _no_set(folder: Path) -> None:
    """Raises RecipeError when a prepared set lies there: its splits.csv and a run's must not be one file."""
    if (folder / data.PIXELS).exists():
        raise RecipeError(f"{folder}: holds a prepared set. Choose another --out.")


def _same(folder: Path, splits: Sequence[Item], *, untold: bool) -> bool:
    """Whether a run trains on these pictures, in this order; one of an earlier version does not tell: `untold`."""
    noted = folder / data.SPLITS
    if not noted.exists():
        return untold
    before, now = ([(i.sha256, i.label, i.split) for i in items] for items in (data.read_splits(noted), splits))
    return before == now


def _goes_on(recipe: Recipe, earlier: Recipe) -> bool:
    """Whether they differ in nothing but epochs added at the end."""
    done = earlier.tune.sizes
    shortened = recipe.model_copy(update={"tune": recipe.tune.model_copy(update={"sizes": done})})
    return shortened == earlier and recipe.tune.sizes[: len(done)] == done


def write_finished(run: Run, model: keras.Model, trained: Sequence[Item] = ()) -> None:
    """Write a run whose model was not trained in this folder. Raises RecipeError: it holds another run, a full disk.

    trained: the pictures that it was trained on, where they are known.
    """
    keep_another(run)
    dataset = None if run.dataset is None else str(run.dataset.resolve())
    note = _Note(dataset=dataset, labels=run.labels, recipe=run.recipe, command=run.command, imported=run.imported)
    temporary = run.folder / "unfinished.keras"
    with written(run.folder):
        model.save(temporary)
        if trained:
            data.write_splits(run.folder, trained)
        _write(run.folder, note)
        temporary.replace(run.folder / MODEL)


def keep_another(run: Run) -> None:
    """Raises RecipeError when the folder holds what this run may not replace.

    An import replaces another import, else a run only what the same command made.
    """
    if not (run.folder / FILE).exists():
        _no_set(run.folder)
        return
    earlier = load(run.folder)
    if not ((earlier.imported and run.imported) or earlier.command == run.command):
        raise RecipeError(f"{run.folder}: holds another run. Choose another --out.")


def load(folder: Path) -> Run:
    """The run in a folder. Raises RecipeError."""
    try:
        note = _Note.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{folder / FILE}: {error.strerror}. Give the folder that `train` wrote.") from error
    except ValidationError as error:
        raise RecipeError(f"{folder / FILE}: damaged. Train again into another folder.") from error
    dataset = None if note.dataset is None else Path(note.dataset)
    return Run(folder, dataset, note.labels, note.recipe, note.command, note.imported, note.teacher)
