"""Meshes for the sample pictures, made with numpy alone. Centimetres; z points from the tray to the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """points: float (n, 3), cm. faces: int (m, 3), counter-clockwise seen from outside. uv: float (n, 2), 0..1."""

    points: Floats
    faces: NDArray[np.int32]
    uv: Floats


def surface(points: Floats) -> Mesh:
    """A mesh from a grid of points (rows, columns, 3); its outside is where columns x rows points.

    u (0..1) runs along the columns, v along the rows.
    """
    rows, columns, _ = points.shape
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return Mesh(points.reshape(-1, 3).astype(np.float64), faces, np.stack([u, v], -1).reshape(-1, 2))


def rounded(profile: ArrayLike, radius: float, steps: int = 5) -> Floats:
    """An open polyline (n, 2) with its corners cut to arcs of about `radius`."""
    line = np.asarray(profile, dtype=np.float64)
    out = [line[0]]
    t = np.linspace(0, 1, steps)[:, None]
    for before, corner, after in zip(line[:-2], line[1:-1], line[2:], strict=True):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        out.extend((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    out.append(line[-1])
    return np.array(out)


def _towards(corner: Floats, other: Floats, radius: float) -> Floats:
    length = float(np.linalg.norm(other - corner))
    return corner + (other - corner) * min(0.45, radius / max(length, 1e-9))


def dense(line: ArrayLike, step: float) -> Floats:
    """The polyline (n, k) with points added so that none is further than `step` from the next."""
    points = np.asarray(line, dtype=np.float64)
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    pieces = [
        np.linspace(a, b, max(1, int(np.ceil(n / step))), endpoint=False)
        for a, b, n in zip(points[:-1], points[1:], lengths, strict=True)
    ]
    return np.concatenate([*pieces, points[-1:]])


def smooth_curve(knots: ArrayLike, count: int) -> Floats:
    """`count` points on a Catmull-Rom curve through the knots (n, k)."""
    p = np.asarray(knots, dtype=np.float64)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, len(p) - 3 - 1e-9, count)
    i, f = t.astype(int), (t % 1)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    out: Floats = 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
    return out


def flat_sheet(width: float, height: float, cells: int = 300) -> Floats:
    """Points (cells, cells, 3) of a flat sheet about the middle, cm."""
    x, y = np.meshgrid(np.linspace(-width / 2, width / 2, cells), np.linspace(-height / 2, height / 2, cells))
    return np.stack([x, y, np.zeros_like(x)], -1)


def sphere(rows: int = 240, columns: int = 360) -> Floats:
    """Unit vectors (rows, columns, 3), from the south pole up."""
    t, p = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    return np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), -np.cos(t)], -1)


def lathe(profile: ArrayLike, arc: tuple[float, float] = (0, 360), sides: int = 128) -> Mesh:
    """A profile (n, 2) of (radius, z) turned about z. Going up the profile, the outside is away from the axis."""
    r, z = np.asarray(profile, dtype=np.float64).T
    angle = np.radians(np.linspace(*arc, sides + 1))
    x, y = r[:, None] * np.cos(angle), r[:, None] * np.sin(angle)
    return surface(np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], -1))


def shell(outer: ArrayLike, thickness: float) -> Floats:
    """A closed profile: up along `outer`, over the lip, down the inside, to the axis."""
    line = np.asarray(outer, dtype=np.float64)
    step = np.gradient(line, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], -1) / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    inner = line + normal * thickness
    inner[:, 0] = np.maximum(inner[:, 0], 0)
    inner[0] = [0, line[0, 1] + thickness]
    inner[-1, 1] = line[-1, 1]
    return np.concatenate([line, inner[::-1]])


def tube(path: ArrayLike, radius: ArrayLike, sides: int = 24, flat: float = 1.0) -> Mesh:
    """A pipe along a path (n, 3) with a radius a point; `flat` scales its height. Ends are closed by radius 0."""
    line = np.asarray(path, dtype=np.float64)
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    side = np.cross([0.0, 0.0, 1.0], along)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    up = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
    size = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(line))[:, None, None]
    ring = side[:, None] * np.cos(angle) + up[:, None] * np.sin(angle) * flat
    return surface(line[:, None] + ring * size)


def box(size: Sequence[float], radius: float, cells: int = 24) -> Mesh:
    """A box with rounded edges about the origin.

    Its texture is an atlas of 3 x 2 tiles: top, bottom, right in the first row, left, back, front in the second.
    """
    half = np.asarray(size, dtype=np.float64) / 2
    t = np.linspace(-1, 1, cells)
    t = np.sign(t) * (1 - (1 - np.abs(t)) ** 1.6)  # more vertices where the edge is round
    b, a = np.meshgrid(t, t, indexing="ij")
    one = np.ones_like(a)
    sides = [(a, b, one), (-a, b, -one), (one, a, b), (-one, -a, b), (-a, one, b), (a, -one, b)]
    parts = []
    for k, (x, y, z) in enumerate(sides):
        grid = np.stack([x, y, z], -1) * half
        core = np.clip(grid, -(half - radius), half - radius)
        out = grid - core
        out /= np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)
        mesh = surface(core + out * radius)
        tile = np.array([k % 3, 1 - k // 3])
        place = np.stack([a, b], -1).reshape(-1, 2) / 2 + 0.5
        parts.append(Mesh(mesh.points, mesh.faces, (tile + 0.005 + 0.99 * place) / [3, 2]))
    return joined(parts)


def relief(height: NDArray[Any], mask: Mask, per_cm: float) -> Mesh:
    """A height field (rows, columns), cm, drawn like a picture (row 0 at the back), where the mask is true."""
    rows, columns = height.shape
    y, x = np.meshgrid(np.arange(rows)[::-1] - rows / 2, np.arange(columns) - columns / 2, indexing="ij")
    mesh = surface(np.stack([x / per_cm, y / per_cm, height], -1)[::-1])
    inside = mask[::-1].reshape(-1)
    return part(mesh, inside)


def part(mesh: Mesh, keep: Mask) -> Mesh:
    """The mesh without the points (n,) not kept and the faces that touch them."""
    index = np.cumsum(keep, dtype=np.int32) - 1
    faces = mesh.faces[keep[mesh.faces].all(axis=1)]
    return Mesh(mesh.points[keep], index[faces].astype(np.int32), mesh.uv[keep])


def inflated(mask: Mask, per_cm: float, radius: float) -> Floats:
    """Heights (cm) of a flat thing of this outline with edges rounded by `radius`."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5).astype(np.float64) / per_cm
    return np.asarray(radius * np.sqrt(np.clip(1 - (1 - np.minimum(distance / radius, 1)) ** 2, 0, 1)))


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    offsets = np.cumsum([0, *(len(m.points) for m in meshes[:-1])])
    faces = np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)]).astype(np.int32)
    return Mesh(np.concatenate([m.points for m in meshes]), faces, np.concatenate([m.uv for m in meshes]))


