"""Sample items of paper and cardboard."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from convert import scene_textures as tx
from convert.scene_parts import Part, item, placed, solid
from convert.scene_shapes import (
    Mesh,
    box,
    bulged,
    creases,
    dense,
    flat_sheet,
    lathe,
    noise,
    relief,
    scaled,
    silhouette,
    sphere,
    surface,
)

# Paper


@item("paper-crumpled-sheet")
def crumpledflat_sheet(rng: Generator) -> list[Part]:
    """A written sheet of paper, crumpled and half opened again."""
    image = tx.plain(900, 1200, "#f4f3ee")
    tx.column(image, (80, 90, 830, 1100), 26, rng, "#3a3f55")
    x, y = np.meshgrid(np.linspace(-8, 8, 300), np.linspace(-10, 10, 380))
    flat = np.stack([x, y], -1)
    bend = np.stack([x * 0.82 + 0.5 * noise(flat, rng, 14), y * 0.8 + 0.5 * noise(flat, rng, 14)], -1)
    z = 1.1 * creases(flat, rng, 5.0) + 0.35 * creases(flat, rng, 1.8) + 0.02 * (x**2 + y**2)
    mesh = surface(np.concatenate([bend, z[..., None]], -1))
    return placed([Part(mesh, solid(tx.array(image), 0.9))], heading=25)


@item("paper-crumpled-ball")
def crumpled_ball(rng: Generator) -> list[Part]:
    """A page from an exercise book, crumpled to a ball."""
    unit = sphere()
    r = 3.6 * (1 + 0.13 * creases(unit, rng, 1.3) + 0.07 * creases(unit, rng, 0.55) + 0.02 * creases(unit, rng, 0.25))
    image = tx.plain(1400, 700, "#d3d2cc")
    draw = ImageDraw.Draw(image)
    for k in range(0, 700, 24):
        draw.line((0, k, 1400, k), fill="#9db7dd", width=3)
    return placed(
        [Part(surface(unit * r[..., None] * [1.15, 1, 0.8]), solid(tx.array(image), 0.9))], pitch=40, heading=70
    )


@item("paper-newspaper")
def newspaper(rng: Generator) -> list[Part]:
    """A folded newspaper page."""
    image = tx.plain(1000, 1240, "#dcd8cb")
    draw = ImageDraw.Draw(image)
    tx.write(image, (0.5, 0.06), "THE MORNING TRAY", 96, "#1b1b1b")
    draw.line((50, 140, 950, 140), fill="#333333", width=4)
    tx.write(image, (0.5, 0.16), "Council counts every bin", 70, "#1b1b1b")
    photo = tx.mottled(tx.array(tx.plain(430, 300, "#77756f")), rng, 0.45, 4)
    image.paste(Image.fromarray(photo), (50, 270))
    for x, top in ((50, 600), (280, 600), (520, 270), (750, 270)):
        tx.column(image, (x, top, x + 210, 1200), 19, rng)
    flat = flat_sheet(18, 23)
    wave = 0.35 + 0.22 * noise(flat[..., :2], rng, 15) + 0.07 * creases(flat[..., :2], rng, 6)
    fold = 0.9 * np.exp(-np.abs(flat[..., 1] - 1) / 1.2)
    flat[..., 2] = wave + fold + 0.5 * np.clip(flat[..., 0] / 9, 0, 1) ** 3
    under = flat * [1, 1, 0.8] + [0.35, -0.3, -0.18]
    paper = solid(tx.mottled(tx.array(image), rng, 0.02), 0.9)
    return placed([Part(surface(flat), paper), Part(surface(under), solid("#d2cec1", 0.9))], heading=-17)


@item("paper-envelope")
def envelope(rng: Generator) -> list[Part]:
    """An opened window envelope."""
    image = tx.plain(1100, 560, "#f3f2ee")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((90, 270, 520, 460), 24, fill="#d5dade", outline="#c2c6c9", width=4)
    for k, line in enumerate(("R. Example", "12 Harbour Street", "4000 Anytown")):
        tx.write(image, (0.27, 0.55 + 0.09 * k), line, 38, "#2a2a2a")
    tx.write(image, (0.19, 0.12), "City Waterworks", 44, "#1d4f80")
    for k in range(5):
        draw.arc((700 + 14 * k, 40, 880 + 14 * k, 170), 200, 520, fill="#44464f", width=3)
    draw.rectangle((930, 30, 1060, 190), fill="#b9474a", outline="white", width=8)
    flat = flat_sheet(20, 10.2, 240)
    x, y = flat[..., 0], flat[..., 1]
    flat[..., 2] = (
        0.25 + 0.12 * noise(flat[..., :2], rng, 12) + 0.035 * creases(flat[..., :2], rng, 5) + 0.5 * (x / 10) ** 4
    )
    torn = flat[..., 1] + 0.25 * noise(x[..., None], rng, 1.5) * (y > 4.9)
    flat[..., 1] = np.where(y > 4.9, torn - 0.1, y)
    return placed([Part(surface(flat), solid(tx.array(image), 0.85))], heading=14)


@item("paper-magazine")
def magazine(rng: Generator) -> list[Part]:
    """A glossy magazine, its pages fanned a little."""
    image = Image.fromarray(tx.mottled(tx.array(tx.plain(900, 1200, "#2e7fa3")), rng, 0.25, 3))
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 1200), (0, 820), (260, 560), (480, 800), (640, 640), (900, 900), (900, 1200)], fill="#254d3c")
    draw.ellipse((590, 330, 760, 500), fill="#f6d98a")
    tx.write(image, (0.5, 0.1), "OUTSIDE", 190, "white")
    tx.write(image, (0.3, 0.22), "40 walks by the sea", 52, "#ffe27a")
    tx.write(image, (0.3, 0.28), "Bread, baked slowly", 44, "white")
    tx.write(image, (0.66, 0.85), "The quiet valley", 76, "white")
    tx.barcode(image, (60, 1030, 260, 1150), rng)
    parts = []
    for k in range(5):
        flat = flat_sheet(17, 22.5, 200)
        u = flat[..., 0] / 17 + 0.5
        flat[..., 2] = 0.08 * (5 - k) + (0.9 - 0.14 * k) * u**2.5 + 0.05 * noise(flat[..., :2], rng, 14)
        flat[..., 0] += 0.14 * k * u
        look = solid(tx.array(image), 0.18, specular=0.6) if k == 0 else solid("#ecebe6", 0.6)
        parts.append(Part(surface(flat), look))
    return placed(parts, heading=9)


# Cardboard


def _kraft(rng: Generator, width: int, height: int, colour: str = "#b08a5e") -> Image.Image:
    """Brown board with fibres."""
    base = tx.mottled(tx.array(tx.plain(width, height, colour)), rng, 0.03, 4, 0.03)
    fibres = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), sigmaX=6, sigmaY=0.7)
    return Image.fromarray(np.clip(base * (1 + 0.10 * fibres)[..., None], 0, 255).astype(np.uint8))


@item("cardboard-shipping-box")
def shipping_box(rng: Generator) -> list[Part]:
    """A small closed carton with tape across and a label."""
    image = _kraft(rng, 1800, 900)
    draw = ImageDraw.Draw(image, "RGBA")
    draw.line((0, 225, 600, 225), fill=(70, 50, 30, 200), width=4)
    draw.rectangle((0, 190, 600, 262), fill=(205, 175, 120, 150))
    draw.rectangle((330, 290, 560, 420), fill=(245, 245, 242, 255))
    tx.barcode(image, (350, 345, 540, 405), rng)
    tx.write(image, (430 / 1800, 315 / 900), "PARCEL 2 KG", 26, "#222222")
    tx.write(image, (150 / 1800, 80 / 900), "FRAGILE", 66, "#5a2f1c")
    for x in (90, 150):
        draw.polygon([(x, 360), (x + 20, 330), (x + 40, 360)], fill="#5a2f1c")
        draw.rectangle((x + 13, 360, x + 27, 405), fill="#5a2f1c")
    mesh = box((18.5, 13.5, 6.5), 0.18, 60)
    dented = bulged(mesh, 0.10 * noise(mesh.points, rng, 9))
    return placed([Part(dented, solid(tx.array(image), 0.85))], heading=-14)


@item("cardboard-torn-piece")
def torn_board(rng: Generator) -> list[Part]:
    """A torn piece of corrugated board whose waves show where the cover is gone."""
    size, per_cm = (24.0, 18.0), 18.0
    knots = [
        (-10, -7),
        (-3, -7.6),
        (4, -7),
        (10.5, -7.4),
        (10, -2),
        (10.6, 3),
        (9.2, 7),
        (2, 6.2),
        (-4, 7.4),
        (-10.4, 6.6),
    ]
    y, x = np.mgrid[0 : int(size[1] * per_cm), 0 : int(size[0] * per_cm)] / per_cm
    flat = np.stack([x, y], -1)
    ragged = (0.25 * noise(flat, rng, 2.2) + 0.12 * noise(flat, rng, 0.7))[..., None] * per_cm
    grid = np.stack([x, y], -1) * per_cm + ragged
    whole = silhouette(knots, size, per_cm, False).astype(np.float32)
    mask = cv2.remap(whole, grid[..., 0].astype(np.float32), grid[..., 1].astype(np.float32), cv2.INTER_LINEAR) > 0.5
    peeled = x + 1.4 * noise(flat, rng, 5) + 0.5 * noise(flat, rng, 1.2) > 18.2
    wave = 0.11 * np.sin(x * 2 * np.pi / 0.75)
    height = np.where(peeled, 0.18 + wave, 0.42 + 0.012 * np.sin(x * 2 * np.pi / 0.75))
    height += 0.9 * np.exp(-np.abs(y - 8.2) / 2.2) + 0.10 * noise(flat, rng, 10)
    image = _kraft(rng, 960, 720)
    tx.write(image, (0.30, 0.30), "THIS SIDE UP", 54, "#4a3020")
    colour = tx.array(image)
    shade = tx.softened(peeled, 0, (960, 720))
    colour = tx.blended(colour, "#c49c6c", shade * 0.7)
    return placed([Part(relief(height, mask, per_cm), solid(colour, 0.9))], heading=11)


@item("cardboard-tube")
def cardboard_tube(rng: Generator) -> list[Part]:
    """The core of a toilet roll, slightly squashed."""
    image = _kraft(rng, 900, 640, "#a98f72")
    draw = ImageDraw.Draw(image, "RGBA")
    for k in range(-2, 4):
        draw.line((k * 420, 640, k * 420 + 420, 0), fill=(80, 60, 40, 130), width=3)
    outer = dense([(2.15, 0), (2.2, 0.03), (2.2, 9.97), (2.15, 10)], 0.1)
    wall = lathe(np.concatenate([outer, outer[::-1] * [0.95, 1]]))
    v = wall.points[:, 2] / 10
    look = solid(tx.array(image), 0.9)
    mesh = scaled(wall, (1.12, 0.86, 1))
    bent = mesh.points + 0.06 * noise(mesh.points, rng, 5)[:, None] * [1, 1, 0]
    mesh = Mesh(bent, mesh.faces, np.stack([wall.uv[:, 0], v], -1))
    return placed([Part(mesh, look)], spin=20, pitch=-84, heading=-62)


@item("cardboard-egg-carton")
def egg_carton(rng: Generator) -> list[Part]:
    """The pulp half of a carton for six eggs, open."""
    size, per_cm = (17.0, 12.0), 20.0
    y, x = np.mgrid[0 : int(size[1] * per_cm), 0 : int(size[0] * per_cm)] / per_cm
    flat = np.stack([x, y], -1)
    cup_x, cup_y = (x - 8.5) / 4.8, (y - 6) / 4.9
    dx, dy = (cup_x + 0.5) % 1 - 0.5, (cup_y % 1) - 0.5
    r = np.hypot(dx, dy) * 4.85
    cups = 3.4 / (1 + np.exp(-(r - 1.75) * 3.2))
    peak = 1.3 * np.exp(-((np.hypot(((cup_x) % 1) - 0.5, ((cup_y + 0.5) % 1) - 0.5) * 4.85 / 0.75) ** 2))
    edge = np.maximum(np.abs(x - 8.5) - 7.4, np.abs(y - 6) - 5.1)
    inner = np.clip(-edge / 0.5, 0, 1)
    height = np.minimum(cups + peak * (np.abs(y - 6) < 1.2) * (np.abs(x - 8.5) < 5.5), 4.6) * inner + 3.2 * (1 - inner)
    height += 0.03 * noise(flat, rng, 0.5) + 0.05 * noise(flat, rng, 3)
    mask = edge < 0.75
    pulp = tx.mottled(tx.array(tx.plain(850, 600, "#8f8b82")), rng, 0.05, 8, 0.06)
    return placed([Part(relief(height, mask, per_cm), solid(pulp, 0.95))], heading=-8)


@item("cardboard-cereal-box")
def cereal_box(rng: Generator) -> list[Part]:
    """A printed folding box, pressed flat and bent."""
    image = tx.plain(900, 1260, "#f08a1c")
    draw = ImageDraw.Draw(image)
    draw.ellipse((120, 640, 780, 1200), fill="#f7f1e0", outline="#c9d6e6", width=20)
    for _ in range(130):
        a, d = rng.uniform(0, 2 * np.pi), 230 * np.sqrt(rng.uniform())
        x, y = 450 + 1.1 * d * np.cos(a), 920 + 0.85 * d * np.sin(a)
        draw.ellipse((x - 28, y - 22, x + 28, y + 22), fill=str(rng.choice(["#c88a3a", "#d99f4f", "#b87628"])))
        draw.ellipse((x - 10, y - 8, x + 10, y + 8), fill="#8a5a20")
    tx.write(image, (0.5, 0.14), "OAT", 230, "white")
    tx.write(image, (0.5, 0.32), "RINGS", 200, "#7a1c12")
    tx.write(image, (0.5, 0.44), "whole grain  375 g", 60, "white")
    flat = flat_sheet(15.5, 21.5)
    x, y = flat[..., 0], flat[..., 1]
    flat[..., 2] = 0.5 + 0.5 * np.exp(-np.abs(x + 5.6) / 0.7) + 1.2 * np.clip((y - 3) / 8, 0, 1) ** 1.2
    flat[..., 2] += 0.05 * noise(flat[..., :2], rng, 8) + 0.05 * creases(flat[..., :2], rng, 7)
    back = flat * [1, 1, 0.9] + [0.25, -0.2, -0.3]
    return placed(
        [Part(surface(flat), solid(tx.array(image), 0.4)), Part(surface(back), solid("#9c9286", 0.9))], heading=-24
    )
