"""Arrays in the bytes of an .npz file. Pure."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def read_arrays(content: bytes, **dtypes: DTypeLike) -> list[NDArray[Any]]:
    """The arrays of these names, in their order, as these types; no code in them is run.

    Raises ValueError: the bytes are something else, lack an array, or one cannot be of its type.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return [np.asarray(arrays[name], dtype=dtype) for name, dtype in dtypes.items()]
    except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        names = " and ".join(f"an array `{name}`" for name in dtypes)
        raise ValueError(f"not a .npz file with {names} ({error})") from error
