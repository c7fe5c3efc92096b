"""edge.bench's worker for Keras on TensorFlow; in convert, because nothing in edge may import TensorFlow."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge.bench.worker import Opened, Tensors, main


def _keras(path: Path, threads: int) -> Opened:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # imported here: what importing costs is part of what is measured
    tensorflow, keras = importlib.import_module("tensorflow"), importlib.import_module("keras")
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    model = keras.models.load_model(path, compile=False)
    # traced once, as `predict` does, but without its cost for every call
    graph = tensorflow.function(lambda image: model(image, training=False), jit_compile=False)

    def run(tensor: NDArray[Any]) -> Tensors:
        answer = graph(tensorflow.constant(tensor))
        return [output.numpy() for output in (answer if isinstance(answer, list | tuple) else [answer])]

    return Opened(run, keras.__version__, (1, *model.input_shape[1:]), "float32")


if __name__ == "__main__":
    main({"keras": _keras})