def moved(
    mesh: Mesh, turn: tuple[float, float, float] = (0, 0, 0), shift: tuple[float, float, float] = (0, 0, 0)
) -> Mesh:
    """Turned about x, then y, then z (degrees), then shifted (cm)."""
    matrix = np.eye(3)
    for axis, degrees in enumerate(turn):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = (axis + 1) % 3, (axis + 2) % 3
        rotation = np.eye(3)
        rotation[i, i], rotation[i, j], rotation[j, i], rotation[j, j] = c, -s, s, c
        matrix = rotation @ matrix
    return Mesh(mesh.points @ matrix.T + np.asarray(shift), mesh.faces, mesh.uv)


def scaled(mesh: Mesh, by: tuple[float, float, float]) -> Mesh:
    """Stretched along the three axes."""
    return Mesh(mesh.points * np.asarray(by), mesh.faces, mesh.uv)


def disc(radius: float, z: float = 0, sides: int = 96) -> Mesh:
    """A flat disc facing up with its picture laid on from above."""
    r, angle = np.meshgrid([radius, 0.0], np.linspace(0, 2 * np.pi, sides + 1), indexing="ij")
    x, y = r * np.cos(angle), r * np.sin(angle)
    mesh = surface(np.stack([x, y, np.full_like(x, z)], -1))
    return Mesh(mesh.points, mesh.faces, mesh.points[:, :2] / (2 * radius) + 0.5)


