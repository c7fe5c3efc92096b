"""Reads the tensors of a torch .pth file without torch, which is large and needed for nothing else.

The format is torch's older one, that of the Lite2 package: four pickles (magic number, protocol, machine, the state
dict), a pickled list of storage keys, then each storage as its length and its raw bytes. The unpickler knows only the
few names that a state dict consists of, so a hostile file can do nothing but be refused.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import RecipeError

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8", "HalfStorage": "<f2", "DoubleStorage": "<f8"}


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor of the file by its name, in torch's own axis order. Raises RecipeError."""
    try:
        with path.open("rb") as stream:
            if _Unpickler(stream).load() != _MAGIC:
                raise pickle.UnpicklingError("no magic number")
            return _read_body(stream)
    except (OSError, pickle.UnpicklingError, LookupError, ValueError, TypeError, EOFError, struct.error) as error:
        raise RecipeError(f"{path}: not a torch state dict in the format of 2019 and before ({error}).") from error


@dataclass
class _Storage:
    dtype: np.dtype[Any]
    values: NDArray[Any] = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        values = self.storage.values[self.offset :]
        if 1 + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True)) > len(values):
            raise ValueError("a tensor is larger than its storage")
        strides = tuple(step * values.itemsize for step in self.stride)
        return np.lib.stride_tricks.as_strided(values, self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, stride, *_: _Tensor(
                storage, offset, shape, stride
            ),
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of a state dict")
        return allowed[module, name]

    def persistent_load(self, reference: Any) -> _Storage:
        _, dtype, key, *_ = reference
        return self.storages.setdefault(key, _Storage(dtype))


def _read_body(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    for _ in ("protocol", "machine"):
        _Unpickler(stream).load()
    body = _Unpickler(stream)
    tensors: dict[str, _Tensor] = body.load()
    for key in _Unpickler(stream).load():
        storage = body.storages[key]
        (count,) = struct.unpack("<q", stream.read(8))
        storage.values = np.frombuffer(stream.read(count * storage.dtype.itemsize), storage.dtype, count)
    return {name: tensor.array() for name, tensor in tensors.items()}
