"""An EfficientNetV2S that begins with what a trained EfficientNet-Lite2 knows, where no ImageNet weights are to be had.

Both are made of inverted residual blocks. From a stride of 8 px on, Lite2's blocks fit into the first blocks of V2S's
stages 4 to 6, which are wider; the blocks and channels left over start as nothing (Net2Net, Chen et al. 2016, grows
networks so). What differs is made up for:

relu6 -> swish             swish(b x) / b nears relu(x) as b grows: the norms multiply by b, what follows divides
5 x 5 -> 3 x 3 depthwise   the 3 x 3 kernel that answers most like the 5 x 5 one to real pictures
528 -> 512 channels        those that matter least to what follows go
352 -> 256 channels        the last block gives the 256 directions that matter most to the head, less what its skip adds
squeeze and excitation     its gates are open

The stages before have no counterpart in Lite2; convert/hints.py trains them.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from convert.errors import RecipeError
from convert.liteblock import Array, LiteBlock, folded, read_blocks, regress

STEEPNESS = 4.0  # b: swish differs from relu by at most 0.28 / b
TOP_STEEPNESS = 6.0  # in front of the features, most of which are small
_GATE_BIAS = 3.0
_GATE = float(1 / (1 + np.exp(-_GATE_BIAS)))
_FAINT = 0.1  # of what is drawn for output channels that nothing reads yet

# Which block of Lite2 each one of V2S takes.
_HEIRS = {
    **{f"block4{letter}": 7 + i for i, letter in enumerate("abcd")},
    **{f"block5{letter}": 11 + i for i, letter in enumerate("abcd")},
    **{f"block6{letter}": 15 + i for i, letter in enumerate("abcde")},
}
_LAST, _LAST_OF_LITE = "block6o", 20
_FIRST_OF_LITE = min(_HEIRS.values())
_IDENTITIES = [f"block{s}{letter}" for s, letters in ((4, "ef"), (5, "efghi"), (6, "fghijklmn")) for letter in letters]

# The convolution after a map of so many px a place.
_AFTER = {4: ("_blocks.4._", "block3a_"), 8: ("_blocks.7._", "block4a_")}


def tap(model: keras.Model, stride: int) -> keras.KerasTensor:
    """A model's map of 4 or 8 px a place, (n, h, w, c). Raises RecipeError: neither Lite2 nor V2S."""
    known = {layer.name: layer for layer in model.layers}
    for prefix in _AFTER[stride]:
        if f"{prefix}expand_conv" in known:
            return known[f"{prefix}expand_conv"].input
    raise RecipeError(f"{model.name}: neither an efficientnet-lite2 nor an efficientnetv2s.")


def inherit(student: keras.Model, teacher: keras.Model, pictures: Array, order: Sequence[int]) -> None:
    """Set stages 4 to 6, the top and the head of a V2S [logits, embedding] to do what a Lite2 does.

    pictures: float32 (n, h, w, 3), RGB 0..255, that both are fitted on; sides a multiple of 32. order: for each of the
    student's labels, which of the teacher's it is. Raises RecipeError.
    """
    try:
        _check_head(teacher, len(order))
        blocks = read_blocks(teacher, range(_FIRST_OF_LITE, _LAST_OF_LITE + 1), pictures)
        for name in [*_HEIRS, *_IDENTITIES, _LAST]:
            _open_gate(student, name)
        for layer in (layer for layer in student.layers if layer.name.endswith("_drop")):
            layer.rate = 0.0  # whoever skips a block now and then loses what it inherited
        for name in _IDENTITIES:
            norm = student.get_layer(f"{name}_project_bn")
            norm.gamma.assign(keras.ops.zeros_like(norm.gamma))
        for name, number in _HEIRS.items():
            kept = _take_inner(student, name, blocks[number])
            _take_outer(student, name, blocks[number], kept)
        _take_inner(student, _LAST, blocks[_LAST_OF_LITE])
        _take_last(student, teacher, blocks[_LAST_OF_LITE])
        _take_head(student, teacher, order)
    except (ValueError, IndexError) as error:
        raise RecipeError(f"[inherit]: an efficientnetv2s can, from an efficientnet-lite2 ({error}).") from error
    _settle(student, blocks[_FIRST_OF_LITE].source)


def _open_gate(student: keras.Model, name: str) -> None:
    layer = student.get_layer(f"{name}_se_expand")
    kernel, bias = layer.get_weights()
    layer.set_weights([np.zeros_like(kernel), np.full_like(bias, _GATE_BIAS)])


