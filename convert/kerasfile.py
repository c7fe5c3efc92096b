"""A Keras model file, .h5 or .keras, of Keras 2 or 3 -> the model with its weights. Nothing in the file is run."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from convert import kerasconfig
from convert.errors import RecipeError

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

Named = list[tuple[str, NDArray[Any]]]  # weights by their path, in the order of the file


def load(path: Path) -> keras.Model:
    """The model in a file, not compiled; see kerasconfig.build for what becomes of its Lambdas. Raises RecipeError."""
    if not path.is_file():
        raise RecipeError(f"{path}: No such file. Give the file that `model.save` of Keras wrote.")
    try:
        if zipfile.is_zipfile(path):
            return _from_zip(path)
        if h5py.is_hdf5(path):
            return _from_hdf5(path)
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise RecipeError(f"{path}: cannot be read ({error}). Cut off or damaged: copy it again.") from error
    what = "empty" if empty else "not a Keras model (neither HDF5 nor a .keras file), or cut off"
    raise RecipeError(f"{path}: {what}. Give the file that `model.save` wrote.")


def _from_zip(path: Path) -> keras.Model:
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        missing = {_CONFIG, _WEIGHTS} - set(archive.namelist())
        if missing:
            raise RecipeError(f"no {' and no '.join(sorted(missing))} in it: not what `model.save` of Keras writes.")
        metadata = _json(archive.read(_METADATA)) if _METADATA in archive.namelist() else {}
        model = kerasconfig.build(_json(archive.read(_CONFIG)), str(metadata.get("keras_version", "")))
        weights = archive.extract(_WEIGHTS, folder)
        try:
            model.load_weights(weights)
        except (ValueError, KeyError) as error:
            raise RecipeError(f"the weights do not fit the graph: {error}") from error
    return model


def _from_hdf5(path: Path) -> keras.Model:
    with h5py.File(path) as file:
        if "model_config" not in file.attrs or "model_weights" not in file:
            raise RecipeError("it has weights but no graph: save the whole model with `model.save`.")
        version = file.attrs.get("keras_version", "")
        model = kerasconfig.build(_json(file.attrs["model_config"]), str(version))
        for layer in model.layers:
            if layer.weights:
                _fill(layer, list(_weights(file["model_weights"], layer.name)))
    return model


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise RecipeError(f"its description is damaged ({error}). Copy the file again.") from error


def _weights(groups: h5py.Group, layer: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """The weights of a layer. Their names are in an attribute, which HDF5 makes Keras cut into pieces when long."""
    group = groups.get(layer)
    if group is None:
        raise RecipeError(f"it has no weights of layer {layer!r}: they belong to another graph.")
    names = group.attrs.get("weight_names")
    pieces = [names] if names is not None else [group.attrs[key] for key in _pieces(group)]
    for name in (str(n.decode() if isinstance(n, bytes) else n) for piece in pieces for n in piece):
        yield name, np.asarray(group[name])


def _pieces(group: h5py.Group) -> list[str]:
    count = sum(key.startswith("weight_names") for key in group.attrs)
    return [f"weight_names{i}" for i in range(count)]


def _fill(layer: keras.layers.Layer, named: Named) -> None:
    """Set the weights of a layer; those of a model within the model by the names of its layers.

    By name, because Keras 2 wrote the trainable weights of such a model first, whichever those were at that time.
    """
    if isinstance(layer, keras.Model):
        for part in layer.layers:
            if part.weights:
                _fill(part, [(name, value) for name, value in named if part.name in name.split("/")[:-1]])
        return
    values = [value for _, value in named]
    expected, found = [tuple(w.shape) for w in layer.weights], [value.shape for value in values]
    if expected != found:
        raise RecipeError(f"weights of layer {layer.name!r}: the graph takes {expected}, the file has {found}.")
    set_weights(layer, values)


def set_weights(layer: keras.layers.Layer, values: Sequence[NDArray[Any]]) -> None:
    """As layer.set_weights, which leaves the constants of a Normalization as they were."""
    if isinstance(layer, keras.layers.Normalization):
        layer.load_own_variables({str(i): value for i, value in enumerate(values)})
    else:
        layer.set_weights(values)
