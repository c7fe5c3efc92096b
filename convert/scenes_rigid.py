"""Sample items that keep their shape: batteries, glass, metal, plastic."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from convert import scene_textures as tx
from convert.scene_parts import Part, clear, item, metal, placed, solid
from convert.scene_shapes import (
    Mesh,
    box,
    bulged,
    creases,
    dense,
    inflated,
    lathe,
    moved,
    noise,
    relief,
    rounded,
    scaled,
    shell,
    silhouette,
    surface,
)

# Glass


@item("glass-green-bottle")
def green_bottle(rng: Generator) -> list[Part]:
    """A wine bottle with a paper label."""
    outer = rounded(
        [(0, 1.6), (2.6, 0), (3.7, 0), (3.7, 18.5), (1.5, 23), (1.4, 28.6), (1.65, 28.7), (1.65, 29.6), (1.15, 29.6)],
        1.1,
    )
    image = tx.plain(700, 560, "#efe6cf")
    draw = ImageDraw.Draw(image)
    draw.rectangle((25, 25, 675, 535), outline="#7a1f2b", width=6)
    tx.write(image, (0.5, 0.25), "Valmora", 110, "#7a1f2b")
    tx.write(image, (0.5, 0.48), "TINTO 2021", 54, "#333333")
    tx.column(image, (150, 350, 600, 500), 20, rng)
    r = 3.72
    label = lathe([(r, 5.5), (r, 13.5)], (-75, 75))
    parts = [
        Part(lathe(shell(outer, 0.35)), clear("#b4dc9c")),
        Part(label, solid(tx.mottled(tx.array(image), rng, 0.03), 0.8)),
    ]
    return placed(parts, spin=-60, pitch=-90, heading=62)


# Metal


@item("metal-drink-can")
def drink_can(rng: Generator) -> list[Part]:
    """A printed aluminium can, lying."""
    image = tx.plain(1200, 640, "#c8202f")
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 420), (1200, 200), (1200, 300), (0, 520)], fill="#f3f3f0")
    for x in (0.25, 0.75):
        tx.write(image, (x, 0.30), "FRESH", 150, "white", turn=90)
        tx.write(image, (x + 0.12, 0.30), "cherry soda", 60, "#ffd9a0", turn=90)
    tx.barcode(image, (560, 80, 660, 240), rng)
    side = [(3.3, 1.0), (3.3, 10.6)]
    ends = rounded([(0, 0.7), (2.1, 0.7), (2.4, 0), (2.6, 0), (3.3, 1.0)], 0.2)
    top = rounded([(3.3, 10.6), (2.75, 11.7), (2.85, 11.9), (2.6, 12.0), (2.5, 11.6), (0, 11.6)], 0.12)
    ring = moved(
        lathe(rounded([(0.5, 11.65), (1.0, 11.65), (1.0, 11.8), (0.5, 11.8), (0.5, 11.65)], 0.03)), shift=(0, 0.6, 0)
    )
    parts = [
        Part(lathe(side), solid(tx.array(image), 0.28, 0.75)),
        Part(lathe(ends), metal("Al", 0.18)),
        Part(lathe(top), metal("Al", 0.18)),
        Part(ring, metal("Al", 0.15)),
    ]
    return placed(parts, spin=20, pitch=-78, heading=-35)


@item("metal-foil-ball")
def foil_ball(rng: Generator) -> list[Part]:
    """Crumpled kitchen foil."""
    t, p = np.meshgrid(np.linspace(0, np.pi, 260), np.linspace(0, 2 * np.pi, 420), indexing="ij")
    unit = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), -np.cos(t)], -1)
    r = 3.4 * (1 + 0.10 * creases(unit, rng, 1.1) + 0.06 * creases(unit, rng, 0.4) + 0.025 * creases(unit, rng, 0.18))
    return placed([Part(surface(unit * r[..., None] * [1.1, 1, 0.75]), metal("Al", 0.16))], heading=30)


# Glass, second part


@item("glass-brown-beer-bottle")
def beer_bottle(rng: Generator) -> list[Part]:
    """An amber bottle with a neck label and a belly label."""
    outer = rounded(
        [(0, 0.8), (2.2, 0), (3.05, 0), (3.05, 12.5), (1.35, 17.5), (1.2, 21), (1.4, 21.1), (1.4, 22), (0.95, 22)], 0.8
    )
    image = tx.plain(800, 420, "#e9d9a8")
    draw = ImageDraw.Draw(image)
    draw.ellipse((150, 30, 650, 390), fill="#17402a", outline="#b98b2e", width=12)
    tx.write(image, (0.5, 0.42), "HOPFEN", 100, "#f0d890")
    tx.write(image, (0.5, 0.65), "lager 0,5 l", 52, "white")
    parts = [
        Part(lathe(shell(outer, 0.3)), clear("#d9a860")),
        Part(lathe([(3.07, 3), (3.07, 9)], (-95, 95)), solid(tx.array(image), 0.6)),
    ]
    return placed(parts, spin=-95, pitch=-90, heading=-50, at=(-2, 1))


@item("glass-clear-jar")
def clear_jar(rng: Generator) -> list[Part]:
    """An empty jam jar without its lid."""
    thread = [(3.25 + 0.12 * np.sin(7 * t), 9.2 + 1.2 * t) for t in np.linspace(0, 1, 24)]
    outer = [*rounded([(0, 0.5), (3.0, 0), (3.9, 0), (3.9, 8.4), (3.2, 9.0), (3.25, 9.2)], 0.5), *thread, (2.95, 10.6)]
    return placed([Part(lathe(shell(dense(outer, 0.4), 0.28)), clear("#fbfefc"))], pitch=-84, heading=35, at=(1, 0))


@item("glass-tumbler")
def tumbler(rng: Generator) -> list[Part]:
    """A drinking glass, fallen over."""
    outer = rounded([(0, 0), (2.9, 0), (3.2, 4), (3.7, 11.5)], 0.4)
    inner = rounded([(3.52, 11.5), (3.0, 4), (2.6, 1.3), (0, 1.2)], 0.4)
    glass = lathe(np.concatenate([dense(outer, 0.5), dense(inner, 0.5)]), sides=160)
    angle = np.arctan2(glass.points[:, 1], glass.points[:, 0])
    low = np.clip((5.5 - glass.points[:, 2]) / 1.0, 0, 1) * (np.hypot(glass.points[:, 0], glass.points[:, 1]) > 2.5)
    cut = bulged(glass, 0.07 * low * np.abs(np.sin(6 * angle)))
    return placed([Part(cut, clear("#fcfefe"))], pitch=-87, heading=-120, at=(-1, -1))


# Metal, second part


@item("metal-crushed-can")
def crushed_can(rng: Generator) -> list[Part]:
    """A drink can somebody stepped on."""
    image = tx.plain(1200, 640, "#1f5fae")
    draw = ImageDraw.Draw(image)
    for k in range(5):
        draw.ellipse((k * 260 - 60, 330 + 30 * (k % 2), k * 260 + 200, 700), fill="#9cc9f2")
    for x in (0.2, 0.5, 0.8):
        tx.write(image, (x, 0.28), "ISO lemon", 96, "#ffe14a", turn=90)
    profile = dense([(0, 0.4), (2.5, 0.4), (3.3, 1.0), (3.3, 10.8), (2.7, 11.6), (0, 11.4)], 0.08)
    can = lathe(profile, sides=300)
    z = can.points[:, 2]
    middle = np.sin(np.clip((z - 0.6) / 10.6, 0, 1) * np.pi)
    dented = bulged(
        can, (0.55 * creases(can.points, rng, 4.0) + 0.18 * creases(can.points, rng, 1.6)) * (0.15 + middle)
    )
    points = dented.points * [1.12, 0.42, 0.86]
    points[:, 0] += 0.7 * middle * np.sin(z * 0.8)
    crushed = Mesh(points, can.faces, np.stack([can.uv[:, 0], np.clip((z - 1) / 9.8, 0.001, 0.999)], -1))
    side = ((z > 1.05) & (z < 10.75))[can.faces].all(axis=1)
    parts = [
        Part(Mesh(points, can.faces[side], crushed.uv), solid(tx.array(image), 0.3, 0.7)),
        Part(Mesh(points, can.faces[~side], crushed.uv), metal("Al", 0.2)),
    ]
    return placed(parts, spin=4, pitch=-90, heading=70, at=(1, 1))


@item("metal-tin-can")
def tin_can(rng: Generator) -> list[Part]:
    """An opened food tin with ribs, without its paper."""
    ribs = [
        (3.65 - 0.09 * (0.5 - 0.5 * np.cos(z * 2 * np.pi / 0.55)) * (1.5 < z < 9.5), z)
        for z in np.arange(0.3, 10.8, 0.05)
    ]
    outer = [(0, 0.25), (3.3, 0.25), (3.5, 0), (3.8, 0), (3.8, 0.3), *ribs, (3.85, 10.9), (3.85, 11.2), (3.6, 11.2)]
    lid = moved(lathe(rounded([(3.4, 0), (3.3, 0.1), (2.7, 0.1), (2.6, 0), (0, 0)], 0.05)), (-62, 0, 0), (0, 3.9, 12.4))
    wall = lathe(shell(outer, 0.05))
    parts = [Part(wall, metal("Al", 0.17)), Part(lid, metal("Al", 0.2))]
    return placed(parts, pitch=-70, heading=150, at=(0, 1))


@item("metal-foil-tray")
def foil_tray(rng: Generator) -> list[Part]:
    """An aluminium take-away dish, a little bent."""
    size, per_cm = (18.0, 13.0), 20.0
    y, x = np.mgrid[0 : int(size[1] * per_cm), 0 : int(size[0] * per_cm)] / per_cm
    flat = np.stack([x, y], -1)
    corner = np.hypot(np.maximum(np.abs(x - 9) - 5.5, 0), np.maximum(np.abs(y - 6.5) - 3.0, 0))
    angle = np.arctan2(y - 6.5, x - 9)
    wall = np.clip((corner - 1.2) / 1.4, 0, 1)
    height = 3.0 * wall + 0.09 * np.sin(corner * 9) * (wall >= 1)
    height += (
        0.10 * np.sin(angle * 90) * np.sin(wall * np.pi)
        + 0.12 * creases(flat, rng, 2.5)
        + 0.02 * creases(flat, rng, 0.8)
    )
    height += 0.35 * noise(flat, rng, 16) * wall + 0.06 * np.sin(x * 5) * (wall == 0)
    return placed([Part(relief(height + 1, corner < 3.2, per_cm), metal("Al", 0.3))], heading=12)


@item("metal-spoon")
def spoon(rng: Generator) -> list[Part]:
    """A steel tablespoon."""
    knots = [(-9.3, 0), (-8.6, 1.5), (-6.5, 2.0), (-4.2, 1.3), (-2.6, 0.45), (3, 0.4), (8, 0.75), (9.4, 0)]
    outline = [*knots, *[(x, -y) for x, y in knots[-2:0:-1]]]
    size, per_cm = (20.0, 5.0), 36.0
    mask = silhouette(outline, size, per_cm)
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm
    x, y = x - size[0] / 2, y - size[1] / 2
    bowl = np.clip(1 - ((x + 6.5) / 2.9) ** 2 - (y / 2.0) ** 2, 0, 1)
    height = inflated(mask, per_cm, 0.18) + 1.0 + 0.9 * np.exp(-(((x + 2.2) / 3.5) ** 2)) - 1.1 * bowl**0.8
    return placed([Part(relief(height, mask, per_cm), metal("Cr", 0.08))], heading=-38)


# Plastic


@item("plastic-pet-bottle")
def pet_bottle(rng: Generator) -> list[Part]:
    """A clear water bottle with ribs, a paper-thin label and a blue cap."""
    ribs = [(3.25 - 0.16 * (0.5 - 0.5 * np.cos((z - 2) * 2 * np.pi / 1.15)), z) for z in np.arange(2.0, 7.75, 0.06)]
    belly = [(3.25 - 0.16 * (0.5 - 0.5 * np.cos((z - 14) * 2 * np.pi / 1.0)), z) for z in np.arange(14.0, 16.0, 0.06)]
    foot = rounded([(0, 0.7), (1.6, 0.3), (2.2, 0), (2.9, 0), (3.25, 2.0)], 0.5)
    top = rounded([(3.25, 16.0), (3.1, 17), (1.35, 20.6), (1.3, 21.3), (1.65, 21.4), (1.65, 21.7), (1.25, 21.8)], 0.4)
    outer = dense([*foot, *ribs, *belly, *top, (1.25, 23)], 0.3)
    bottle = lathe(shell(outer, 0.06), sides=160)
    bottle = bulged(bottle, 0.05 * noise(bottle.points, rng, 4.0) + 0.04 * creases(bottle.points, rng, 3.0))
    image = tx.plain(1200, 380, "#2f7fc4")
    draw = ImageDraw.Draw(image)
    for k in range(7):
        draw.polygon([(k * 200 - 90, 380), (k * 200 + 40, 170), (k * 200 + 190, 380)], fill="#e8f3fb")
    for x in (0.17, 0.5, 0.83):
        tx.write(image, (x, 0.28), "alpina", 110, "white")
        tx.write(image, (x, 0.80), "spring water", 40, "#1d4f80")
    cap = lathe(rounded([(1.5, 21.7), (1.55, 21.7), (1.55, 23.3), (0, 23.3)], 0.15), sides=240)
    cap = bulged(cap, 0.04 * np.sign(np.sin(60 * np.arctan2(cap.points[:, 1], cap.points[:, 0]))))
    parts = [
        Part(bottle, clear("#f3f9fd", 1.45)),
        Part(lathe([(3.33, 8.2), (3.33, 13.6)]), solid(tx.array(image), 0.35)),
        Part(cap, solid("#1c57a8", 0.35)),
    ]
    return placed(parts, spin=30, pitch=-90, heading=48, at=(0, 0))


@item("plastic-detergent-bottle")
def detergent_bottle(rng: Generator) -> list[Part]:
    """A flat yellow bottle with a red cap, lying on its back."""
    outer = rounded([(0, 0.3), (3.6, 0), (4.2, 0), (4.2, 13), (3.5, 17), (1.6, 19.5), (1.5, 20.5)], 0.9)
    body = scaled(lathe(dense(outer, 0.3)), (1, 0.58, 1))
    image = tx.plain(600, 760, "#f6c51d")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((15, 15, 585, 745), 90, fill="#fafafa", outline="#d6261d", width=12)
    draw.ellipse((150, 380, 450, 680), fill="#8fd14f")
    draw.ellipse((220, 430, 400, 600), fill="#f7ef6a")
    tx.write(image, (0.5, 0.2), "KLARO", 150, "#d6261d")
    tx.write(image, (0.5, 0.36), "citrus dish soap", 58, "#1d3f8f")
    tx.write(image, (0.5, 0.94), "750 ml", 40, "#1d3f8f")
    label = scaled(lathe([(4.23, 2.2), (4.23, 12.5)], (38, 142)), (1, 0.582, 1))
    label = Mesh(label.points, label.faces, label.uv)
    cap = rounded([(0, 19.9), (1.8, 19.9), (1.6, 22.3), (0.9, 22.6), (0.7, 24.3), (0, 24.3)], 0.25)
    parts = [
        Part(body, solid("#f2bd14", 0.3)),
        Part(label, solid(tx.array(image), 0.35)),
        Part(lathe(cap), solid("#cf2018", 0.3)),
    ]
    return placed(parts, pitch=90, roll=0, heading=205)


@item("plastic-yoghurt-cup")
def yoghurt_cup(rng: Generator) -> list[Part]:
    """A printed white cup, lying, its lid off."""
    image = tx.plain(1200, 420, "#fbfbf8")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 310, 1200, 420), fill="#d83a6b")
    for k in range(12):
        x, y = k * 100 + 20, 250 + 30 * (k % 2)
        draw.ellipse((x, y, x + 74, y + 84), fill="#c51f3f")
        draw.polygon([(x + 15, y + 8), (x + 37, y - 16), (x + 60, y + 8)], fill="#3d9a3a")
    for across in (0.17, 0.5, 0.83):
        tx.write(image, (across, 0.25), "Jogurt", 120, "#23418f")
        tx.write(image, (across, 0.87), "strawberry", 60, "white")
    side = [(2.55, 0.3), (3.3, 7.6)]
    inner = rounded([(3.3, 7.6), (3.75, 7.65), (3.75, 7.85), (3.2, 7.85), (2.45, 0.5), (0, 0.5)], 0.08)
    base = rounded([(0, 0.2), (2.3, 0.2), (2.4, 0), (2.55, 0.3)], 0.08)
    white = solid("#f4f4f0", 0.35)
    parts = [Part(lathe(side), solid(tx.array(image), 0.35)), Part(lathe(inner), white), Part(lathe(base), white)]
    return placed(parts, spin=10, pitch=-78, heading=-60, at=(2, 0))


@item("plastic-fork")
def plastic_fork(rng: Generator) -> list[Part]:
    """A white picnic fork."""
    size, per_cm = (18.0, 4.0), 40.0
    mask = silhouette(
        [(-3, 0.5), (7.5, 0.65), (8.2, 0), (7.5, -0.65), (-3, -0.5), (-4.5, -1.2), (-4.5, 1.2)], size, per_cm
    )
    for y in (-1.02, -0.34, 0.34, 1.02):
        mask |= silhouette(
            [(-4, y + 0.22), (-7.6, y + 0.17), (-8.2, y), (-7.6, y - 0.17), (-4, y - 0.22)], size, per_cm, False
        )
    x = (np.arange(mask.shape[1]) / per_cm - 9)[None, :]
    y2 = (np.arange(mask.shape[0]) / per_cm - 2)[:, None]
    height = (
        inflated(mask, per_cm, 0.12)
        + 0.5
        + 0.7 * np.exp(-(((x + 2.5) / 3) ** 2))
        - 0.12 * np.exp(-((y2 / 0.25) ** 2)) * (x > -2)
    )
    return placed([Part(relief(height, mask, per_cm), solid("#f3f3f1", 0.25))], heading=35, at=(1, 0))


@item("plastic-bag")
def plastic_bag(rng: Generator) -> list[Part]:
    """A thin carrier bag, crumpled flat, with two handles."""
    size, per_cm = (22.0, 26.0), 16.0
    body = [
        (-8, -11),
        (8, -11),
        (8.4, 4),
        (7.5, 10.5),
        (4.6, 11),
        (3.4, 5),
        (-3.4, 5),
        (-4.6, 11),
        (-7.5, 10.5),
        (-8.4, 4),
    ]
    mask = silhouette(body, size, per_cm, False)
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]] / per_cm
    flat = np.stack([x, y], -1)
    height = inflated(mask, per_cm, 1.6)
    height *= 1 + 0.35 * noise(flat, rng, 9) + 0.55 * creases(flat, rng, 3.4) + 0.22 * creases(flat, rng, 1.3)
    image = tx.plain(880, 1040, "#f2f4f4")
    draw = ImageDraw.Draw(image)
    draw.ellipse((260, 480, 620, 840), outline="#1f8f4d", width=26)
    tx.write(image, (0.5, 0.60), "FRISCH", 96, "#1f8f4d")
    tx.write(image, (0.5, 0.69), "markt", 70, "#1f8f4d")
    bag = relief(np.maximum(height, 0.02), mask, per_cm)
    wobble = np.stack(
        [0.6 * noise(bag.points[:, :2], rng, 8), 0.6 * noise(bag.points[:, :2], rng, 8), 0 * bag.points[:, 2]], -1
    )
    bag = Mesh((bag.points + wobble) * [0.8, 0.8, 0.8], bag.faces, bag.uv)
    return placed([Part(bag, solid(tx.array(image), 0.22, clearcoat=0.6))], heading=-20)


# Batteries


def _cell(radius: float, length: float, image: Image.Image) -> list[Part]:
    """A round cell: printed wrap, steel ends, the nub up."""
    nub = radius * 0.38
    foot = rounded([(0, 0), (radius * 0.9, 0), (radius, 0.12)], 0.06)
    top = rounded(
        [(radius, length - 0.1), (radius * 0.9, length), (nub, length), (nub, length + 0.2), (0, length + 0.2)], 0.06
    )
    wrap = rounded([(radius * 0.96, 0.05), (radius, 0.1), (radius, length - 0.1), (radius * 0.9, length - 0.02)], 0.05)
    v = (wrap[:, 1] - wrap[0, 1]) / (wrap[-1, 1] - wrap[0, 1])
    mesh = lathe(wrap)
    uv = np.stack([mesh.uv[:, 0], np.repeat(v, len(mesh.uv) // len(v))], -1)
    steel = metal("Cr", 0.15)
    print_ = solid(tx.array(image), 0.25, 0.35)
    return [Part(Mesh(mesh.points, mesh.faces, uv), print_), Part(lathe(foot), steel), Part(lathe(top), steel)]


@item("battery-aa")
def battery_aa(rng: Generator) -> list[Part]:
    """An AA cell in black and copper, a little larger than life."""
    image = tx.plain(560, 640, "#151515")
    ImageDraw.Draw(image).rectangle((0, 0, 560, 190), fill="#b8692e")
    for x in (0.2, 0.7):
        tx.write(image, (x, 0.60), "VOLTA", 120, "white", turn=90)
        tx.write(image, (x + 0.22, 0.62), "AA LR6 1.5V", 44, "#e0a060", turn=90)
        tx.write(image, (x + 0.1, 0.12), "+", 90, "white")
    parts = [Part(scaled(p.mesh, (1.3, 1.3, 1.3)), p.material) for p in _cell(0.72, 5.0, image)]
    return placed(parts, spin=-20, pitch=-90, heading=-55, at=(-1, 1))


@item("battery-d-cell")
def battery_d(rng: Generator) -> list[Part]:
    """A D cell in green and silver."""
    image = tx.plain(900, 520, "#c9ccce")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 200, 900, 520), fill="#17663a")
    draw.rectangle((0, 180, 900, 205), fill="#f3d33b")
    for x in (0.2, 0.7):
        tx.write(image, (x, 0.65), "ENERGO", 100, "white", turn=90)
        tx.write(image, (x + 0.16, 0.65), "D  LR20  1.5 V", 44, "#f3d33b", turn=90)
        tx.write(image, (x, 0.16), "+", 110, "#222222")
    return placed(_cell(1.7, 6.1, image), spin=-10, pitch=-90, heading=115, at=(1, -1))


@item("battery-9v")
def battery_9v(rng: Generator) -> list[Part]:
    """A 9-volt block, its two contacts to the side, a little larger than life."""
    image = tx.plain(1200, 1300, "#20242c")
    draw = ImageDraw.Draw(image)
    for k in range(6):
        x, y = 400 * (k % 3), 650 * (k // 3)
        draw.rectangle((x, y + 470, x + 400, y + 650), fill="#c9a23a")
    draw.rectangle((0, 0, 400, 30), fill="#c9a23a")
    tx.write(image, (200 / 1200, 220 / 1300), "9V", 190, "#f2d06a")
    tx.write(image, (200 / 1200, 390 / 1300), "alkaline", 66, "white")
    tx.write(image, (200 / 1200, 560 / 1300), "6LR61", 60, "#20242c")
    steel = metal("Cr", 0.15)
    parts = [Part(box((2.65, 4.7, 1.7), 0.14), solid(tx.array(image), 0.28, 0.3))]
    for aside, profile in (
        (-0.63, [(0.36, 0), (0.36, 0.1), (0.28, 0.12), (0.28, 0.38), (0, 0.38)]),
        (0.63, [(0.42, 0), (0.36, 0.12), (0.44, 0.4), (0.3, 0.4), (0.28, 0.1), (0, 0.1)]),
    ):
        parts.append(Part(moved(lathe(rounded(profile, 0.04)), (-90, 0, 0), (aside, 2.35, 0)), steel))
    plate = moved(box((2.4, 0.1, 1.5), 0.04), shift=(0, 2.35, 0))
    parts.append(Part(plate, solid("#171717", 0.5)))
    return placed([Part(scaled(p.mesh, (1.3, 1.3, 1.3)), p.material) for p in parts], heading=-28, at=(-1, 0))


@item("battery-phone-pack")
def battery_pack(rng: Generator) -> list[Part]:
    """The flat lithium pack of a telephone."""
    image = tx.plain(1500, 1500, "#1b1c1f")
    draw = ImageDraw.Draw(image)
    tx.write(image, (250 / 1500, 90 / 1500), "Li-ion Battery", 62, "white")
    tx.write(image, (250 / 1500, 180 / 1500), "3.85 V  3200 mAh", 44, "#d8d8d8")
    draw.line((40, 230, 460, 230), fill="#8a8a8a", width=3)
    tx.column(image, (40, 250, 460, 500), 20, rng, "#bdbdbd")
    tx.barcode(image, (60, 530, 330, 620), rng)
    draw.ellipse((370, 530, 460, 620), outline="white", width=6)
    draw.line((378, 610, 452, 540), fill="white", width=6)
    parts = [Part(box((5.6, 8.4, 0.55), 0.2), solid(tx.array(image), 0.35))]
    for k in range(4):
        contact = moved(box((0.5, 0.06, 0.28), 0.03, 8), shift=(-1.2 + 0.8 * k, 4.2, 0))
        parts.append(Part(contact, metal("Au", 0.15)))
    tail = surface(np.stack([*np.meshgrid([-2.7, 2.7], [3.8, 4.1]), np.full((2, 2), 0.285)], -1))
    parts.append(Part(tail, solid("#c58a2a", 0.35)))
    return placed(parts, heading=24, at=(0, 0))
