"""Any Keras image classifier -> the graph that the bin takes: raw RGB in, logits and the features behind them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from convert.errors import RecipeError
from convert.kerasconfig import StandIn
from convert.kerasfile import set_weights

# What a graph may take -> the scale and the offset that make it of 0..255.
RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
DEFAULT_SIDE_PX = 224

_SCALERS = ("Rescaling", "Normalization", "TrueDivide", "Divide", "Multiply", "Subtract")
_POOLING = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


@dataclass(frozen=True, eq=False)
class Classifier:
    """model: float32 (n, side_px, side_px, 3), RGB 0..255 -> [logits (n, labels), features (n, m)].

    scalers: names of the layers that scale the picture before anything learned. skipped: of code that was left out.
    """

    model: keras.Model
    backbone: str
    side_px: int
    labels: int
    features: int
    scalers: tuple[str, ...]
    skipped: tuple[str, ...]


def classifier(model: keras.Model, side_px: int | None = None, input_range: str = "0..255") -> Classifier:
    """Lay the graph out flat, without softmax. side_px: instead of the graph's own. Raises RecipeError."""
    _check(model)
    side = side_px or _own_side_px(model) or DEFAULT_SIDE_PX
    image = keras.Input((side, side, 3), name="raw_rgb")
    scale, offset = RANGES[input_range]
    taken = image if input_range == "0..255" else layers.Rescaling(scale, offset, name="input_range")(image)
    flat = _Flat()
    try:
        logits = flat.logits(flat.run(model, taken))
        features = flat.features(logits)
        rebuilt = keras.Model(image, [logits, features], name="imported")
    except (ValueError, TypeError) as error:
        raise RecipeError(f"the graph cannot be rebuilt for {side} x {side} pixels ({error}).") from error
    return Classifier(
        model=rebuilt,
        backbone=_backbone(model, flat.steps),
        side_px=side,
        labels=int(logits.shape[-1]),
        features=int(features.shape[-1]),
        scalers=tuple(s.layer.name for s in flat.steps if type(s.layer).__name__ in _SCALERS and not s.learned_before),
        skipped=tuple(flat.skipped),
    )


@dataclass(frozen=True, eq=False)
class _Step:
    """One layer at its place. source is None where it takes several tensors."""

    layer: Any
    source: keras.KerasTensor | None
    result: keras.KerasTensor
    learned_before: bool


