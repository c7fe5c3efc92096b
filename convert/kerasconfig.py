"""The description of a Keras graph, made loadable: no code of others, and what Keras 2 wrote put as Keras 3 wants it.

A configuration here is the dict of a layer or model as Keras stores it: class_name, config, and where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from convert.errors import RecipeError

Config = dict[str, Any]

_CONTAINERS = ("Functional", "Sequential", "Model")
# Arguments that Keras 2 wrote and Keras 3 refuses; they never held anything but what was the default.
_GONE = {
    "DepthwiseConv2D": ("groups",),
    "Conv2DTranspose": ("groups",),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
}
# Operations with one number, as preprocess_input of keras.applications leaves them in a Keras 2 graph: scale, offset.
_RESCALING: dict[str, Callable[[float], tuple[float, float]]] = {
    "math.truediv": lambda y: (1 / y, 0.0),
    "math.divide": lambda y: (1 / y, 0.0),
    "math.multiply": lambda y: (y, 0.0),
    "math.add": lambda y: (1.0, y),
    "__operators__.add": lambda y: (1.0, y),
    "math.subtract": lambda y: (1.0, -y),
}


class StandIn(keras.layers.Layer):  # type: ignore[misc] # Keras ships no types
    """Gives what it takes, in the place of another layer.

    code: the class of that layer if it is code of its author, of which nobody knows what it does; "" if it augments.
    """

    def __init__(self, code: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.code = code

    def call(self, inputs: Any, **_: Any) -> Any:
        """inputs. A Lambda may have been called with a mask and more."""
        return inputs


def build(config: Config, version: str) -> keras.Model:
    """The model of a configuration that Keras `version` wrote; its weights are not loaded.

    Layers that augment are left out, and a StandIn is where a Lambda or a class that is not Keras's own was: nothing
    that the file brings along is ever run. Raises RecipeError.
    """
    try:
        repaired = _repaired(config, old=version.startswith(("1.", "2.")))
        kind = keras.Sequential if repaired["class_name"] == "Sequential" else keras.Model
        with keras.saving.custom_object_scope({"StandIn": StandIn}):
            return kind.from_config(repaired["config"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        first_line = str(error).strip().splitlines()[:1]
        raise RecipeError(f"the graph cannot be rebuilt ({type(error).__name__}: {' '.join(first_line)}).") from error


def _repaired(layer: Config, old: bool) -> Config:
    name, inner = str(layer["class_name"]), dict(layer["config"])
    if old:
        # With a module Keras reads it as its own newest format; what Keras 2 wrote it reads rightly without one.
        layer = {key: layer[key] for key in ("class_name", "config", "name", "inbound_nodes", "module") if key in layer}
    if name in _CONTAINERS:
        inner["layers"] = [_repaired(part, old) for part in inner["layers"]]
        if old and name != "Sequential":
            inner = _rewired(inner)
    elif name == "TFOpLambda":
        return _rescaling(layer, inner)
    elif _is_foreign(layer):
        return _replaced(layer, "StandIn", {"name": inner["name"], "code": name})
    elif name.startswith("Random") and name != "RandomCrop":
        # When it does not train it does nothing; only RandomCrop cuts out the middle.
        return _replaced(layer, "StandIn", {"name": inner["name"]})
    else:
        inner = {key: value for key, value in inner.items() if not old or key not in _GONE.get(name, ())}
        if "mixed" in str(inner.get("dtype")):
            # half precision was for the speed of training; TFLite is converted from float32
            inner["dtype"] = "float32"
    layer = layer | {"config": inner}
    if old:
        layer.pop("module", None)
    return layer


def _rewired(inner: Config) -> Config:
    """The graph of a Keras 2 model as Keras 3 counts: one input or output is no list; building a model is no call.

    In Keras 2 it was call 0 of the model, so that what others take from a model within comes from its call 1.
    """
    for ends in ("input_layers", "output_layers"):
        if len(inner[ends]) == 1 and isinstance(inner[ends][0], list):
            inner[ends] = inner[ends][0]
    late = {part["name"] for part in inner["layers"] if part["class_name"] in _CONTAINERS}
    return dict(_recounted(inner, late))


def _recounted(part: Any, late: set[str]) -> Any:
    """[layer, call, output ...] with one call less for these layers, wherever it stands."""
    if isinstance(part, dict):
        return {key: value if key == "config" else _recounted(value, late) for key, value in part.items()}
    if not isinstance(part, list):
        return part
    if len(part) >= 3 and isinstance(part[0], str) and part[0] in late and isinstance(part[1], int):
        return [part[0], max(0, part[1] - 1), *part[2:]]
    return [_recounted(value, late) for value in part]


def _is_foreign(layer: Config) -> bool:
    module = layer.get("module")
    own = (
        hasattr(keras.layers, layer["class_name"]) if module is None else module.split(".")[0] in ("keras", "tf_keras")
    )
    return layer["class_name"] == "Lambda" or not own


def _replaced(layer: Config, name: str, config: Config) -> Config:
    """Another layer in the same place of the graph."""
    kept: Config = {key: layer[key] for key in ("name", "inbound_nodes") if key in layer}
    return {"class_name": name, "config": config} | kept


def _rescaling(layer: Config, inner: Config) -> Config:
    """A TensorFlow operation of a Keras 2 graph: its node is [source, 0, 0, {"y": number}], not in a list of nodes."""
    function = inner["function"]
    nodes = layer["inbound_nodes"]
    number = nodes[0][3].get("y")
    if function not in _RESCALING or len(nodes) != 1 or not isinstance(number, int | float):
        raise RecipeError(
            f"layer {inner['name']!r} is the TensorFlow operation {function!r}, which is known only with one number "
            f"and as one of {', '.join(_RESCALING)}. Build the model without it and save it again."
        )
    scale, offset = _RESCALING[function](number)
    replaced = _replaced(layer, "Rescaling", {"name": inner["name"], "scale": scale, "offset": offset})
    replaced["inbound_nodes"] = [[[*nodes[0][:3], {}]]]
    return replaced
