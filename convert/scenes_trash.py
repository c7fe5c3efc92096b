"""Sample items that nothing can be made of again."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import ImageDraw

from convert import scene_textures as tx
from convert.scene_parts import Part, item, placed, solid
from convert.scene_shapes import bulged, creases, flat_sheet, noise, scaled, smooth_curve, sphere, surface, tube

# Trash


@item("trash-dirty-napkin")
def napkin(rng: Generator) -> list[Part]:
    """A used paper napkin with sauce on it."""
    flat = flat_sheet(17, 17, 320)
    xy = flat[..., :2]
    z = 1.0 * creases(xy, rng, 5.5) + 0.5 * creases(xy, rng, 2.4) + 0.16 * creases(xy, rng, 1.0)
    squeeze = 0.62 + 0.03 * noise(xy, rng, 10)
    pulled = xy * squeeze[..., None] + np.stack([0.9 * noise(xy, rng, 8), 0.9 * noise(xy, rng, 8)], -1)
    emboss = np.sin(np.mgrid[0:900, 0:900] / 9.0).prod(0) * 0.03 + 1
    image = np.clip(tx.array(tx.plain(900, 900, "#efece6")) * emboss[..., None], 0, 255).astype(np.uint8)
    stain = np.clip(tx.cloud(900, 900, rng, 4) * 1.6 - 0.6, 0, 1)
    image = tx.blended(image, "#8a4a1c", stain * 0.8)
    image = tx.blended(image, "#b9602c", np.clip(tx.cloud(900, 900, rng, 6) * 2.2 - 1.7, 0, 1) * 0.9)
    return placed([Part(surface(np.concatenate([pulled, z[..., None]], -1)), solid(image, 0.95))], heading=15)


@item("trash-crisp-packet")
def crisp_packet(rng: Generator) -> list[Part]:
    """A crumpled crisp bag, foil inside, torn open at the top."""
    image = tx.plain(900, 1200, "#f2c21a")
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 330), (900, 200), (900, 560), (0, 690)], fill="#b3151c")
    tx.write(image, (0.5, 0.37), "KRUNCH", 190, "white", turn=8)
    tx.write(image, (0.5, 0.60), "paprika", 100, "#b3151c")
    for k in range(7):
        x, y = 160 + 95 * k, 930 + 50 * (k % 2)
        draw.ellipse((x - 90, y - 60, x + 90, y + 60), fill="#e0912a", outline="#b86a14", width=6)
    for k in range(0, 900, 14):
        draw.line((k, 0, k, 60), fill="#c9ced2", width=6)
        draw.line((k, 1140, k, 1200), fill="#d9a914", width=5)
    flat = flat_sheet(13.5, 18.5, 340)
    xy = flat[..., :2]
    pillow = np.clip(1 - (xy[..., 0] / 6.9) ** 2, 0, 1) ** 0.5 * np.clip(1 - (xy[..., 1] / 9.4) ** 4, 0, 1) ** 0.6
    z = pillow * (2.0 + 0.55 * noise(xy, rng, 6) + 0.75 * creases(xy, rng, 3.2) + 0.3 * creases(xy, rng, 1.3)) + 0.3
    z += 0.10 * creases(xy, rng, 1.6)
    place = np.stack([xy[..., 0] * 0.94 + 0.3 * noise(xy, rng, 7), xy[..., 1] * 0.94 + 0.3 * noise(xy, rng, 7), z], -1)
    return placed([Part(surface(place), solid(tx.array(image), 0.22, 0.35, clearcoat=0.5))], heading=-33)


@item("trash-face-mask")
def face_mask(rng: Generator) -> list[Part]:
    """A pleated surgical mask with its ear loops."""
    flat = flat_sheet(17, 9.2, 320)
    x, y = flat[..., 0], flat[..., 1]
    pleat = sum(0.32 * np.clip(1 - np.abs(y - at) / 0.8, 0, 1) for at in (-2.2, 0.0, 2.2))
    flat[..., 2] = (
        0.3 + pleat * np.clip((8.6 - np.abs(x)) / 3, 0.2, 1) + 1.3 * np.cos(x / 17 * np.pi) * np.cos(y / 9.2 * np.pi)
    )
    flat[..., 2] += 0.10 * noise(flat[..., :2], rng, 5) + 0.05 * creases(flat[..., :2], rng, 3)
    image = tx.mottled(tx.array(tx.plain(850, 460, "#86bcd6")), rng, 0.02, 8, 0.03)
    yy, xx = np.mgrid[0:460, 0:850]
    edge = (yy < 30) | (yy > 430) | (xx < 34) | (xx > 816)
    image = tx.blended(image, "#c9e0ea", edge * 0.8)
    image = tx.blended(image, "#6fa3bd", edge * ((xx + yy) % 12 < 4) * 0.7)
    parts = [Part(surface(flat), solid(image, 0.9, sheen=0.3))]
    for side in (-1, 1):
        knots = [
            (8.3 * side, 4.1, 0.4),
            (10.4 * side, 4.9, 0.3),
            (12.4 * side, 2.0, 0.25),
            (11.6 * side, -1.6, 0.3),
            (11.9 * side, -4.6, 0.25),
            (8.3 * side, -4.1, 0.4),
        ]
        parts.append(Part(tube(smooth_curve(knots, 80), np.full(80, 0.16)), solid("#f2f2f0", 0.9)))
    return placed(parts, heading=16)


@item("trash-toothbrush")
def toothbrush(rng: Generator) -> list[Part]:
    """A worn toothbrush."""
    path = smooth_curve([(-9, 0, 0.7), (-4, 0.1, 0.9), (2, 0, 0.7), (6, 0, 0.8), (9.2, 0, 0.75)], 160)
    t = np.linspace(0, 1, 160)
    radius = np.interp(
        t, [0, 0.015, 0.1, 0.4, 0.55, 0.72, 0.82, 0.97, 1], [0, 0.45, 0.62, 0.7, 0.4, 0.38, 0.62, 0.6, 0]
    )
    down, across = np.mgrid[0:900, 0:300]
    handle = (np.abs(across / 300 - 0.25) < 0.09) & (down > 330)
    image = tx.blended(tx.array(tx.plain(300, 900, "#2a9d6a")), "#f1f3f2", 1.0 * handle)
    parts = [Part(tube(path, radius, 40, 0.7), solid(image, 0.25))]
    for k in range(11):
        for j in range(4):
            x, y = 6.4 + 0.26 * k, -0.42 + 0.28 * j
            lean = rng.normal((0.02 * (k - 5), 0.35 * (j - 1.5)), 0.22)
            tuft = smooth_curve(
                [(x, y, 0.9), (x + 0.3 * lean[0], y + 0.3 * lean[1], 1.6), (x + lean[0] + 0.01, y + lean[1], 2.1)], 10
            )
            colour = ("#e9edf0", "#5b8fd0")[j in (1, 2)]
            parts.append(Part(tube(tuft, np.append(np.linspace(0.12, 0.16, 9), 0), 10), solid(colour, 0.6)))
    return placed([Part(scaled(p.mesh, (1.05, 1.25, 1.25)), p.material) for p in parts], heading=33)


@item("trash-cigarette-butts")
def cigarette_butts(rng: Generator) -> list[Part]:
    """Four stubs with ash."""
    parts: list[Part] = []
    for k, at in enumerate(((-1.8, 0.8), (0.9, 1.9), (1.6, -1.3), (-1.0, -2.3))):
        path = smooth_curve(
            [(-2.1, 0, 0.5), (-0.5, 0.05, 0.5), (0.8, 0.2 - 0.15 * k, 0.5), (1.7, 0.5 - 0.35 * k, 0.5)], 90
        )
        mesh = tube(path, np.array([0, *[0.5] * 86, 0.46, 0.42, 0]), 40)
        squeezed = np.clip((mesh.uv[:, 1] - 0.6) / 0.4, 0, 1)
        mesh = bulged(mesh, squeezed * (0.11 * creases(mesh.points, rng, 0.9)))
        image = np.asarray(tx.plain(100, 400, "#efece4"))
        v = np.linspace(1, 0, 400)[:, None] * np.ones((1, 100))
        image = tx.blended(image, tx.mottled(tx.array(tx.plain(100, 400, "#c98a45")), rng, 0.12, 30), (v < 0.62) * 1.0)
        image = tx.blended(image, "#d8c49c", (v < 0.012) * 1.0)
        image = tx.blended(
            image, "#1f1c1a", np.clip((v - 0.86) / 0.05 + 0.3 * tx.cloud(400, 100, rng, 8), 0, 1) * (v > 0.8)
        )
        parts += placed([Part(mesh, solid(image, 0.9))], heading=float(rng.uniform(0, 360)), at=at)
    for _ in range(14):
        unit = sphere(14, 18)
        r = rng.uniform(0.06, 0.2) * (1 + 0.3 * creases(unit, rng, 0.8))
        crumb = [Part(surface(unit * r[..., None] * [1, 1, 0.5]), solid(str(rng.choice(["#55524e", "#2a2826"])), 0.95))]
        x, y = rng.normal(0, 2.2, 2)
        parts += placed(crumb, at=(float(x), float(y)))
    return parts