def silhouette(knots: ArrayLike, size: tuple[float, float], per_cm: float, curved: bool = True) -> Mask:
    """The inside of a closed outline, knots (n, 2) in cm about the middle with y up, on a sheet of `size` cm."""
    line = np.asarray(knots, dtype=np.float64)
    if curved:
        turn = len(line)
        line = smooth_curve(np.concatenate([line, line, line]), 30 * turn)[10 * turn : 20 * turn + 1]
    shape = (round(size[1] * per_cm), round(size[0] * per_cm))
    place = (line * [1, -1] + np.asarray(size) / 2) * per_cm
    mask = cv2.fillPoly(np.zeros(shape, np.uint8), [np.round(place * 16).astype(np.int32)], 1, shift=4)
    return np.asarray(mask, dtype=np.bool_)


def bulged(mesh: Mesh, amount: ArrayLike) -> Mesh:
    """Every point moved along its normal by `amount` (scalar or (n,)), cm."""
    push = np.broadcast_to(np.asarray(amount, dtype=np.float64), len(mesh.points))
    return Mesh(mesh.points + normals(mesh) * push[:, None], mesh.faces, mesh.uv)


def normals(mesh: Mesh) -> Floats:
    """Smooth unit normals (n, 3); points that share a place share a normal, so that seams do not show."""
    a, b, c = (mesh.points[mesh.faces[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    _, place = np.unique(np.round(mesh.points, 5), axis=0, return_inverse=True)
    place = place.reshape(-1)
    total = np.zeros((int(place.max()) + 1, 3))
    for k in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(place[mesh.faces[:, k]], face[:, axis], len(total))
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return np.asarray(total[place])


def noise(points: Floats, rng: Generator, wavelength: float, waves: int = 24) -> Floats:
    """Smooth noise at points (..., k), about -1..1, with features of about `wavelength` cm."""
    k = points.shape[-1]
    direction = rng.normal(size=(waves, k))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    scale = rng.uniform(0.6, 1.6, (waves, 1)) * 2 * np.pi / wavelength
    phase = points @ (direction * scale).T + rng.uniform(0, 2 * np.pi, waves)
    return np.asarray(np.sin(phase).sum(axis=-1) * np.sqrt(2 / waves))


def creases(points: Floats, rng: Generator, wavelength: float, folds: int = 9) -> Floats:
    """Noise made of flat facets between sharp folds, about -1..1: crumpled paper, dented metal."""
    k = points.shape[-1]
    warp = np.stack([noise(points, rng, wavelength * 2.2, 12) for _ in range(k)], -1) * wavelength * 0.25
    place = points + warp
    total = np.zeros(points.shape[:-1])
    for _ in range(folds):
        axis = rng.normal(size=k)
        t = place @ (axis / np.linalg.norm(axis)) / (wavelength * rng.uniform(0.7, 1.8)) + rng.uniform()
        total += np.abs(t % 1 - 0.5) * 4 - 1
    return np.asarray(total / np.sqrt(folds))


def write_ply(mesh: Mesh, path: Path) -> None:
    """Binary PLY with normals and texture coordinates."""
    vertex = np.concatenate([mesh.points, normals(mesh), mesh.uv], axis=1).astype("<f4")
    face = np.zeros(len(mesh.faces), dtype=[("n", "u1"), ("v", "<i4", 3)])
    face["n"], face["v"] = 3, mesh.faces
    names = "".join(f"property float {n}\n" for n in ("x", "y", "z", "nx", "ny", "nz", "u", "v"))
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertex)}\n{names}"
        f"element face {len(face)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode() + vertex.tobytes() + face.tobytes())
