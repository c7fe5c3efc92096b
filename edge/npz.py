"""Arrays in the bytes of an .npz file. Pure."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# RuntimeError: what looks encrypted, or packed in a way that nobody knows
DAMAGED = (OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_arrays(content: bytes, **dtypes: DTypeLike) -> list[NDArray[Any]]:
    """The arrays of these names, in their order, as these types; no code in them is run.

    Raises ValueError: the bytes are something else, lack an array, or one cannot be of its type.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # read as a whole, which checks it: numpy fails in many ways at what is damaged
            files = ((io.BytesIO(packed.read(f"{name}.npy")), dtype) for name, dtype in dtypes.items())
            return [np.asarray(np.load(file, allow_pickle=False), dtype=dtype) for file, dtype in files]
    except DAMAGED as error:
        names = " and ".join(f"an array `{name}`" for name in dtypes)
        raise ValueError(f"not a .npz file with {names} ({error})") from error
