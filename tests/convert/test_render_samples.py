"""The sample pictures are what the demo needs, and the script that made them still works."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from convert.render_samples import main
from convert.scene_shapes import box, disc, lathe, moved, normals, relief, write_ply
from convert.scenes import ITEMS
from edge.images import read_image

SAMPLES = Path(__file__).parents[2] / "edge" / "samples"
LABELS = {"battery", "biological", "cardboard", "clothes", "glass", "metal", "paper", "plastic", "shoes", "trash"}
pictures = sorted(SAMPLES.glob("*.jpg"))


def test_the_folder_holds_enough_items_of_enough_labels() -> None:
    labels = Counter(path.stem.split("-")[0] for path in pictures)
    assert labels.pop("empty") == 2
    assert set(labels) == LABELS
    assert sum(labels.values()) >= 24
    assert min(labels.values()) >= 2


def test_all_pictures_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in pictures) < 4_000_000


@pytest.mark.parametrize("path", pictures, ids=lambda path: path.stem)
def test_a_picture_is_640_by_480_and_shows_its_item_on_the_same_tray(path: Path) -> None:
    picture, empty = (read_image(p).astype(np.int16) for p in (path, SAMPLES / "empty-1.jpg"))
    assert picture.shape == (480, 640, 3)
    different = np.abs(picture - empty).max(axis=2) > 30
    assert np.median(np.abs(picture - empty)) < 8
    assert (different.mean() > 0.003) == (not path.stem.startswith("empty"))


def test_every_picture_has_its_builder_and_every_builder_its_picture() -> None:
    assert {path.stem for path in pictures} == {"empty-1", "empty-2", *ITEMS}


@pytest.mark.parametrize("name", ["glass-tumbler", "battery-9v", "shoes-flip-flop", "trash-toothbrush"])
def test_an_item_lies_on_the_tray_and_is_the_same_for_the_same_seed(name: str) -> None:
    first, second = (ITEMS[name](np.random.default_rng(3)) for _ in range(2))
    points = np.concatenate([part.mesh.points for part in first])
    assert 0 <= points[:, 2].min() < 0.1
    assert np.abs(points[:, 0]).max() < 19
    assert np.abs(points[:, 1]).max() < 14
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.mesh.points, b.mesh.points)


def test_meshes_are_closed_outwards() -> None:
    for mesh in (box((2, 3, 1), 0.2), lathe([(0, -1), (1, -1), (1, 1), (0, 1)])):
        assert (np.sum(normals(mesh) * mesh.points, axis=1) > 0).all()
    np.testing.assert_allclose(normals(disc(2.0))[:, 2], 1)


def test_a_relief_keeps_only_what_is_inside_its_outline() -> None:
    mask = np.zeros((8, 10), bool)
    mask[2:6, 3:7] = True
    mesh = relief(np.ones((8, 10)), mask, 2.0)
    assert len(mesh.points) == 16
    assert len(mesh.faces) == 18
    np.testing.assert_allclose(normals(mesh)[:, 2], 1)


def test_turning_a_quarter_about_x_lays_a_standing_thing_down() -> None:
    mesh = moved(lathe([(1, 0), (1, 5)]), (90, 0, 0))
    np.testing.assert_allclose(np.ptp(mesh.points, axis=0), [2, 5, 2], atol=1e-9)


def test_a_mesh_is_written_with_as_many_points_and_faces_as_it_has(tmp_path: Path) -> None:
    mesh = disc(1.0)
    write_ply(mesh, tmp_path / "disc.ply")
    header, body = (tmp_path / "disc.ply").read_bytes().split(b"end_header\n", 1)
    assert f"element vertex {len(mesh.points)}".encode() in header
    assert len(body) == len(mesh.points) * 32 + len(mesh.faces) * 13


def test_an_unknown_sample_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--only", "glass-elephant"]) == 2
    assert "glass-elephant" in capsys.readouterr().err


@pytest.mark.slow
def test_a_tiny_picture_renders(tmp_path: Path) -> None:
    pytest.importorskip("mitsuba", reason="needs mitsuba: pip install 'smart-bin[render]'")
    assert main(["--out", str(tmp_path), "--only", "battery-aa", "--width", "64", "--samples", "4"]) == 0
    assert read_image(tmp_path / "battery-aa.jpg").shape == (48, 64, 3)
