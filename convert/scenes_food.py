"""Sample items that grew: fruit, shells, leaves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from convert import scene_textures as tx
from convert.scene_parts import Part, item, placed, solid
from convert.scene_shapes import (
    Mesh,
    bulged,
    creases,
    dense,
    lathe,
    noise,
    relief,
    rounded,
    silhouette,
    smooth_curve,
    sphere,
    surface,
    tube,
)

# Food and leaves


@item("biological-apple")
def apple(rng: Generator) -> list[Part]:
    """A red and yellow apple with its stem."""
    t = np.linspace(0, np.pi, 120)
    profile = np.stack([3.7 * np.sin(t) * (1 - 0.07 * np.cos(t)), -3.3 * np.cos(t)], -1)
    profile[:, 1] += -1.5 * np.exp(-((profile[:, 0] / 0.9) ** 2)) * (t > 2) + 0.6 * np.exp(
        -((profile[:, 0] / 0.8) ** 2)
    ) * (t < 1)
    mesh = lathe(profile, sides=180)
    angle = np.arctan2(mesh.points[:, 1], mesh.points[:, 0])
    mesh = bulged(mesh, 0.07 * noise(mesh.points, rng, 7) + 0.05 * np.cos(5 * angle) * (mesh.points[:, 2] < 0))
    streaks = cv2.GaussianBlur(rng.normal(0, 1, (512, 1024)), (0, 0), sigmaX=4, sigmaY=40) * 14
    blush = 0.62 + 0.5 * tx.cloud(512, 1024, rng, 2, 2) + 0.25 * streaks
    blush *= np.clip(np.linspace(0, 6, 512), 0, 1)[:, None]
    skin = tx.blended(tx.array(tx.plain(1024, 512, "#d8b948")), "#a8161c", blush)
    skin = tx.blended(skin, "#e8d79a", tx.softened(rng.uniform(size=(512, 1024)) > 0.9985, 1.2) * 6)
    stem = tube(smooth_curve([(0, 0, 1.6), (0.05, 0, 2.6), (0.3, 0.1, 3.7)], 20), np.linspace(0.12, 0.17, 20))
    parts = [Part(mesh, solid(skin, 0.25, clearcoat=0.4)), Part(stem, solid("#4a3520", 0.8))]
    return placed(parts, pitch=-38, heading=30, at=(-1, 0))


@item("biological-banana")
def banana(rng: Generator) -> list[Part]:
    """A ripe banana with brown spots."""
    path = smooth_curve(
        [
            (-8.6, 3.4, 1.7),
            (-7.4, 1.9, 1.7),
            (-4, -0.6, 1.7),
            (0, -1.4, 1.7),
            (4, -0.6, 1.7),
            (7.6, 2.2, 1.7),
            (8.3, 3, 1.7),
        ],
        160,
    )
    t = np.linspace(0, 1, 160)
    radius = np.interp(t, [0, 0.01, 0.08, 0.16, 0.3, 0.7, 0.9, 0.985, 1], [0, 0.5, 0.48, 1.1, 1.75, 1.75, 1.1, 0.35, 0])
    mesh = tube(path, radius, 60)
    ridge = 0.05 * np.cos(5 * 2 * np.pi * mesh.uv[:, 0]) * np.repeat(radius, 61)
    mesh = bulged(mesh, ridge)
    skin = tx.mottled(tx.array(tx.plain(400, 1200, "#e6bd2e")), rng, 0.05, 4)
    spots = tx.cloud(1200, 400, rng, 60, 2) > 1.45
    skin = tx.blended(skin, "#5a3a18", tx.softened(spots, 2) * 0.85)
    along = np.linspace(1, 0, 1200)[:, None] * np.ones((1, 400))
    skin = tx.blended(skin, "#8d9a3a", np.clip(1 - (along - 0.04) / 0.12, 0, 1) * 0.6)
    skin = tx.blended(skin, "#2c2015", np.clip((along - 0.965) / 0.015, 0, 1) + np.clip((0.02 - along) / 0.01, 0, 1))
    return placed([Part(mesh, solid(skin, 0.45))], heading=-30)


@item("biological-apple-core")
def apple_core(rng: Generator) -> list[Part]:
    """What is left of an apple."""
    profile = rounded(
        [
            (0, 0.3),
            (0.8, 0),
            (1.9, 0.5),
            (2.2, 1.1),
            (1.15, 2.4),
            (1.0, 3.6),
            (1.2, 4.6),
            (2.3, 5.8),
            (1.9, 6.4),
            (0.6, 6.2),
            (0, 5.7),
        ],
        0.5,
        12,
    )
    mesh = lathe(dense(profile, 0.06), sides=200)
    middle = np.exp(-(((mesh.points[:, 2] - 3.3) / 1.7) ** 2))
    mesh = bulged(
        mesh,
        middle * (0.22 * noise(mesh.points, rng, 1.4) + 0.10 * creases(mesh.points, rng, 0.9))
        + 0.06 * noise(mesh.points, rng, 2),
    )
    z = np.linspace(1, 0, 600)[:, None] * np.ones((1, 600))
    flesh = tx.mottled(tx.array(tx.plain(600, 600, "#e6d3a0")), rng, 0.06, 10)
    flesh = tx.blended(flesh, "#a87838", np.clip(tx.cloud(600, 600, rng, 8) * 0.6 + 0.1, 0, 0.8))
    edge = np.abs(z - 0.5) + 0.035 * tx.cloud(600, 600, rng, 8)
    skin = tx.mottled(tx.array(tx.plain(600, 600, "#a3262a")), rng, 0.2, 6)
    flesh = tx.blended(flesh, skin, np.clip((edge - 0.29) / 0.012, 0, 1))
    stem = tube(smooth_curve([(0, 0, 5.2), (0.1, 0, 6.5), (0.4, 0.1, 7.6)], 20), np.linspace(0.1, 0.15, 20))
    parts = [Part(mesh, solid(flesh, 0.5)), Part(stem, solid("#4a3520", 0.8))]
    return placed(parts, spin=40, pitch=-82, heading=-40)


@item("biological-egg-shells")
def egg_shells(rng: Generator) -> list[Part]:
    """Two broken halves of a brown egg."""
    parts = []
    for k, (tall, at) in enumerate(((2.9, (-2.6, 0.8)), (2.4, (2.7, -1.2)))):
        unit = sphere(160, 240)[:88]
        mesh = surface(unit * [2.25, 2.25, tall])
        angle = np.arctan2(mesh.points[:, 1], mesh.points[:, 0])
        ring = np.stack([np.cos(angle), np.sin(angle)], -1)
        rim = 0.15 + 0.35 * creases(ring, rng, 0.8)
        mesh = Mesh(np.column_stack([mesh.points[:, :2], np.minimum(mesh.points[:, 2], rim)]), mesh.faces, mesh.uv)
        brown = tx.mottled(tx.array(tx.plain(400, 400, "#c99a6e")), rng, 0.04, 6, 0.05)
        inner = bulged(mesh, -0.07)
        shells = [Part(mesh, solid(brown, 0.5)), Part(inner, solid("#efe9e0", 0.45))]
        parts += placed(shells, pitch=(-38, 128)[k], heading=(30, -70)[k], at=at)
    return parts


@item("biological-orange-half")
def orange_half(rng: Generator) -> list[Part]:
    """Half a squeezed orange, cut side up."""
    y, x = np.mgrid[-1:1:600j, -1:1:600j]
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    part = np.abs(((angle / (2 * np.pi) * 10) % 1) - 0.5) * r
    wall = np.clip((part / np.maximum(r, 0.05) - 0.5 + 0.035 / np.maximum(r, 0.05)) * 40, 0, 1)
    flesh = tx.mottled(tx.array(tx.plain(600, 600, "#e88a1a")), rng, 0.18, 40)
    flesh = tx.blended(flesh, "#f4dfb4", np.maximum(wall, np.clip((0.10 - r) * 30, 0, 1)) * 0.9)
    flesh = tx.blended(flesh, "#f6ead0", np.clip((r - 0.86) * 40, 0, 1))
    flesh = tx.blended(flesh, "#e07d12", np.clip((r - 0.96) * 60, 0, 1))
    per_cm = 36.0
    yy, xx = np.mgrid[0 : int(8.2 * per_cm), 0 : int(8.2 * per_cm)] / per_cm - 4.1
    flat = np.stack([xx, yy], -1)
    cut = np.hypot(xx, yy)
    height = (
        3.4
        - 0.7 * np.clip(1 - (cut / 3.3) ** 2, 0, 1)
        + 0.10 * noise(flat, rng, 0.7) * (cut < 3.3)
        + 0.12 * noise(flat, rng, 5)
    )
    top = relief(height, cut < 3.95, per_cm)
    uv = top.points[:, :2] / 8.0 + 0.5
    bowl = sphere(160, 200)[:82] * [4.0, 4.0, 3.4] + [0, 0, 3.4]
    peel = surface(bowl)
    peel = bulged(peel, 0.03 * noise(peel.points, rng, 0.35))
    parts = [Part(Mesh(top.points, top.faces, uv), solid(flesh, 0.35)), Part(peel, solid("#e07d12", 0.4))]
    return placed(parts, pitch=-12, roll=9, heading=20, at=(1, 1))


@item("biological-leaf")
def leaf(rng: Generator) -> list[Part]:
    """A big autumn leaf with veins."""
    tips = [
        (0, -6.5),
        (2.2, -6.0),
        (5.2, -6.8),
        (4.6, -4.2),
        (8.6, -2.2),
        (6.4, -0.6),
        (7.6, 3.2),
        (4.4, 2.4),
        (3.6, 4.4),
        (1.8, 3.6),
        (0, 8.8),
    ]
    outline = [*tips, *[(-x * 0.95, y + 0.2) for x, y in tips[-2:0:-1]]]
    size, per_cm = (20.0, 20.0), 20.0
    mask = silhouette(outline, size, per_cm)
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm
    flat = np.stack([x, y], -1)
    veins = Image.new("L", (800, 800))
    draw = ImageDraw.Draw(veins)
    for tip in ((0, 8.5), (7.2, 3), (8.0, -2.2), (4.9, -6.4), (-6.8, 3.2), (-7.6, -2.0), (-4.6, -6.2)):
        end = (400 + 40 * tip[0], 400 - 40 * tip[1])
        draw.line((400, 640, *end), fill=255, width=6)
        for s in (0.35, 0.55, 0.75):
            bx, by = 400 + (end[0] - 400) * s, 640 + (end[1] - 640) * s
            for side in (-1, 1):
                dx, dy = (
                    (end[0] - 400) * 0.18 + side * (end[1] - 640) * 0.13,
                    (end[1] - 640) * 0.18 - side * (end[0] - 400) * 0.13,
                )
                draw.line((bx, by, bx + dx, by + dy), fill=170, width=3)
    line = tx.softened(np.asarray(veins) / 255, 1.5)
    distance = tx.softened(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5), 0, (800, 800)) / per_cm
    colour = tx.blended(tx.array(tx.plain(800, 800, "#b5651d")), "#d9a62e", 0.5 + 0.6 * tx.cloud(800, 800, rng, 4))
    colour = tx.blended(
        colour, "#7a2f14", np.clip(1 - distance / 0.9, 0, 1) * 0.8 + 0.3 * np.clip(tx.cloud(800, 800, rng, 9), 0, 1)
    )
    colour = tx.blended(colour, "#e3c268", line * 0.8)
    height = (
        0.5 + 0.28 * noise(flat, rng, 9) + 0.10 * noise(flat, rng, 3) - 0.12 * tx.softened(line, 0, mask.shape[::-1])
    )
    height += (
        0.9 * np.clip(1 - tx.softened(distance, 0, mask.shape[::-1]) / 1.6, 0, 1) ** 2 * (noise(flat, rng, 12) > 0)
    )
    stalk = tube(smooth_curve([(0, -5.9, 0.5), (0.4, -8.4, 0.5), (1.6, -10.6, 0.9)], 30), np.linspace(0.13, 0.17, 30))
    return placed(
        [Part(relief(height, mask, per_cm), solid(colour, 0.55)), Part(stalk, solid("#7a3a1a", 0.6))], heading=38
    )


@item("biological-carrot")
def carrot(rng: Generator) -> list[Part]:
    """A carrot with the stumps of its green."""
    t = np.linspace(0, 1, 200)
    radius = np.interp(t, [0, 0.02, 0.08, 0.5, 0.9, 0.985, 1], [0, 0.9, 1.6, 1.2, 0.55, 0.14, 0])
    path = np.stack([-8 + 16 * t, 0.5 * np.sin(t * 3), 1.6 + 0 * t], -1)
    mesh = tube(path, radius, 60)
    rings = np.clip(noise(mesh.points * [1, 0.15, 0.15], rng, 0.5) - 0.9, 0, 1)
    mesh = bulged(mesh, -0.10 * rings + 0.05 * noise(mesh.points, rng, 3))
    skin = tx.mottled(tx.array(tx.plain(300, 900, "#dd6f17")), rng, 0.06, 8)
    lines = np.clip(cv2.GaussianBlur(rng.normal(0, 1, (900, 300)), (0, 0), sigmaX=16, sigmaY=1.2) * 12 - 1, 0, 1)
    skin = tx.blended(skin, "#9c4a10", lines * 0.7)
    parts = [Part(mesh, solid(skin, 0.45))]
    for k in range(9):
        y, z = rng.normal(0, 0.35, 2)
        knots = [
            (-7.7, y * 0.6, 1.6 + z * 0.5),
            (-9, y * 1.4, 1.8 + z),
            (-10.4 - rng.uniform(0, 1.2), y * 3.2, 1.7 + 1.6 * z),
        ]
        parts.append(
            Part(tube(smooth_curve(knots, 24), np.linspace(0.2, 0.12, 24)), solid(("#5d8a2c", "#6f9c3a")[k % 2], 0.5))
        )
    return placed(parts, heading=-145, at=(0, 1))