def _take_inner(student: keras.Model, name: str, block: LiteBlock) -> NDArray[np.int64]:
    """Expansion and depthwise convolution; the channels that are left over stay as they were drawn.

    Gives the inner channels of the block that there was room for.
    """
    layer = student.get_layer(f"{name}_expand_conv")
    kept = np.sort(np.argsort(-block.importance())[: layer.filters])
    (kernel,) = layer.get_weights()
    kernel[:, :, :, : len(kept)] = 0
    kernel[0, 0, : len(block.expand), : len(kept)] = block.expand[:, kept]
    layer.set_weights([kernel])
    _norm(student, f"{name}_expand_bn", STEEPNESS, block.expand_bias[kept])
    small, bias = block.small_depthwise()
    layer = student.get_layer(f"{name}_dwconv2")
    (kernel,) = layer.get_weights()
    kernel[:, :, : len(kept), 0] = small[:, :, kept] / STEEPNESS
    layer.set_weights([kernel])
    _norm(student, f"{name}_bn", STEEPNESS, bias[kept])
    return kept


def _take_outer(student: keras.Model, name: str, block: LiteBlock, kept: NDArray[np.int64]) -> None:
    """The projection; what the new output channels hold is only seen by new channels."""
    layer = student.get_layer(f"{name}_project_conv")
    (kernel,) = layer.get_weights()
    kernel[0, 0] *= _FAINT
    kernel[0, 0, :, : block.project.shape[1]] = 0
    kernel[0, 0, : len(kept), : block.project.shape[1]] = block.project[kept] / (STEEPNESS * _GATE)
    layer.set_weights([kernel])
    _norm(student, f"{name}_project_bn", 1.0, block.project_bias)


def _take_last(student: keras.Model, teacher: keras.Model, block: LiteBlock) -> None:
    """The last block and the top: through 256 channels that begin with the 208 which the skip adds."""
    top, top_bias = folded(teacher.get_layer("_conv_head"), teacher.get_layer("_bn1"))
    inner, source = _rows(block.inner), _rows(block.source)
    middle, level = inner.mean(axis=0), source.mean(axis=0)
    whole = block.project @ top[0, 0]  # (inner, 1280): what the top's convolution makes of the inner channels
    answers = (inner - middle) @ whole
    layer = student.get_layer(f"{_LAST}_project_conv")
    (kernel,) = layer.get_weights()
    directions = np.linalg.eigh(answers.T @ answers)[1][:, -kernel.shape[3] :].astype(np.float32)  # (1280, 256)
    scale = source.std() / (answers @ directions).std(axis=0)  # so that all are as large as what the skip adds
    skip = regress(inner - middle, source - level)  # (inner, 208): what the skip adds, as far as the inner ones tell
    wanted = whole @ directions * scale
    wanted[:, : skip.shape[1]] -= skip
    kernel[:] = 0
    kernel[0, 0, : len(wanted)] = wanted / (STEEPNESS * _GATE)
    layer.set_weights([kernel])
    offset = np.zeros(kernel.shape[3], np.float32)
    offset[: len(level)] = middle @ skip - level
    _norm(student, f"{_LAST}_project_bn", 1.0, offset)
    student.get_layer("top_conv").set_weights([(directions / scale).T[None, None]])
    _norm(student, "top_bn", TOP_STEEPNESS, top_bias + block.project_bias @ top[0, 0])


def _check_head(teacher: keras.Model, labels: int) -> None:
    if (known := teacher.get_layer("logits").units) != labels:
        raise ValueError(f"it knows {known} labels, not {labels}")


def _take_head(student: keras.Model, teacher: keras.Model, order: Sequence[int]) -> None:
    kernel, bias = teacher.get_layer("logits").get_weights()
    student.get_layer("logits").set_weights([kernel[:, order] / TOP_STEEPNESS, bias[order]])


def _rows(maps: Array) -> Array:
    return maps.reshape(-1, maps.shape[-1])


def _norm(student: keras.Model, name: str, slope: float, added: Array) -> None:
    """Let a normalisation answer slope * (x + added) in its first channels; the others stay as they are."""
    norm, count = student.get_layer(name), len(added)
    gamma, beta, mean, variance = norm.get_weights()
    gamma[:count] = slope * np.sqrt(variance[:count] + norm.epsilon)
    beta[:count] = slope * (added + mean[:count])
    norm.set_weights([gamma, beta, mean, variance])


def _settle(student: keras.Model, maps: Array) -> None:
    """Give the normalisations the statistics of real pictures, and answer as before: training goes by its batches.

    maps: float32 (n, h, w, c), the teacher's of 8 px a place.
    """
    entry = tap(student, 8)
    padded = np.pad(maps, ((0, 0), (0, 0), (0, 0), (0, entry.shape[-1] - maps.shape[-1])))
    names = [layer.name for layer in student.layers]
    later = student.layers[names.index("block4a_expand_conv") :]
    norms = [layer for layer in later if isinstance(layer, keras.layers.BatchNormalization)]
    seen = keras.Model(entry, [norm.input for norm in norms])(padded, training=False)
    for norm, given in zip(norms, seen, strict=True):
        gamma, beta, mean, variance = norm.get_weights()
        slope = gamma / np.sqrt(variance + norm.epsilon)
        rows = _rows(np.asarray(given))
        new_mean, new_variance = rows.mean(axis=0), rows.var(axis=0)
        norm.set_weights(
            [slope * np.sqrt(new_variance + norm.epsilon), beta + slope * (new_mean - mean), new_mean, new_variance]
        )
