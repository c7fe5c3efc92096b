"""The same network in the format of every runtime: what `make bench` lets `smartbin bench` compare.

    python -m convert.formats OUT

makes OUT/NAME/ for each backbone, with float.keras, float.tflite, int8.tflite, float.onnx and int8.onnx (which OpenVINO
and OpenCV read too). Files that are there already are kept. EfficientNetV2S is untrained: how long a network takes
depends on its shape, as long as its activations are of an ordinary size, and that they are made to be.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from convert import backbones
from convert.errors import RecipeError
from convert.quantize import quantize
from edge.bench.item import SAMPLES
from edge.errors import SmartBinError
from edge.images import read_image
from edge.model import Pixels
from edge.preprocess import fit

SIZE_PX, LABELS = 224, 10
WEIGHTS = {"efficientnet-lite2": "imagenet", "efficientnetv2s": "none"}
_PICTURES = 24
_INPUT = "image"

Make = Callable[[], keras.Model]


def main(arguments: Sequence[str]) -> int:
    """Everything for every backbone; the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    (out,) = map(Path, arguments)
    pictures = [fit(read_image(path), SIZE_PX, SIZE_PX) for path in sorted(SAMPLES.glob("*.jpg"))[:_PICTURES]]
    try:
        for backbone in WEIGHTS:
            build(out / backbone, partial(network, backbone, pictures), pictures)
    except SmartBinError as error:
        print(f"convert.formats: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def network(backbone: str, pictures: Sequence[Pixels]) -> keras.Model:
    """A backbone with a head; where it has no trained weights its normalisations are fitted to the pictures.

    Untrained, activations would fade to numbers so small that some runtimes are slowed down by them alone.
    """
    weights = WEIGHTS[backbone]
    model = backbones.with_head(backbones.build(backbone, weights, SIZE_PX), LABELS)
    if weights == "none":
        norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        usual = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 0.0
        model(np.stack(pictures).astype(np.float32), training=True)
        for norm, momentum in zip(norms, usual, strict=True):
            norm.momentum = momentum
    return model


def build(folder: Path, make: Make, pictures: Sequence[Pixels], say: Callable[[str], None] = print) -> None:
    """Make what is missing in the folder.

    make: a model from float32 (n, h, w, 3), RGB 0..255; pictures: uint8 (h, w, 3), to calibrate on. Raises RecipeError
    when the packages for ONNX are not installed.
    """
    original = folder / "float.keras"
    makers: dict[str, Callable[[keras.Model, Path], None]] = {
        "float.tflite": partial(_tflite, "float32", pictures),
        "int8.tflite": partial(_tflite, "int8", pictures),
        "float.onnx": partial(_onnx, pictures[0].shape),
        "int8.onnx": partial(_onnx_int8, folder / "float.onnx", pictures),
    }
    folder.mkdir(parents=True, exist_ok=True)
    if not original.exists():
        _write(original, lambda path: make().save(path), say)
    missing = [name for name in makers if not (folder / name).exists()]
    model = keras.models.load_model(original, compile=False) if missing else None
    for name in missing:
        _write(folder / name, partial(makers[name], model), say)


def _write(path: Path, make: Callable[[Path], object], say: Callable[[str], None]) -> None:
    """Complete, or not there: a half-written file would be kept for ever."""
    say(f"make {path} ...")
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        # some writers choose the format by the name
        new = Path(scratch) / path.name
        make(new)
        new.replace(path)


def _tflite(kind: str, pictures: Sequence[Pixels], model: keras.Model, path: Path) -> None:
    read = [partial(np.copy, picture) for picture in pictures]
    path.write_bytes(quantize(model, pictures[0].shape[0], kind, read))


def _onnx(shape: tuple[int, ...], model: keras.Model, path: Path) -> None:
    _needs("tf2onnx")
    # OpenCV wants every dimension to be a number
    image = keras.InputSpec(dtype="float32", shape=(1, *shape), name=_INPUT)
    with warnings.catch_warnings():
        # Keras mends tf2onnx for NumPy 2 in a way that NumPy comments on
        warnings.filterwarnings("ignore", message="In the future `np.", category=FutureWarning)
        model.export(path, format="onnx", input_signature=[image], verbose=False)


def _onnx_int8(source: Path, pictures: Sequence[Pixels], _model: keras.Model, path: Path) -> None:
    """8-bit weights (a scale a channel) and activations as QuantizeLinear / DequantizeLinear pairs, the form that ONNX
    Runtime and OpenVINO both turn into integer kernels."""
    _needs("onnxruntime")
    from onnxruntime import quantization  # noqa: PLC0415 - of the extra "bench"
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415 - as above

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc] # it ships no types
        """The pictures, one after the other, then None."""

        def __init__(self) -> None:
            self._left: Iterator[NDArray[np.float32]] = (p[np.newaxis].astype(np.float32) for p in pictures)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            picture = next(self._left, None)
            return None if picture is None else {_INPUT: picture}

    prepared = path.with_name("prepared.onnx")
    quant_pre_process(source, prepared)
    quantization.quantize_static(prepared, path, Reader(), per_channel=True)


def _needs(package: str) -> None:
    """Raises RecipeError unless it can be imported."""
    try:
        __import__(package)
    except ImportError as error:
        raise RecipeError(f"{package} is not installed: pip install 'smart-bin[bench]'.") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