class _Flat:
    """Calls the layers of a model, and of the models within it, one by one, and notes what it did."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []
        self.skipped: list[str] = []
        self._learned: set[int] = set()  # ids of tensors that something learned has gone into
        self._by_name: dict[str, Any] = {}
        self._last: Any = None

    def run(self, model: keras.Model, x: keras.KerasTensor) -> keras.KerasTensor:
        """The output of a model with one input and one output, for x."""
        inner = keras.Model(model.inputs[0], model.outputs[0])
        self._last = x
        # Called for what it calls: the model that it returns is cut off from x.
        keras.models.clone_model(inner, input_tensors=x, clone_function=lambda layer: layer, call_function=self._call)
        return self._last

    def logits(self, answer: keras.KerasTensor) -> keras.KerasTensor:
        """The answer without the softmax that it ends in, if it does."""
        step = self._step(answer)
        if type(step.layer).__name__ == "Softmax":
            return step.source
        activation = getattr(step.layer, "activation", keras.activations.linear)
        if activation is keras.activations.linear:
            return answer
        if activation is not keras.activations.softmax:
            raise RecipeError(
                f"the last layer {step.layer.name!r} ends in {getattr(activation, '__name__', activation)}; the bin "
                "needs one answer among the labels: softmax, or logits without activation."
            )
        if isinstance(step.layer, layers.Activation):
            return step.source
        step.layer.activation = keras.activations.linear
        return self._call(step.layer, step.source)

    def features(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        """What was pooled for the logits, else what their last dense layer takes."""
        back = self._back(logits)
        pooled = next((step.result for step in back if isinstance(step.layer, _POOLING)), None)
        if pooled is None:
            pooled = next((step.source for step in back if isinstance(step.layer, layers.Dense)), None)
        if pooled is None:
            raise RecipeError("neither a pooling nor a dense layer before its answer: not a classifier known here.")
        return pooled if len(pooled.shape) == 2 else layers.Flatten(name="imported_features")(pooled)

    def _back(self, tensor: keras.KerasTensor | None) -> list[_Step]:
        """The steps that led to a tensor, the last one first, as far as each takes one tensor."""
        by_result = {id(step.result): step for step in self.steps}
        back = []
        while tensor is not None and id(tensor) in by_result:
            back.append(by_result[id(tensor)])
            tensor = back[-1].source
        return back

    def _step(self, tensor: keras.KerasTensor) -> _Step:
        back = self._back(tensor)
        if not back:
            raise RecipeError("there is no layer in it.")
        return back[0]

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model) and len(layer.inputs) == len(layer.outputs) == 1:
            return self.run(layer, args[0])
        before = any(id(tensor) in self._learned for tensor in keras.tree.flatten(args))
        if isinstance(layer, StandIn):
            self._skip(layer, before)
            # an output that is an input itself is none to Keras; and other than a StandIn it loads anywhere
            layer, kwargs = layers.Identity(name=layer.name), {}
        result = self._with_own_name(layer, *args, **kwargs)
        if before or _has_learned(layer):
            self._learned.add(id(result))
        source = args[0] if isinstance(args[0], keras.KerasTensor) else None
        self.steps.append(_Step(layer, source, result, before))
        self._last = result
        return result

    def _skip(self, layer: StandIn, learned_before: bool) -> None:
        if layer.code and learned_before:
            raise RecipeError(
                f"layer {layer.name!r} ({layer.code}) is code in the middle of the graph, where it is part of the "
                "answer; what it does cannot be read from the file. Build the model without it and save it again."
            )
        if layer.code:
            self.skipped.append(f"{layer.name} ({layer.code})")

    def _with_own_name(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call it; under another name when a layer of another of the models has the same."""
        if self._by_name.setdefault(layer.name, layer) is layer:
            return layer(*args, **kwargs)
        name = f"{layer.name}_{len(self.steps)}"
        twin = type(layer).from_config({**layer.get_config(), "name": name})
        result = twin(*args, **kwargs)
        if getattr(layer, "weights", None):
            set_weights(twin, [keras.ops.convert_to_numpy(weight) for weight in layer.weights])
        return result


def _check(model: keras.Model) -> None:
    given, answers = [tuple(t.shape) for t in model.inputs], [tuple(t.shape) for t in model.outputs]
    if len(given) != 1 or len(given[0]) != 4 or given[0][3] != 3:
        raise RecipeError(f"it takes {_shown(given)}, not one RGB image (height, width, 3).")
    if len(answers) != 1 or len(answers[0]) != 2:
        raise RecipeError(f"it answers {_shown(answers)}, not one number for each label: not an image classifier.")


def _shown(shapes: Sequence[tuple[int | None, ...]]) -> str:
    return " and ".join("(" + ", ".join("?" if n is None else str(n) for n in shape[1:]) + ")" for shape in shapes)


def _own_side_px(model: keras.Model) -> int | None:
    """The side of the square that the model takes, or a model within it when the outer one takes any size."""
    for part in (model, *(layer for layer in model.layers if isinstance(layer, keras.Model))):
        height, width = part.inputs[0].shape[1:3]
        if height != width:
            raise RecipeError(f"it takes {height} x {width} pixels; the bin cuts squares. Give --size for another.")
        if height is not None:
            return int(height)
    return None


def _has_learned(layer: Any) -> bool:
    return bool(getattr(layer, "weights", None)) and not isinstance(layer, layers.Normalization)


def _backbone(model: keras.Model, steps: Sequence[_Step]) -> str:
    names = {step.layer.name for step in steps}
    # Only the S of the V2 family has a block 6 of fifteen and no block 7.
    if "block6o_project_conv" in names and "block7a_project_conv" not in names:
        return "efficientnetv2s"
    within = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return str(max(within, key=keras.Model.count_params, default=model).name)
